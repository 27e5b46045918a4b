// SPDX-License-Identifier: BSL-1.0
// moments: count, mean, variance and extremes of numbers seen one by one, on any number of ranks.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <tutti/core/math.hpp>
#include <tutti/core/merge.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// A mean in two parts, hi + lo, so that a small step is not lost in a large value: of 1e9 + U(0, 1) a double alone
/// keeps too few digits for the variance. Knuth's two-sum; -ffast-math would undo it.
template <std::floating_point T>
struct running_mean {
  T hi = 0;
  T lo = 0;

  [[nodiscard]] constexpr T distance_of(T x) const noexcept { return (x - hi) - lo; }
  /// other - *this
  [[nodiscard]] constexpr T distance_of(running_mean const& other) const noexcept {
    return (other.hi - hi) + (other.lo - lo);
  }
  constexpr void move_by(T step) noexcept {
    T const low = lo + step;
    T const sum = hi + low;
    T const back = sum - hi;
    lo = (hi - (sum - back)) + (low - back);
    hi = sum;
  }
};

}  // namespace detail

/// `m.add(x)` for every number, then `allreduce(comm, m, merge)`: a value of 48 bytes (in double) whose fold is that of
/// one process over all the numbers, but for rounding. Never E[x²] - E[x]², which loses every digit where the mean is
/// large; Welford 1962 and Chan, Golub & LeVeque 1979, with the mean kept in two parts. NaN in gives NaN out.
template <std::floating_point T = double>
class moments {
 public:
  constexpr void add(T x) noexcept {
    ++count_;
    T const before = mean_.distance_of(x);
    mean_.move_by(before / static_cast<T>(count_));
    squares_ += before * mean_.distance_of(x);
    if (x < min_) min_ = x;
    if (x > max_) max_ = x;
  }
  constexpr void merge(moments const& other) noexcept {
    if (other.count_ == 0) return;
    if (count_ == 0) {
      *this = other;
      return;
    }
    auto const a = static_cast<T>(count_);
    auto const b = static_cast<T>(other.count_);
    T const apart = mean_.distance_of(other.mean_);
    squares_ += other.squares_ + apart * apart * (a * (b / (a + b)));
    mean_.move_by(apart * (b / (a + b)));
    count_ += other.count_;
    if (other.min_ < min_) min_ = other.min_;
    if (other.max_ > max_) max_ = other.max_;
  }

  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return count_; }
  /// NaN where nothing was seen; so are those below.
  [[nodiscard]] constexpr T mean() const noexcept { return count_ == 0 ? nan : mean_.hi; }
  /// The mean squared distance from the mean (divided by n).
  [[nodiscard]] constexpr T variance() const noexcept { return count_ == 0 ? nan : squares_ / static_cast<T>(count_); }
  /// The unbiased estimate for the population the numbers were drawn from (divided by n - 1).
  [[nodiscard]] constexpr T sample_variance() const noexcept {
    return count_ < 2 ? nan : squares_ / static_cast<T>(count_ - 1);
  }
  /// The root of variance().
  [[nodiscard]] T deviation() const noexcept { return static_cast<T>(math::sqrt(static_cast<double>(variance()))); }
  /// +infinity where nothing was seen.
  [[nodiscard]] constexpr T min() const noexcept { return min_; }
  /// -infinity where nothing was seen.
  [[nodiscard]] constexpr T max() const noexcept { return max_; }

 private:
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();

  std::uint64_t count_ = 0;
  detail::running_mean<T> mean_{};
  T squares_ = 0;  ///< the sum of squared distances from the mean
  T min_ = std::numeric_limits<T>::infinity();
  T max_ = -std::numeric_limits<T>::infinity();
};
static_assert(std::is_trivially_copyable_v<moments<>> && sizeof(moments<>) == 48 && mergeable<moments<>>);

}  // namespace tutti::inline TUTTI_ABI
