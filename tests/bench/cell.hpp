// SPDX-License-Identifier: BSL-1.0
// One cell of the bench: the buffers of a collective call, the values they start with and those it must leave.
//
// Every value depends on rank, index and round, repeats every 251 elements, a prime, so that a block at a wrong place
// shows, and is a small whole number, so that any order of summation is exact.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

enum class call { allreduce, broadcast, reduce, scatter, gather, allgather, reduce_scatter, alltoall, barrier };
inline constexpr std::string_view call_names[] = {"allreduce", "broadcast",      "reduce",   "scatter", "gather",
                                                  "allgather", "reduce_scatter", "alltoall", "barrier"};

inline call call_named(std::string_view name) {
  auto const at = std::find(std::begin(call_names), std::end(call_names), name);
  if (at == std::end(call_names)) throw std::invalid_argument("there is no call " + std::string(name));
  return static_cast<call>(at - std::begin(call_names));
}

inline constexpr int root = 0;

/// What a library is asked to do: allreduce, broadcast and reduce work in place (`in` is `out`), the others move
/// blocks of `count` elements.
template <class T>
struct job {
  call what;
  std::span<T> in, out;
  std::size_t count;
  std::string_view variant;
};

template <class T>
class cell {
 public:
  cell(call what, std::size_t count, int rank, int size, std::string_view variant)
      : what_(what), count_(count), rank_(rank), size_(size), in_(length_in()), out_(in_place() ? 0 : length_out()) {
    job_ = {what, in_, in_place() ? std::span<T>(in_) : std::span<T>(out_), count, variant};
  }
  [[nodiscard]] job<T> const& wanted() const { return job_; }

  void fill(unsigned round) {
    if (!in_.empty()) tile(in_, table([&](unsigned i) { return value(rank_, i, round); }), 0, copy);
  }
  /// Fills so that the sum over all ranks is zero: a loop of calls in place neither grows nor overflows.
  void fill_balanced() {
    auto const zero_sum = [&](unsigned i) {
      return static_cast<T>(value(rank_, i, 0) - value((rank_ + 1) % size_, i, 0));
    };
    if (!in_.empty()) tile(in_, table(zero_sum), 0, copy);
  }

  /// How many elements of the result are not what they must be.
  [[nodiscard]] std::uint64_t wrong(unsigned round) {
    auto const of = [&](int r) { return table([&](unsigned i) { return value(r, i, round); }); };
    auto const own = count_ * static_cast<std::size_t>(rank_);  // where this rank's block begins
    switch (what_) {
      case call::allreduce:
        return differing(job_.out, sums(round), 0);
      case call::reduce:
        return rank_ == root ? differing(job_.out, sums(round), 0) : 0;
      case call::broadcast:
        return differing(job_.out, of(root), 0);
      case call::scatter:
        return differing(job_.out, of(root), own);
      case call::reduce_scatter:
        return differing(job_.out, sums(round), own);
      case call::gather:
      case call::allgather:
      case call::alltoall:
        break;
      case call::barrier:
        return 0;
    }
    if (job_.out.empty()) return 0;
    std::uint64_t found = 0;
    for (int q = 0; q < size_; ++q)
      found += differing(job_.out.subspan(count_ * static_cast<std::size_t>(q), count_), of(q),
                         what_ == call::alltoall ? own : 0);
    return found;
  }

 private:
  static constexpr std::size_t period = 251, repeats = 16;

  [[nodiscard]] bool in_place() const {
    return what_ == call::allreduce || what_ == call::broadcast || what_ == call::reduce;
  }
  [[nodiscard]] std::size_t blocks() const { return count_ * static_cast<std::size_t>(size_); }
  [[nodiscard]] std::size_t length_in() const {
    switch (what_) {
      case call::barrier:
        return 0;
      case call::scatter:
        return rank_ == root ? blocks() : 0;
      case call::reduce_scatter:
      case call::alltoall:
        return blocks();
      default:
        return count_;
    }
  }
  [[nodiscard]] std::size_t length_out() const {
    switch (what_) {
      case call::barrier:
        return 0;
      case call::gather:
        return rank_ == root ? blocks() : 0;
      case call::allgather:
      case call::alltoall:
        return blocks();
      default:
        return count_;
    }
  }

  static T value(int rank, unsigned i, unsigned round) {
    auto const r = static_cast<unsigned>(rank);
    return static_cast<T>(((i + round) * (2 * r + 1) + r) % 31U);
  }
  template <class Value>
  static std::vector<T> table(Value of) {
    std::vector<T> all(period * repeats);
    for (unsigned i = 0; i < period; ++i) all[i] = of(i);
    for (std::size_t i = period; i < all.size(); ++i) all[i] = all[i - period];
    return all;
  }
  [[nodiscard]] std::vector<T> sums(unsigned round) const {
    return table([&](unsigned i) {
      T sum{};
      for (int r = 0; r < size_; ++r) sum = static_cast<T>(sum + value(r, i, round));
      return sum;
    });
  }

  /// Calls `use(data, values, n)` for pieces of `data` beside what the periodic values from `phase` on say.
  template <class Use>
  static void tile(std::span<T> data, std::vector<T> const& values, std::size_t phase, Use use) {
    phase %= period;
    for (std::size_t at = 0; at < data.size();) {
      std::size_t const n = (std::min)(data.size() - at, period * (repeats - 1));
      use(data.data() + at, values.data() + phase, n);
      at += n;
    }
  }
  static void copy(T* to, T const* from, std::size_t n) { std::memcpy(to, from, n * sizeof(T)); }
  static std::uint64_t differing(std::span<T> data, std::vector<T> const& values, std::size_t phase) {
    std::uint64_t found = 0;
    tile(data, values, phase, [&](T const* seen, T const* wanted, std::size_t n) {
      if (std::memcmp(seen, wanted, n * sizeof(T)) == 0) return;
      for (std::size_t i = 0; i < n; ++i) found += seen[i] != wanted[i] ? 1 : 0;
    });
    return found;
  }

  call what_;
  std::size_t count_;
  int rank_, size_;
  std::vector<T> in_, out_;
  job<T> job_{};
};

}  // namespace bench
