// SPDX-License-Identifier: BSL-1.0
// quantiles: median, percentiles, any rank of numbers seen one by one, in little memory and with a proved error.
//
// Why     exact ranks need all numbers in one place; this keeps width * log2(n / width) of them.
// How     level h holds numbers that stand for 2^h each. A full level is sorted and every second number moves up, the
//         odd and the even ones in turn; that shifts any rank by at most 2^h, and the sum of those shifts is kept.
// Cost    amortised log2(width) comparisons per number; merging appends levels.
// Limits  error_bound() <= n * levels / width: 0.5 % of n for a million numbers at width 2048, usually a tenth of that.
// See     Manku, Rajagopalan & Lindsay 1998; Karnin, Lang & Liberty 2016 (whose coin makes the bound a probable one).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/merge.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// `q.add(x)` for every number, `allreduce(comm, q, merge)`, then `q.at(0.5)`. Exact up to `width` numbers in all. No
/// chance in it: the same numbers on the same ranks give the same answer. NaNs are passed over.
template <std::floating_point T = double>
class quantiles {
 public:
  /// Throws config unless width >= 2.
  explicit quantiles(std::size_t width = 2048) : width_(width) {
    if (width < 2) throw error(error_kind::config, "quantiles: the width must be at least 2");
  }

  void add(T x) {
    if (x != x) return;
    ++count_;
    level(0).push_back(x);
    min_ = (std::min)(min_, x);
    max_ = (std::max)(max_, x);
    if (levels_[0].size() > width_) compact();
  }
  /// Throws config if `other` was made with another width.
  void merge(quantiles const& other) {
    if (other.width_ != width_)
      throw error(error_kind::config, "quantiles: one rank keeps " + std::to_string(width_) +
                                          " numbers per level, another " + std::to_string(other.width_));
    count_ += other.count_;
    error_ += other.error_;
    turns_ ^= other.turns_;
    min_ = (std::min)(min_, other.min_);
    max_ = (std::max)(max_, other.max_);
    for (std::size_t h = 0; h < other.levels_.size() && h < most_levels; ++h)
      level(h).insert(levels_[h].end(), other.levels_[h].begin(), other.levels_[h].end());
    compact();
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// How far off a rank can be: at(q) is a number that was seen, at most ⌈q n⌉ - 1 + error_bound() of all are less than
  /// it and at least ⌈q n⌉ - error_bound() are at most it.
  [[nodiscard]] std::uint64_t error_bound() const noexcept { return error_; }
  /// The smallest number such that q n of all are at most it; min and max are exact. Throws config unless 0 <= q <= 1
  /// and something was seen. Sorts what is kept: ask for several at once with the other form.
  [[nodiscard]] T at(double q) const { return at(std::vector<double>{q})[0]; }
  /// One answer for each of `ranks`, in any order.
  [[nodiscard]] std::vector<T> at(std::vector<double> const& ranks) const {
    std::vector<std::pair<T, std::uint64_t>> all;
    for (std::size_t h = 0; h < levels_.size(); ++h)
      for (T const x : levels_[h]) all.emplace_back(x, std::uint64_t{1} << h);
    std::sort(all.begin(), all.end());
    std::uint64_t before = 0;
    for (auto& [x, weight] : all) before = weight += before;  // now: how many are at most x
    std::vector<T> found;
    for (double const q : ranks) {
      if (!(q >= 0 && q <= 1) || all.empty())
        throw error(error_kind::config, "quantiles: at(q) needs 0 <= q <= 1, and at least one number seen");
      double const due = q * static_cast<double>(count_);
      auto const here = std::lower_bound(all.begin(), all.end(), due, [](auto const& one, double want) {
        return static_cast<double>(one.second) < want;
      });
      found.push_back(q == 0 ? min_ : q == 1 || here == all.end() ? max_ : here->first);
    }
    return found;
  }

  /// For the wire.
  friend void tutti_visit(quantiles& q, auto&& v) {
    v("width", q.width_);
    v("count", q.count_);
    v("error", q.error_);
    v("turns", q.turns_);
    v("min", q.min_);
    v("max", q.max_);
    v("levels", q.levels_);
  }

 private:
  static constexpr std::size_t most_levels = 63;

  std::vector<T>& level(std::size_t h) {
    if (h >= levels_.size()) levels_.resize(h + 1);
    return levels_[h];
  }
  void compact() {
    for (std::size_t h = 0; h < levels_.size() && h + 1 < most_levels; ++h) {
      if (levels_[h].size() <= width_) continue;
      auto& up = level(h + 1);
      auto& here = levels_[h];
      std::sort(here.begin(), here.end());
      bool const odd_one = here.size() % 2 != 0;
      std::uint64_t const turn = turns_ >> h & 1U;
      for (std::size_t i = turn; i + (odd_one ? 1 : 0) < here.size(); i += 2) up.push_back(here[i]);
      here.erase(here.begin(), here.end() - (odd_one ? 1 : 0));
      turns_ ^= std::uint64_t{1} << h;
      error_ += std::uint64_t{1} << h;
    }
  }

  std::uint64_t width_;
  std::uint64_t count_ = 0;
  std::uint64_t error_ = 0;
  std::uint64_t turns_ = 0;  ///< bit h: whether level h moves its odd numbers up next
  T min_ = std::numeric_limits<T>::infinity();
  T max_ = -std::numeric_limits<T>::infinity();
  std::vector<std::vector<T>> levels_;
};
static_assert(mergeable<quantiles<>>);

}  // namespace tutti::inline TUTTI_ABI
