// SPDX-License-Identifier: BSL-1.0
// What a rank under test says of itself to the parent that watches it, and the little that both need.
#pragma once

#include <tutti/tutti.hpp>

#include <dirent.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

namespace faults {

using namespace std::chrono_literals;
using tutti::error_kind;
using tutti::plan::collective;

/// The clock that all processes of a host share, in nanoseconds.
inline std::int64_t now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}
/// Part of an injected fault, never a way to wait for something.
inline void pass_time(std::chrono::nanoseconds d) {
  timespec t{static_cast<time_t>(d.count() / 1'000'000'000), static_cast<long>(d.count() % 1'000'000'000)};
  while (::nanosleep(&t, &t) != 0 && errno == EINTR) continue;
}
inline int open_descriptors() {
  DIR* const all = ::opendir("/proc/self/fd");
  if (all == nullptr) return 0;
  int count = 0;
  while (::readdir(all) != nullptr) ++count;
  ::closedir(all);
  return count;
}
inline bool has(std::string const& text, std::string const& part) { return text.find(part) != text.npos; }

/// How often each random fault is injected: TUTTI_FAULT_RUNS, or `usual`.
inline int runs(int usual) {
  char const* const asked = std::getenv("TUTTI_FAULT_RUNS");
  return asked != nullptr && std::atoi(asked) > 0 ? std::atoi(asked) : usual;
}

/// What a rank tells the parent; one datagram.
struct record {
  enum class news : std::uint8_t { none, ready, returned, threw, threw_else } what = news::none;
  error_kind kind{};
  int blamed = -1;
  std::int64_t at = 0;          ///< when it was thrown
  std::uint64_t calls = 0;      ///< how many calls the rank had begun
  char calling[32] = {};        ///< the last of them
  bool message = false;         ///< it was one between ranks: those are not numbered
  bool same_again = false;      ///< a later call on the revoked communicator said the same
  std::int64_t again_took = 0;  ///< and took so long
  int leaked = 0;               ///< descriptors, once the communicator is gone
  std::uint16_t ports[8] = {};  ///< with ready: where the ranks accept, where known
  char operation[160] = {};
  char cause[600] = {};
};

template <std::size_t N>
void put(char (&to)[N], std::string const& text) {
  std::size_t const n = (std::min)(text.size(), N - 1);
  std::memcpy(to, text.data(), n);
  to[n] = '\0';
}
inline void note(record& r, tutti::error const& e) {
  r.at = now();
  r.what = record::news::threw;
  r.kind = e.kind();
  r.blamed = e.rank();
  put(r.operation, e.operation());
  put(r.cause, e.facts().cause);
}
/// The next call on a revoked communicator says the same thing at once.
inline void ask_again(record& r, tutti::communicator& world) {
  auto const begin = now();
  try {
    barrier(world);
  } catch (tutti::error const& e) {
    r.same_again = e.kind() == r.kind && e.rank() == r.blamed && std::string(r.cause) == e.facts().cause &&
                   e.operation().starts_with("barrier #");
  }
  r.again_took = now() - begin;
}

/// Written by the injector and read by the ranks, across processes.
struct board {
  std::atomic<std::int64_t> fault_at{0};
  std::atomic<bool> stop{false};
};

/// A rank's place in the job; lives in the rank's process.
struct seat {
  int rank = 0;
  board* shared = nullptr;
  int line = -1;            ///< to the parent
  bool aborts = false;      ///< how the rank ends after an error: true as run() does, false by leaving
  std::uint64_t calls = 0;  ///< begun so far, counted by begins()
  char const* calling = "";
  bool message = false;
  std::uint16_t ports[8] = {};

  /// To be said before each call: a survivor's error must name this call and no other.
  void begins(char const* name) {
    calling = name;
    ++calls;
  }
  void begins(collective what) {
    begins(to_string(what).data());
    message = what >= tutti::plan::message::send;
  }
  /// Records that the fault happens now, to be called by the rank that is the fault.
  void fault_now() const { shared->fault_at = now(); }
  void ready() const {
    record r;
    r.what = record::news::ready;
    std::copy_n(ports, 8, r.ports);
    (void)!::send(line, &r, sizeof r, MSG_NOSIGNAL);
  }
  /// Until the parent says go.
  void wait_for_go() const {
    char byte = 0;
    while (::recv(line, &byte, 1, 0) < 0 && errno == EINTR) continue;
  }
};

inline void sum_up(record& r, seat const& self) {
  r.calls = self.calls;
  put(r.calling, self.calling);
  r.message = self.message;
}

}  // namespace faults
