// SPDX-License-Identifier: BSL-1.0
// The by_cost scheme: items of unequal cost, dealt so that all ranks are done at about the same time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/owner_table.hpp>
#include <tutti/data/partition.hpp>
#include <tutti/data/weighted.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// The ranks of one speed, the least loaded first; of equally loaded ones, the one with fewer items, then the lower.
struct equal_ranks {
  using loaded = std::tuple<double, std::uint64_t, std::uint32_t>;  // cost, items, rank
  double speed;
  std::priority_queue<loaded, std::vector<loaded>, std::greater<>> least{};
};

// Longest processing time first: the dearest item left goes to the rank that would be done with it first.
// Why     within 4/3 - 1/(3 size) of the best possible, and within a thousandth where items are many and small.
// Trace   costs 7 5 4 3 1 over 2 ranks: 7 | 5, then 7 | 5 4, then 7 3 | 5 4, then 7 3 | 5 4 1: 10 and 10.
// Cost    n log n for the sort, then n (log size) for each different speed.
// Limits  the bound is that of equal speeds; for others it is 2.
// See     Graham 1969; Gonzalez, Ibarra & Sahni 1977.
[[nodiscard]] inline std::vector<std::uint32_t> longest_first(std::vector<double> const& costs,
                                                              std::vector<double> const& speeds) {
  std::vector<equal_ranks> groups;
  for (std::size_t r = 0; r < speeds.size(); ++r) {
    if (!(speeds[r] > 0)) continue;
    auto const same = [&](equal_ranks const& g) { return g.speed == speeds[r]; };
    auto const at = std::find_if(groups.begin(), groups.end(), same);
    (at == groups.end() ? groups.emplace_back(equal_ranks{speeds[r]}) : *at)
        .least.push({0.0, 0, static_cast<std::uint32_t>(r)});
  }
  std::vector<std::size_t> order(costs.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });
  std::vector<std::uint32_t> owners(costs.size());
  for (std::size_t i : order) {
    auto const done = [&](equal_ranks const& g) {
      auto const& [load, items, rank] = g.least.top();
      return std::tuple((load + costs[i]) / g.speed, items, rank);
    };
    auto const best =
        std::min_element(groups.begin(), groups.end(), [&](auto const& a, auto const& b) { return done(a) < done(b); });
    auto const [load, items, rank] = best->least.top();
    best->least.pop();
    best->least.push({load + costs[i], items + 1, rank});
    owners[i] = rank;
  }
  return owners;
}

}  // namespace detail

/// Item i takes costs[i] units of work (none negative), of which rank r does speeds[r] per unit of time; without speeds
/// all are equal. The ranks' times differ as little as dealing the dearest items first achieves; their counts may
/// differ much.
struct by_cost {
  std::vector<double> costs;
  std::vector<double> speeds{};

  [[nodiscard]] detail::owner_table prepare(std::uint64_t n, std::uint64_t size) const {
    bool const usable = std::all_of(costs.begin(), costs.end(), [](double c) { return c >= 0 && c <= 1e300; });
    if (costs.size() != n || !usable)
      throw error(error_kind::config, "by_cost: " + std::to_string(costs.size()) + " costs for " + std::to_string(n) +
                                          " items; give one each, none negative");
    auto const& by_rank = speeds.empty() ? std::vector<double>(static_cast<std::size_t>(size), 1.0) : speeds;
    (void)detail::checked_speeds("by_cost", by_rank, size);
    return {"by_cost", detail::longest_first(costs, by_rank), size};
  }
};

/// Which rank does which of the tasks: `by_cost` over as many ranks as there are speeds.
[[nodiscard]] inline partition<detail::owner_table> assign(std::vector<double> costs, std::vector<double> speeds) {
  auto const n = costs.size();
  auto const ranks = static_cast<int>(speeds.size());
  return partition(n, ranks, by_cost{std::move(costs), std::move(speeds)});
}

}  // namespace tutti::inline TUTTI_ABI
