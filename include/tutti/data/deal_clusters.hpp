// SPDX-License-Identifier: BSL-1.0
// Which rank gets which row of clusters that were packed: takes cluster and distance of each local row, hands back a
// destination. Rows of a cluster that is cut are dealt from the centre outwards, so its core stays together.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/scan.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/pack_clusters.hpp>

namespace tutti::inline TUTTI_ABI::detail {

// Why     the rows of a cluster lie on all ranks; which are the q nearest is found without moving one.
// How     distances >= 0 are ordered as their bits are, so 32 halvings of [0, 2^32) find the q-th of each cut at once;
//         each asks all ranks how many of theirs lie below. Equal distances count in the order of rows over all ranks.
// Cost    34 reductions of one number per cut, whatever n; none if no cluster is cut.
template <class Comm>
[[nodiscard]] std::vector<int> deal_clusters(Comm& comm, std::vector<quota> const& quotas,
                                             std::vector<int> const& cluster, std::vector<float> const& distance,
                                             std::size_t clusters) {
  struct cut {
    std::size_t cluster;
    std::uint64_t before;  ///< rows of the cluster that come before it
    std::uint32_t low = 0;
    std::uint32_t high = UINT32_MAX;
  };
  std::vector<std::vector<int>> ranks(clusters);
  std::vector<std::vector<std::size_t>> cuts_of(clusters);
  std::vector<std::uint64_t> dealt(clusters);
  std::vector<cut> cuts;
  for (quota const& q : quotas) {
    if (!ranks[q.cluster].empty()) {
      cuts_of[q.cluster].push_back(cuts.size());
      cuts.push_back({q.cluster, dealt[q.cluster]});
    }
    ranks[q.cluster].push_back(q.rank);
    dealt[q.cluster] += q.count;
  }

  std::vector<std::vector<std::uint32_t>> keys(clusters);
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    auto const c = static_cast<std::size_t>(cluster[i]);
    if (ranks[c].size() > 1) keys[c].push_back(std::bit_cast<std::uint32_t>(distance[i] + 0.0F));
  }
  for (auto& of_cluster : keys) std::sort(of_cluster.begin(), of_cluster.end());
  auto const below = [&](std::size_t c, std::uint32_t key) {  // and with key
    return static_cast<std::uint64_t>(std::upper_bound(keys[c].begin(), keys[c].end(), key) - keys[c].begin());
  };
  std::vector<std::uint64_t> counts(cuts.size());
  for (int halving = 0; halving < 32 && !cuts.empty(); ++halving) {
    for (std::size_t j = 0; j < cuts.size(); ++j)
      counts[j] = below(cuts[j].cluster, cuts[j].low + (cuts[j].high - cuts[j].low) / 2);
    allreduce(comm, counts);
    for (std::size_t j = 0; j < cuts.size(); ++j) {
      std::uint32_t const middle = cuts[j].low + (cuts[j].high - cuts[j].low) / 2;
      (counts[j] > cuts[j].before ? cuts[j].high : cuts[j].low) = counts[j] > cuts[j].before ? middle : middle + 1;
    }
  }

  // Of the rows exactly at the cut, `room` may come before it: those of lower ranks first.
  std::vector<std::uint64_t> nearer(cuts.size()), equal(cuts.size());
  for (std::size_t j = 0; j < cuts.size(); ++j) {
    nearer[j] = cuts[j].low == 0 ? 0 : below(cuts[j].cluster, cuts[j].low - 1);
    equal[j] = below(cuts[j].cluster, cuts[j].low) - nearer[j];
  }
  if (!cuts.empty()) {
    allreduce(comm, nearer);
    exscan(comm, equal);
    if (comm.rank() == 0) std::fill(equal.begin(), equal.end(), std::uint64_t{0});
  }

  std::vector<int> to(cluster.size());
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    auto const c = static_cast<std::size_t>(cluster[i]);
    std::size_t part = 0;
    for (std::size_t const j : cuts_of[c]) {
      auto const key = std::bit_cast<std::uint32_t>(distance[i] + 0.0F);
      if (key > cuts[j].low || (key == cuts[j].low && nearer[j] + equal[j]++ >= cuts[j].before)) ++part;
    }
    to[i] = ranks[c][part];
  }
  return to;
}

}  // namespace tutti::inline TUTTI_ABI::detail
