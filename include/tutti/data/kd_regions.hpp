// SPDX-License-Identifier: BSL-1.0
// Cuts space into one box per rank with the same number of points each: says for every local point whose box it is in.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/features.hpp>
#include <tutti/data/select.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// Numbers whose order is that of the doubles, -0 and 0 alike; no NaN.
[[nodiscard]] inline std::uint64_t ordered_bits(double x) noexcept {
  auto const bits = std::bit_cast<std::uint64_t>(x + 0.0);
  return bits >> 63U != 0 ? ~bits : bits | std::uint64_t{1} << 63U;
}

// Why     neighbours shall be on one rank, so that only points near a box's sides must be known to two.
// How     a box of several ranks is cut across its longest side, at the exact rank-weighted median; all boxes of a
// level
//         at once. Points on the cut go to either side as the numbers demand.
// Cost    log2 P levels of 68 small reductions and a local sort; no point moves.
// See     Bentley 1975.
/// Collective. The sizes of two regions differ by fewer than log2 P + 1 points.
template <class Comm>
[[nodiscard]] std::vector<int> kd_regions(Comm& comm, point_table<double> const& points, std::size_t columns) {
  struct box {
    int first, ranks;
  };
  std::vector<box> boxes{{0, comm.size()}};
  std::vector<std::size_t> where(points.size());
  for (bool again = comm.size() > 1; again;) {
    std::size_t const m = boxes.size();
    std::vector<double> low_high(2 * m * columns, std::numeric_limits<double>::infinity());  // low, and -high
    std::vector<std::uint64_t> count(m);
    for (std::size_t i = 0; i < points.size(); ++i) {
      double* const low = &low_high[2 * where[i] * columns];
      for (std::size_t j = 0; j < columns; ++j) {
        low[j] = (std::min)(low[j], points.at[i][j]);
        low[columns + j] = (std::min)(low[columns + j], -points.at[i][j]);
      }
      ++count[where[i]];
    }
    tutti::TUTTI_ABI::allreduce(comm, low_high, tutti::min);
    tutti::TUTTI_ABI::allreduce(comm, count);

    std::vector<std::size_t> axis(m), cut_of(m, SIZE_MAX);
    std::vector<key_cut> cuts;
    std::vector<box> next;
    std::vector<std::size_t> left(m);
    again = false;
    for (std::size_t b = 0; b < m; ++b) {
      auto const [first, ranks] = boxes[b];
      left[b] = next.size();
      int const half = ranks / 2;
      next.push_back({first, ranks == 1 ? 1 : half});
      if (ranks == 1) continue;
      next.push_back({first + half, ranks - half});
      again = again || ranks > 2;
      double const* const low = &low_high[2 * b * columns];
      for (std::size_t j = 1; j < columns; ++j)
        if (-low[columns + j] - low[j] > -low[columns + axis[b]] - low[axis[b]]) axis[b] = j;
      cut_of[b] = cuts.size();
      auto const r = static_cast<std::uint64_t>(ranks);
      cuts.push_back(
          {b, count[b] / r * static_cast<std::uint64_t>(half) + count[b] % r * static_cast<std::uint64_t>(half) / r});
    }
    std::vector<std::vector<std::uint64_t>> keys(m);
    auto const key = [&](std::size_t i) { return detail::ordered_bits(points.at[i][axis[where[i]]]); };
    for (std::size_t i = 0; i < points.size(); ++i)
      if (cut_of[where[i]] != SIZE_MAX) keys[where[i]].push_back(key(i));
    for (auto& of_box : keys) std::sort(of_box.begin(), of_box.end());
    detail::select(comm, keys, cuts, 64);
    for (std::size_t i = 0; i < points.size(); ++i) {
      std::size_t const b = where[i];
      where[i] = left[b] + (cut_of[b] != SIZE_MAX && cuts[cut_of[b]].is_behind(key(i)) ? 1 : 0);
    }
    boxes = next;
  }
  std::vector<int> regions;
  for (std::size_t const b : where) regions.push_back(boxes[b].first);
  return regions;
}

}  // namespace tutti::inline TUTTI_ABI::detail
