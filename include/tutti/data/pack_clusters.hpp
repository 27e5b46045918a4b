// SPDX-License-Identifier: BSL-1.0
// Which rank gets which cluster: the largest first, each to the rank with the least, split only where it must be.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// `count` rows of a cluster go to `rank`. A cluster's quotas stand in the order in which its rows are dealt.
struct quota {
  std::size_t cluster;
  int rank;
  std::uint64_t count;
};

/// Longest processing time first (Graham 1969): without a limit, no rank has more than 4/3 - 1/(3P) of what the best
/// packing of whole clusters gives its fullest. With one (`most` rows per rank, P * most >= the sum of sizes), a
/// cluster that fits nowhere whole is cut. Ties go to the lower cluster and rank, so all ranks find the same.
template <class = on_use>
[[nodiscard]] std::vector<quota> pack_clusters(std::vector<std::uint64_t> const& sizes, int ranks,
                                               std::uint64_t most = UINT64_MAX) {
  std::vector<std::size_t> order(sizes.size());
  for (std::size_t c = 0; c < order.size(); ++c) order[c] = c;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  std::vector<std::uint64_t> load(static_cast<std::size_t>(ranks));
  std::vector<quota> all;
  for (std::size_t const c : order) {
    for (std::uint64_t left = sizes[c]; left > 0;) {
      auto const least = std::min_element(load.begin(), load.end());
      std::uint64_t const taken = (std::min)(left, most - *least);
      if (taken == 0) break;
      *least += taken;
      left -= taken;
      all.push_back({c, static_cast<int>(least - load.begin()), taken});
    }
  }
  return all;
}

}  // namespace tutti::inline TUTTI_ABI::detail
