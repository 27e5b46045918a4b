// SPDX-License-Identifier: BSL-1.0
// Which rank gets which row of clusters that were packed: takes cluster and distance of each local row, hands back a
// destination. Rows of a cluster that is cut are dealt from the centre outwards, so its core stays together.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/data/pack_clusters.hpp>
#include <tutti/data/select.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// Collective. Distances are zero or more, so they are ordered as their bits are.
template <class Comm>
[[nodiscard]] std::vector<int> deal_clusters(Comm& comm, std::vector<quota> const& quotas,
                                             std::vector<int> const& cluster, std::vector<float> const& distance,
                                             std::size_t clusters) {
  std::vector<std::vector<int>> ranks(clusters);
  std::vector<std::vector<std::size_t>> cuts_of(clusters);
  std::vector<std::uint64_t> dealt(clusters);
  std::vector<key_cut> cuts;
  for (quota const& q : quotas) {
    if (!ranks[q.cluster].empty()) {
      cuts_of[q.cluster].push_back(cuts.size());
      cuts.push_back({q.cluster, dealt[q.cluster]});
    }
    ranks[q.cluster].push_back(q.rank);
    dealt[q.cluster] += q.count;
  }
  auto const key = [&](std::size_t i) { return std::uint64_t{std::bit_cast<std::uint32_t>(distance[i] + 0.0F)}; };
  std::vector<std::vector<std::uint64_t>> keys(clusters);
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    auto const c = static_cast<std::size_t>(cluster[i]);
    if (ranks[c].size() > 1) keys[c].push_back(key(i));
  }
  for (auto& of_cluster : keys) std::sort(of_cluster.begin(), of_cluster.end());
  detail::select(comm, keys, cuts, 32);

  std::vector<int> to(cluster.size());
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    auto const c = static_cast<std::size_t>(cluster[i]);
    std::size_t part = 0;
    for (std::size_t const j : cuts_of[c]) part += cuts[j].is_behind(key(i)) ? 1U : 0U;
    to[i] = ranks[c][part];
  }
  return to;
}

}  // namespace tutti::inline TUTTI_ABI::detail
