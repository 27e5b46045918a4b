// SPDX-License-Identifier: BSL-1.0
// Times and checks one allreduce of floats; the library under test supplies four calls, everything else is shared.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// What a library under test must offer. `allreduce` sums in place over all ranks.
template <class L>
concept library = requires(L& lib, std::span<float> data) {
  { lib.rank() } -> std::convertible_to<int>;
  { lib.size() } -> std::convertible_to<int>;
  lib.allreduce(data);
  lib.barrier();
};

struct settings {
  std::size_t bytes = 4;
  int iterations = 1000;   // at most, per mode
  int warmup = 20;         // untimed calls before each mode
  double seconds = 0.15;   // stop a mode after this long, but not before ten iterations
  bool latency = true;     // barrier, then one timed call: max(end) - max(start) over ranks
  bool throughput = true;  // calls back to back
  std::string shared;      // a fresh, empty file that all ranks map
};

/// The monotonic clock, which all processes of one host share, in nanoseconds.
inline std::int64_t now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

inline settings parse(int argc, char** argv) {
  settings s;
  for (int i = 1; i < argc; i += 2) {
    std::string_view const name = argv[i];
    if (i + 1 == argc) throw std::invalid_argument(std::string(name) + " needs a value");
    std::string const value = argv[i + 1];
    if (name == "--bytes") {
      s.bytes = std::stoull(value);
    } else if (name == "--iterations") {
      s.iterations = std::stoi(value);
    } else if (name == "--warmup") {
      s.warmup = std::stoi(value);
    } else if (name == "--seconds") {
      s.seconds = std::stod(value);
    } else if (name == "--shared") {
      s.shared = value;
    } else if (name == "--mode" && (value == "both" || value == "latency" || value == "throughput")) {
      s.latency = value != "throughput";
      s.throughput = value != "latency";
    } else {
      throw std::invalid_argument("unknown option " + std::string(name) + " " + value +
                                  "; known: --bytes --iterations --warmup --seconds --shared, "
                                  "--mode both|latency|throughput");
    }
  }
  if (s.shared.empty()) throw std::invalid_argument("--shared FILE is needed: a fresh, empty file on this host");
  if (s.bytes == 0 || s.bytes % sizeof(float) != 0) throw std::invalid_argument("--bytes must be a multiple of 4");
  return s;
}

inline constexpr int max_ranks = 64;
inline constexpr int max_samples = 4096;

/// Memory common to all ranks, so that neither timestamps nor counts travel through the library under test.
struct board {
  std::atomic<int> arrived;
  std::atomic<int> generation;
  std::atomic<int> planned;  // back-to-back calls, chosen by rank 0
  std::atomic<bool> stop;
  std::atomic<std::uint64_t> wrong;
  struct sample {
    std::int64_t start, end;
  };
  std::array<std::array<sample, max_samples>, max_ranks> samples;

  /// Opens the file that all ranks map; a fresh file reads as zeros, which is the initial state.
  static board& open(std::string const& path) {
    int const fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ::ftruncate(fd, sizeof(board)) != 0) throw std::runtime_error("cannot open " + path);
    void* const at = ::mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (at == MAP_FAILED) throw std::runtime_error("cannot map " + path);
    return *static_cast<board*>(at);
  }

  /// Lets all ranks go at the same moment, whatever the skew of the library's own barrier. Throws when a rank is
  /// missing for 30 s, so that a dead one leaves nobody spinning.
  void align(int size) {
    int const before = generation.load(std::memory_order_acquire);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == size) {
      arrived.store(0, std::memory_order_relaxed);
      generation.store(before + 1, std::memory_order_release);
    } else {
      auto const deadline = now() + std::int64_t{30'000'000'000};
      while (generation.load(std::memory_order_acquire) == before) {
        if (now() > deadline) throw std::runtime_error("a rank did not arrive within 30 s");
        sched_yield();
      }
    }
  }
};

/// Small integers, different for every rank, element and round, so that any order of summation is exact and any
/// lost, repeated or late contribution shows. They repeat every 256 elements.
class pattern {
 public:
  pattern(int rank, int size, unsigned round) {
    for (unsigned i = 0; i < mine_.size(); ++i) {
      mine_[i] = value(rank, i, round);
      for (int r = 0; r < size; ++r) sum_[i] += value(r, i, round);
      balanced_[i] = mine_[i] - value((rank + 1) % size, i, round);
    }
  }
  void fill(std::span<float> data) const { tile(data, mine_); }
  /// Values whose sum over all ranks is zero: an in-place loop over them neither grows nor overflows.
  void fill_balanced(std::span<float> data) const { tile(data, balanced_); }
  [[nodiscard]] std::uint64_t wrong(std::span<float const> data) const {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < data.size(); ++i) count += !(data[i] == sum_[i & 255U]);
    return count;
  }

 private:
  using table = std::array<float, 256>;
  static float value(int rank, unsigned i, unsigned round) {
    unsigned const r = static_cast<unsigned>(rank);
    return static_cast<float>(((i + round) * (2 * r + 1) + r) & 255U);
  }
  static void tile(std::span<float> data, table const& from) {
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = from[i & 255U];
  }
  table mine_{}, sum_{}, balanced_{};
};

inline double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1) + 0.5)];
}

template <library L>
class measurement {
 public:
  measurement(L& lib, settings const& s)
      : lib_(lib), s_(s), rank_(lib.rank()), size_(lib.size()), board_(board::open(s.shared)), data_(s.bytes / 4) {
    if (size_ > max_ranks) throw std::invalid_argument("at most 64 ranks");
  }

  /// Runs the modes asked for; rank 0 prints one line of JSON. Returns the number of wrong elements over all ranks.
  std::uint64_t run(std::string_view name) {
    if (s_.latency) {
      separated((std::min)(s_.warmup, max_samples), s_.seconds);
      samples_ = separated((std::min)(s_.iterations, max_samples), s_.seconds);
      if (rank_ == 0) summarise();
    }
    if (s_.throughput) back_to_back();
    lib_.barrier();
    board_.align(size_);
    auto const wrong = board_.wrong.load();
    if (rank_ == 0) print(name, wrong);
    return wrong;
  }

 private:
  /// One call per round between barriers, every element of every round checked. Returns the rounds done.
  int separated(int iterations, double seconds) {
    auto const deadline = now() + static_cast<std::int64_t>(seconds * 1e9);
    for (int i = 0;; ++i) {
      pattern const values(rank_, size_, round_++);
      values.fill(data_);
      lib_.barrier();  // only now has every rank read the last round's `stop`
      if (rank_ == 0) board_.stop = i >= iterations || (i >= 10 && now() > deadline);
      board_.align(size_);
      if (board_.stop) return i;
      auto const start = now();
      lib_.allreduce(data_);
      auto const end = now();
      board_.samples[static_cast<std::size_t>(rank_)][static_cast<std::size_t>(i)] = {start, end};
      board_.wrong += values.wrong(data_);
    }
  }

  /// Many calls, one clock reading before and after; what is left is checked, and so is one more call.
  void back_to_back() {
    pattern const values(rank_, size_, round_++);
    values.fill_balanced(data_);
    lib_.barrier();
    auto const before = now();
    int const trial = (std::max)(1, s_.warmup);
    for (int i = 0; i < trial; ++i) lib_.allreduce(data_);
    if (rank_ == 0) {
      double const once = static_cast<double>(now() - before) / trial;
      double const fitting = s_.seconds * 1e9 / (std::max)(once, 1.0);
      board_.planned = static_cast<int>((std::max)((std::min)(fitting, 20.0 * s_.iterations), 10.0));
    }
    lib_.barrier();
    board_.align(size_);
    int const calls = board_.planned;
    auto const start = now();
    for (int i = 0; i < calls; ++i) lib_.allreduce(data_);
    auto const end = now();
    board_.samples[static_cast<std::size_t>(rank_)][0] = {start, end};
    for (float const v : data_) board_.wrong += !(v == 0.0F);
    values.fill(data_);
    lib_.allreduce(data_);
    board_.wrong += values.wrong(data_);
    lib_.barrier();
    board_.align(size_);
    calls_ = calls;
    mean_us_ = slowest(0) / calls;
  }

  [[nodiscard]] double slowest(int i) const {
    auto first = std::numeric_limits<std::int64_t>::min(), last = first;
    for (int r = 0; r < size_; ++r) {
      auto const& t = board_.samples[static_cast<std::size_t>(r)][static_cast<std::size_t>(i)];
      first = (std::max)(first, t.start);
      last = (std::max)(last, t.end);
    }
    return static_cast<double>(last - first) / 1e3;
  }

  void summarise() {
    std::vector<double> times;
    for (int i = 0; i < samples_; ++i) times.push_back(slowest(i));
    if (times.empty()) return;
    median_us_ = percentile(times, 0.5);
    p95_us_ = percentile(times, 0.95);
    min_us_ = percentile(times, 0);
  }

  void print(std::string_view name, std::uint64_t wrong) const {
    std::printf(
        "{\"library\": \"%.*s\", \"ranks\": %d, \"bytes\": %zu, \"wrong\": %llu, \"samples\": %d, \"median_us\": %.3f, "
        "\"p95_us\": %.3f, \"min_us\": %.3f, \"calls\": %d, \"mean_us\": %.3f}\n",
        static_cast<int>(name.size()), name.data(), size_, s_.bytes, static_cast<unsigned long long>(wrong), samples_,
        median_us_, p95_us_, min_us_, calls_, mean_us_);
    std::fflush(stdout);
  }

  L& lib_;
  settings const& s_;
  int rank_, size_;
  board& board_;
  std::vector<float> data_;
  unsigned round_ = 0;
  int samples_ = 0, calls_ = 0;
  double median_us_ = 0, p95_us_ = 0, min_us_ = 0, mean_us_ = 0;
};

}  // namespace bench
