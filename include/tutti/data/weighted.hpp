// SPDX-License-Identifier: BSL-1.0
// The weighted scheme: contiguous runs as long as the ranks are fast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/runs.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// The sum of the speeds of `size` ranks; throws config unless they are that many, none negative, and some above 0.
[[nodiscard]] inline double checked_speeds(char const* scheme, std::vector<double> const& speeds, std::uint64_t size) {
  double total = 0;
  bool usable = true;
  for (double s : speeds) {
    usable = usable && s >= 0 && s <= 1e300;
    total += s;
  }
  if (speeds.size() != size || !usable || !(total > 0))
    throw error(error_kind::config, std::string(scheme) + ": " + std::to_string(speeds.size()) + " speeds for " +
                                        std::to_string(size) + " ranks; give one each, none negative and not all zero");
  return total;
}

// How many of n equal items each rank gets, such that the slowest is done as early as can be.
// Why     exact: the largest count(r) / speed(r) is the smallest possible, ties go to the lowest rank.
// Trace   n = 7, speeds 1 1 1 0.5: quotas 2 2 2 1 by speed, and no further move helps: done at time 2.
// Cost    O(size log size): what rounding the quotas down leaves goes, one by one, where it is done first.
// Limits  exact up to 2^53 items, as far as a double counts.
// See     D'Hondt 1882: seats by votes, with the largest seats(r) / votes(r) as small as can be.
[[nodiscard]] inline std::vector<std::uint64_t> counts_by_speed(std::uint64_t n, std::vector<double> const& speeds,
                                                                double total) {
  std::vector<std::uint64_t> counts(speeds.size());
  std::uint64_t left = n;
  using turn = std::pair<double, std::size_t>;  // when rank .second would be done with one item more
  std::priority_queue<turn, std::vector<turn>, std::greater<>> next;
  for (std::size_t r = 0; r < speeds.size(); ++r) {
    // Below the exact quota, whatever the rounding of the numbers here.
    double const quota = static_cast<double>(n) * (speeds[r] / total) * (1 - 1e-12) - 1;
    if (quota > 0) counts[r] = static_cast<std::uint64_t>(quota);
    left -= counts[r];
    if (speeds[r] > 0) next.push({static_cast<double>(counts[r] + 1) / speeds[r], r});
  }
  for (; left > 0; --left) {
    std::size_t const r = next.top().second;
    next.pop();
    ++counts[r];
    next.push({static_cast<double>(counts[r] + 1) / speeds[r], r});
  }
  return counts;
}

}  // namespace detail

/// Contiguous runs in rank order; no other counts let the slowest rank end earlier when rank r does speeds[r] items per
/// unit of time. One speed per rank, in any unit; a rank of speed 0 gets nothing.
struct weighted {
  std::vector<double> speeds;

  [[nodiscard]] detail::runs prepare(std::uint64_t n, std::uint64_t size) const {
    double const total = detail::checked_speeds("weighted", speeds, size);
    std::vector<std::uint64_t> cuts{0};
    for (std::uint64_t count : detail::counts_by_speed(n, speeds, total)) cuts.push_back(cuts.back() + count);
    return {"weighted", std::move(cuts)};
  }
};

}  // namespace tutti::inline TUTTI_ABI
