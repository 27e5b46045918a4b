// SPDX-License-Identifier: BSL-1.0
// Measures what it is told to: rank 0 reads orders from a socket and answers each with a line of JSON. The same for
// every library, which supplies four calls; a program lives through many cells and sleeps while others are measured.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "board.hpp"
#include "cell.hpp"

namespace bench {

/// What a library under test must offer; `prepare` gives what runs one call, again and again.
template <class L>
concept library = requires(L& lib, job<float> const& f, job<std::uint8_t> const& b) {
  { lib.rank() } -> std::convertible_to<int>;
  { lib.size() } -> std::convertible_to<int>;
  { lib.prepare(f) } -> std::convertible_to<std::function<void()>>;
  { lib.prepare(b) } -> std::convertible_to<std::function<void()>>;
  { L::checked } -> std::convertible_to<bool>;  // false: moves bytes only, results mean nothing
  lib.barrier();
};

inline double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1) + 0.5)];
}

template <library L, class T>
class measurement {
 public:
  measurement(L& lib, board& shared, order const& o, std::string_view variant)
      : lib_(lib),
        board_(shared),
        cell_(call_named(o.call), o.count, lib.rank(), lib.size(), variant),
        run_(lib.prepare(cell_.wanted())),
        seconds_(o.seconds) {}

  /// On rank 0 the answer.
  std::string operator()() {
    separated(20, 2, seconds_ / 3);
    int const samples = separated(max_samples, 4, seconds_);
    std::vector<double> times;
    if (lib_.rank() == 0)
      for (int i = 0; i < samples; ++i) times.push_back(slowest(i));
    double const median_us = times.empty() ? 0 : percentile(times, 0.5);
    int const calls = back_to_back(median_us);
    if (lib_.rank() != 0) return {};
    char line[320];
    std::snprintf(line, sizeof line,
                  "{\"samples\": %d, \"p50\": %.3f, \"p99\": %.3f, \"min\": %.3f, \"calls\": %d, \"mean\": %.3f, "
                  "\"wrong\": %llu}\n",
                  samples, median_us, percentile(times, 0.99), percentile(times, 0), calls, slowest(0) / calls,
                  static_cast<unsigned long long>(board_.wrong.exchange(0)));
    return line;
  }

 private:
  /// One call per round between barriers, every element of every round checked: at most `most` rounds, and no more
  /// once `seconds` are over and `least` are done. Returns the rounds done.
  int separated(int most, int least, double seconds) {
    auto const deadline = now() + static_cast<std::int64_t>(seconds * 1e9);
    for (int i = 0;; ++i) {
      cell_.fill(++round_);
      auto& stop = board_.stop[round_ & 1U];
      if (lib_.rank() == 0) stop = i >= most || (i >= least && now() > deadline);
      lib_.barrier();
      board_.align(lib_.size());
      if (stop) return i;
      auto const start = now();
      run_();
      record(i, start, now());
      check();
    }
  }

  /// Many calls, one clock reading before and after; then one more that is checked.
  int back_to_back(double median_us) {
    cell_.fill_balanced();
    if (lib_.rank() == 0)
      board_.planned = static_cast<int>((std::clamp)(seconds_ / 2 * 1e6 / (std::max)(median_us, 1.0), 2.0, 1e5));
    for (int i = 0; i < 2; ++i) run_();
    lib_.barrier();
    board_.align(lib_.size());
    int const calls = board_.planned;
    auto const start = now();
    for (int i = 0; i < calls; ++i) run_();
    auto const end = now();
    board_.align(lib_.size());
    cell_.fill(++round_);
    lib_.barrier();
    run_();
    check();
    lib_.barrier();
    record(0, start, end);
    board_.align(lib_.size());
    return calls;
  }

  void record(int i, std::int64_t start, std::int64_t end) {
    board_.samples[static_cast<std::size_t>(lib_.rank())][static_cast<std::size_t>(i)] = {start, end};
  }
  void check() {
    if (L::checked) board_.wrong += cell_.wrong(round_);
  }
  [[nodiscard]] double slowest(int i) const {
    auto first = std::numeric_limits<std::int64_t>::max();
    auto last = std::numeric_limits<std::int64_t>::min();
    for (int r = 0; r < lib_.size(); ++r) {
      auto const& t = board_.samples[static_cast<std::size_t>(r)][static_cast<std::size_t>(i)];
      first = (std::min)(first, t.start);
      last = (std::max)(last, t.end);
    }
    return static_cast<double>(last - first) / 1e3;
  }

  L& lib_;
  board& board_;
  cell<T> cell_;
  std::function<void()> run_;
  double seconds_;
  unsigned round_ = 0;
};

/// The driver's end of the conversation; rank 0 alone has one.
class conversation {
 public:
  explicit conversation(std::string const& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot reach the bench at " + path);
  }
  conversation(conversation const&) = delete;
  conversation& operator=(conversation const&) = delete;
  ~conversation() { ::close(socket_); }

  /// The next order, "quit" at the end of the conversation.
  order hear() {
    std::string line;
    for (char c = 0; ::read(socket_, &c, 1) == 1 && c != '\n';) line += c;
    order o{};
    if (std::sscanf(line.c_str(), "%15s %7s %zu %lf %31s", o.call, o.type, &o.count, &o.seconds, o.variant) != 5)
      std::strcpy(o.call, "quit");
    return o;
  }
  void say(std::string const& answer) {
    if (::write(socket_, answer.data(), answer.size()) != static_cast<ssize_t>(answer.size()))
      throw std::runtime_error("the bench has gone");
  }

 private:
  int socket_;
};

/// The value of an option, or "" if it is not there.
inline std::string option(int argc, char** argv, std::string_view name) {
  for (int i = 1; i + 1 < argc; ++i)
    if (argv[i] == name) return argv[i + 1];
  return {};
}

/// Serves orders until told to quit. Options: `--control SOCKET --shared FILE`, a fresh, empty file.
template <library L>
void serve(L& lib, int argc, char** argv) {
  if (lib.size() > max_ranks) throw std::invalid_argument("at most 64 ranks");
  board& shared = board::open(option(argc, argv, "--shared"));
  std::optional<conversation> driver;
  if (lib.rank() == 0) driver.emplace(option(argc, argv, "--control"));
  for (std::uint32_t seen = 0;; ++seen) {
    if (lib.rank() == 0)
      shared.give(driver->hear());
    else
      shared.sleep(seen);
    order const o = shared.next;
    if (std::string_view(o.call) == "quit") return;
    std::string_view const variant = o.variant;
    std::string const answer = std::string_view(o.type) == "float"
                                   ? measurement<L, float>(lib, shared, o, variant)()
                                   : measurement<L, std::uint8_t>(lib, shared, o, variant)();
    if (lib.rank() == 0) driver->say(answer);
  }
}

}  // namespace bench
