// SPDX-License-Identifier: BSL-1.0
// split_stages: a row of layers cut into stages, in order, so that the slowest stage is as fast as can be.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Stage s has the layers [cuts[s], cuts[s + 1]); `seconds[s]` is the sum of their costs over the stage's speed.
struct stage_split {
  std::vector<std::size_t> cuts;
  std::vector<double> seconds;

  [[nodiscard]] std::size_t stages() const noexcept { return seconds.size(); }
  [[nodiscard]] double slowest() const { return *std::max_element(seconds.begin(), seconds.end()); }
  [[nodiscard]] std::size_t stage_of(std::size_t layer) const {
    return static_cast<std::size_t>(std::upper_bound(cuts.begin() + 1, cuts.end(), layer) - (cuts.begin() + 1));
  }
  /// A line for each stage: its layers, its time, and which share of the slowest stage's that is.
  [[nodiscard]] std::string explain() const {
    std::string text;
    double const most = slowest();
    for (std::size_t s = 0; s < stages(); ++s) {
      char line[128];
      std::snprintf(line, sizeof line, "stage %zu: layers [%zu, %zu)  %.4g  %.0f%%\n", s, cuts[s], cuts[s + 1],
                    seconds[s], most > 0 ? 100 * seconds[s] / most : 100.0);
      text += line;
    }
    return text;
  }
};

namespace detail {

/// Prefix sums of the costs, and what a stage of such a speed can hold of them within a time.
class stage_costs {
 public:
  stage_costs(std::span<double const> costs, std::span<double const> speeds) : speeds_(speeds) {
    for (double const cost : costs) {
      if (!(cost >= 0 && before_.back() + cost <= 1e300))
        throw error(error_kind::config, "split_stages: a layer costs " + std::to_string(cost) +
                                            ": give numbers, zero or more, with a finite sum");
      before_.push_back(before_.back() + cost);
    }
    for (double const speed : speeds)
      if (!(speed >= 1e-300 && speed <= 1e300))
        throw error(error_kind::config, "split_stages: a stage has the speed " + std::to_string(speed) +
                                            ": give finite numbers above zero");
    if (speeds.empty()) throw error(error_kind::config, "split_stages: there must be at least one stage");
  }
  [[nodiscard]] std::size_t layers() const noexcept { return before_.size() - 1; }
  [[nodiscard]] std::size_t stages() const noexcept { return speeds_.size(); }
  [[nodiscard]] double seconds(std::size_t stage, std::size_t first, std::size_t last) const {
    return (before_[last] - before_[first]) / speeds_[stage];
  }
  /// The largest `last` such that [first, last) takes the stage no longer than `limit`.
  [[nodiscard]] std::size_t furthest(std::size_t stage, std::size_t first, double limit) const {
    std::size_t low = first, high = layers();
    while (low < high) {
      std::size_t const middle = high - (high - low) / 2;
      seconds(stage, first, middle) <= limit ? low = middle : high = middle - 1;
    }
    return low;
  }
  /// The smallest `first` such that [first, last) takes the stage no longer than `limit`.
  [[nodiscard]] std::size_t earliest(std::size_t stage, std::size_t last, double limit) const {
    std::size_t low = 0, high = last;
    while (low < high) {
      std::size_t const middle = low + (high - low) / 2;
      seconds(stage, middle, last) <= limit ? high = middle : low = middle + 1;
    }
    return low;
  }
  [[nodiscard]] bool fit(double limit) const {
    std::size_t at = 0;
    for (std::size_t s = 0; s < stages(); ++s) at = furthest(s, at, limit);
    return at == layers();
  }

 private:
  std::vector<double> before_{0};
  std::span<double const> speeds_;
};

}  // namespace detail

/// Cuts layers of these costs into speeds.size() stages in order; stage s works off speeds[s] of cost in a second. No
/// cut has a faster slowest stage: exact, to the last bit of the times as they are computed. Stages may be empty where
/// there are fewer layers than stages, or where a slow one would only hold up the others; else none is.
///
/// A limit is feasible if stages filled up to it in turn hold all layers; the least one is found by bisection over the
/// doubles themselves, 64 steps at most, not by a tolerance. n + 64 S log n steps.
[[nodiscard]] inline stage_split split_stages(std::span<double const> costs, std::span<double const> speeds) {
  detail::stage_costs const all(costs, speeds);
  std::size_t const n = all.layers(), stages = all.stages();
  // Positive doubles are ordered as their bits are; the time of everything on one stage is feasible.
  std::uint64_t low = 0, high = std::bit_cast<std::uint64_t>(all.seconds(0, 0, n));
  while (low < high) {
    std::uint64_t const middle = low + (high - low) / 2;
    all.fit(std::bit_cast<double>(middle)) ? high = middle : low = middle + 1;
  }
  double const limit = std::bit_cast<double>(high);
  // Any cut between the earliest and the furthest possible keeps the limit: leave each later stage a layer if it can.
  std::vector<std::size_t> earliest(stages + 1, n);
  for (std::size_t s = stages; s-- > 0;) earliest[s] = all.earliest(s, earliest[s + 1], limit);
  stage_split split{{0}, {}};
  for (std::size_t s = 0; s < stages; ++s) {
    std::size_t const first = split.cuts.back(), later = stages - 1 - s;
    std::size_t const spare = n > later ? n - later : 0;
    std::size_t const last = (std::max)(earliest[s + 1], (std::min)(all.furthest(s, first, limit), spare));
    split.cuts.push_back((std::max)(first, last));
    split.seconds.push_back(all.seconds(s, first, split.cuts.back()));
  }
  return split;
}

/// Stages of equal speed.
[[nodiscard]] inline stage_split split_stages(std::span<double const> costs, int stages) {
  std::vector<double> const speeds(static_cast<std::size_t>(stages < 0 ? 0 : stages), 1.0);
  return tutti::TUTTI_ABI::split_stages(costs, speeds);
}

}  // namespace tutti::inline TUTTI_ABI
