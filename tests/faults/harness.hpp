// SPDX-License-Identifier: BSL-1.0
// Real processes as ranks of real worlds, and a parent that watches from outside, breaks them, and hears how each
// ended.
#pragma once

#include <doctest/doctest.h>

#include <tutti/tutti.hpp>

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
  std::uint16_t ports[8] = {};

  /// To be said before each call: a survivor's error must name this call and no other.
  void begins(char const* name) {
    calling = name;
    ++calls;
  }
  void begins(collective what) { begins(to_string(what).data()); }
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
}

/// One world of processes on loopback.
class job {
 public:
  explicit job(int size) : size_(size), ranks_(static_cast<std::size_t>(size)) {
#if defined(__linux__)
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // an orphan of an orphan becomes our child, and is found
#endif
    auto [listener, root] = tutti::detail::listen_on_loopback(size);
    listener_ = std::move(listener);
    how.root = root;
    how.size = size;
    how.job = "faults " + std::to_string(::getpid()) + " " + root;
    how.timeout = 20s;
    void* const page = ::mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page != MAP_FAILED);
    shared = new (page) board;
  }
  job(job const&) = delete;
  job& operator=(job const&) = delete;
  ~job() {
    for (auto const& r : ranks_)
      if (r.pid > 0 && !r.ended) ::kill(r.pid, SIGKILL);
    for (auto& r : ranks_) reap(r);
    ::munmap(shared, sizeof(board));
  }

  tutti::join_options how;  ///< of every rank; rank and listener are filled in
  board* shared = nullptr;
  bool ranks_abort = false;
  void (*prelude)() = nullptr;  ///< run in each rank before it joins

  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] std::uint16_t root_port() const {
    return static_cast<std::uint16_t>(std::stoi(how.root.substr(how.root.rfind(':') + 1)));
  }

  /// Forks a rank that joins and runs program(world, seat). `slot`: where its records go.
  template <class Program>
  void start(int slot, tutti::join_options mine, Program const& program) {
    member& m = ranks_[static_cast<std::size_t>(slot)];
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    tutti::detail::unique_fd ours(ends[0]);
    tutti::detail::unique_fd theirs(ends[1]);
    std::fflush(nullptr);
    pid_t const parent = ::getpid();
    m.pid = ::fork();
    REQUIRE(m.pid >= 0);
    if (m.pid == 0) {
      tutti::detail::die_with(parent);
      ours.reset();
      for (auto& other : ranks_) other.line.reset();
      if (mine.rank == 0 && listener_.open()) mine.listener = ::dup(listener_.get());  // owned by the join
      listener_.reset();
      for (int s : {SIGABRT, SIGSEGV, SIGTERM, SIGINT, SIGFPE, SIGILL, SIGPIPE}) ::signal(s, SIG_DFL);
      seat self;
      self.rank = mine.rank;
      self.shared = shared;
      self.line = theirs.get();
      self.aborts = ranks_abort;
      if (prelude != nullptr) prelude();
      live(self, mine, program);
      ::_exit(0);
    }
    m.line = std::move(ours);
  }
  template <class Program>
  void start(int rank, Program const& program) {
    tutti::join_options mine = how;
    mine.rank = rank;
    start(rank, mine, program);
  }
  template <class Program>
  void start_all(Program const& program) {
    for (int r = 0; r < size_; ++r) start(r, program);
    listener_.reset();
  }
  /// Rank 0 has it: nobody may be left waiting in the queue of a socket that only the parent holds.
  void close_listener() { listener_.reset(); }
  tutti::detail::unique_fd& listener() { return listener_; }

  /// Until `rank` has said that it is ready. False if it ended or the watchdog's patience did.
  bool wait_ready(int rank) {
    member& m = ranks_[static_cast<std::size_t>(rank)];
    while (!m.ready && !m.ended && hear(20s)) continue;
    return m.ready;
  }
  bool wait_all_ready() {
    bool all = true;
    for (int r = 0; r < size_; ++r) all = wait_ready(r) && all;
    return all;
  }
  [[nodiscard]] record const& first_news(int rank) const { return ranks_[static_cast<std::size_t>(rank)].introduction; }
  void go(int rank) { (void)!::send(ranks_[static_cast<std::size_t>(rank)].line.get(), "g", 1, MSG_NOSIGNAL); }
  void signal(int rank, int number) { ::kill(ranks_[static_cast<std::size_t>(rank)].pid, number); }
  /// The fault: the clock starts just before it.
  void strike(int rank, int number) {
    shared->fault_at = now();
    signal(rank, number);
  }
  /// Until this rank's process has ended. False: the watchdog ended it.
  bool wait_end(int rank, std::chrono::milliseconds patience = 20s) {
    member& m = ranks_[static_cast<std::size_t>(rank)];
    while (!m.ended && hear(patience)) continue;
    if (m.ended) return true;
    ::kill(m.pid, SIGKILL);
    reap(m);
    return false;
  }
  /// Until all have ended, then checks that nobody else is left behind.
  bool wait_all_end(std::chrono::milliseconds patience = 20s) {
    bool all = true;
    for (int r = 0; r < size_; ++r)
      if (ranks_[static_cast<std::size_t>(r)].pid > 0) all = wait_end(r, patience) && all;
    if (::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD) strays = true;
    return all;
  }
  bool strays = false;  ///< a process outlived its job

  /// What the rank said last; none if it ended without a word.
  [[nodiscard]] record const& said(int rank) const { return ranks_[static_cast<std::size_t>(rank)].last; }
  /// As waitpid gives it.
  [[nodiscard]] int status(int rank) const { return ranks_[static_cast<std::size_t>(rank)].status; }
  /// From the fault to the throw.
  [[nodiscard]] std::int64_t took(int rank) const { return said(rank).at - shared->fault_at; }

 private:
  struct member {
    pid_t pid = -1;
    tutti::detail::unique_fd line;
    bool ready = false;
    bool ended = false;
    int status = -1;
    record introduction{};
    record last{};
  };

  template <class Program>
  static void live(seat& self, tutti::join_options const& mine, Program const& program) {
    record r;
    int const before = open_descriptors() - (mine.listener >= 0 ? 1 : 0);
    try {
      auto const joined = tutti::group::join_world(mine);
      for (std::size_t k = 0; k < joined->peers.size() && k < 8; ++k) self.ports[k] = joined->peers[k].port();
      auto world = tutti::group::make_world<tutti::transport::any>(joined, mine);
      try {
        program(world, self);
        r.what = record::news::returned;
      } catch (tutti::error const& e) {
        note(r, e);
        ask_again(r, world);
        if (self.aborts) world.give_up(e.what());
      }
    } catch (tutti::error const& e) {
      note(r, e);
    } catch (std::exception const& e) {
      r.at = now();
      r.what = record::news::threw_else;
      put(r.cause, e.what());
    }
    sum_up(r, self);
    r.leaked = open_descriptors() - before;
    (void)!::send(self.line, &r, sizeof r, MSG_NOSIGNAL);
  }

  void reap(member& m) {
    if (m.pid <= 0 || m.ended) return;
    while (::waitpid(m.pid, &m.status, 0) < 0 && errno == EINTR) continue;
    m.ended = true;
    m.line.reset();
  }
  /// Takes one round of news. False if there was none for `patience`.
  bool hear(std::chrono::milliseconds patience) {
    std::vector<pollfd> waits;
    for (auto const& m : ranks_) waits.push_back({m.line.open() ? m.line.get() : -1, POLLIN, 0});
    int const n = ::poll(waits.data(), static_cast<nfds_t>(waits.size()), static_cast<int>(patience.count()));
    if (n < 0 && errno == EINTR) return true;
    if (n <= 0) return false;
    for (std::size_t i = 0; i < waits.size(); ++i) {
      if (waits[i].revents == 0) continue;
      member& m = ranks_[i];
      record r;
      auto const got = ::recv(m.line.get(), &r, sizeof r, MSG_DONTWAIT);
      if (got == static_cast<ssize_t>(sizeof r)) {
        if (r.what == record::news::ready) {
          m.ready = true;
          m.introduction = r;
        } else {
          m.last = r;
        }
      } else if (got >= 0 || (errno != EAGAIN && errno != EINTR)) {
        reap(m);
      }
    }
    return true;
  }

  int size_;
  tutti::detail::unique_fd listener_;
  std::vector<member> ranks_;
};

/// Times from the fault to the throw, over all survivors of all runs.
class latencies {
 public:
  void add(std::int64_t ns) { all_.push_back(static_cast<double>(ns) * 1e-6); }
  void print(std::string const& what, double promise_ms) {
    if (all_.empty()) return;
    std::sort(all_.begin(), all_.end());
    auto const at = [&](double q) { return all_[static_cast<std::size_t>(q * static_cast<double>(all_.size() - 1))]; };
    auto const late = std::count_if(all_.begin(), all_.end(), [&](double t) { return t > promise_ms; });
    std::printf(
        "  %-28s %5zu survivors: p50 %8.2f ms  p99 %8.2f ms  max %8.2f ms; promised %.0f ms, later than that: %td\n",
        what.c_str(), all_.size(), at(0.5), at(0.99), all_.back(), promise_ms, late);
  }

 private:
  std::vector<double> all_;
};

/// What every survivor must have seen, in the call it was making.
struct expected {
  error_kind kind{};
  int blamed = -1;
  std::chrono::milliseconds promise = 100ms;
  std::vector<std::string> words{};  ///< of its cause
};

inline std::string text(record const& r) {
  return (r.what == record::news::threw ? std::string(to_string(r.kind)) : std::to_string(static_cast<int>(r.what))) +
         ", rank " + std::to_string(r.blamed) + ", \"" + r.operation + "\": " + r.cause;
}

/// Kind, blamed rank, operation and time of one survivor.
inline void check_said(record const& r, int rank, std::int64_t fault_at, expected const& e,
                       latencies* times = nullptr) {
  CAPTURE(rank);
  INFO("said: " << text(r));
  CHECK(r.what == record::news::threw);
  CHECK(to_string(r.kind) == to_string(e.kind));
  CHECK(r.blamed == e.blamed);
  for (auto const& w : e.words) {
    CAPTURE(w);
    CHECK(has(r.cause, w));
  }
  std::string const call = std::string(r.calling) + " #" + std::to_string(r.calls) + " ";
  CAPTURE(call);
  CHECK(std::string(r.operation).starts_with(call));
  CHECK(r.at > fault_at);
  CHECK(r.at - fault_at < 10 * std::chrono::nanoseconds(e.promise).count());
  CHECK(r.same_again);
  CHECK(r.again_took < 1'000'000'000);
  if (times != nullptr) times->add(r.at - fault_at);
}
/// And that its process ended clean.
inline void check_survivor(job const& j, int rank, expected const& e, latencies* times = nullptr) {
  check_said(j.said(rank), rank, j.shared->fault_at, e, times);
  CAPTURE(rank);
  CHECK(j.said(rank).leaked == 0);
  CHECK(j.status(rank) == 0);
}
inline void check_survivors(job const& j, expected const& e, latencies* times = nullptr) {
  for (int r = 0; r < j.size(); ++r)
    if (r != e.blamed) check_survivor(j, r, e, times);
}

/// All ranks returned, and nothing is left of them.
inline void check_unharmed(job const& j, int rank) {
  record const& r = j.said(rank);
  CAPTURE(rank);
  INFO("said: " << text(r));
  CHECK(r.what == record::news::returned);
  CHECK(r.leaked == 0);
  CHECK(j.status(rank) == 0);
}

/// The same for ranks that are threads of this process.
template <class Program>
std::vector<record> live_as_threads(int n, tutti::join_options const& how, board& shared, Program const& program) {
  std::vector<record> said(static_cast<std::size_t>(n));
  auto const ended = tutti::testing::try_ranks(
      n,
      [&](tutti::communicator& world) {
        record& r = said[static_cast<std::size_t>(world.rank())];
        seat self;
        self.rank = world.rank();
        self.shared = &shared;
        try {
          program(world, self);
          r.what = record::news::returned;
        } catch (tutti::error const& e) {
          note(r, e);
          ask_again(r, world);
        }
        sum_up(r, self);
      },
      tutti::testing::over::memory, how);
  for (std::size_t k = 0; k < ended.size(); ++k)
    if (ended[k].thrown) said[k].what = record::news::threw_else;
  return said;
}

}  // namespace faults
