// SPDX-License-Identifier: BSL-1.0
// Rows with the same key stay together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/scan.hpp>
#include <tutti/data/by_cost.hpp>
#include <tutti/data/census.hpp>
#include <tutti/data/hash_key.hpp>
#include <tutti/data/repartition.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// How far the parts may be filled up when `more` is poured over them: the least level under which there is room.
[[nodiscard]] inline std::uint64_t water_level(std::vector<std::uint64_t> loads, std::uint64_t more) {
  std::sort(loads.begin(), loads.end());
  std::uint64_t below = 0;
  for (std::size_t r = 0;; ++r) {
    below += loads[r];
    std::uint64_t const level = (more + below + r) / (r + 1);  // if the r + 1 emptiest share it
    if (r + 1 == loads.size() || level <= loads[r + 1]) return level;
  }
}

}  // namespace detail

/// `grouped(&row::patient)`, or a function of a row: a group, all rows with one key, never spreads over two ranks. The
/// groups larger than 1/64 of a rank's share are packed largest first (LPT: at most 4/3 - 1/(3P) times the best there
/// is); the others are poured over the ranks with room left, in the order of their hash. So the largest part has no
/// more than the large groups alone would give it, or 65/64 n/P + 1 rows. Depends on keys and counts alone, not on
/// where the rows are. Keys: see hash_key; of two that collide, both groups stay whole.
template <class Key>
class grouped {
 public:
  explicit grouped(Key key) : key_(std::move(key)) {}

  /// Collective: for each local row, its part of `parts` (0: one part per rank). What any rank learns of others is
  /// fewer than 64 groups per part, and the sizes of those it counts.
  template <transport::streams S, row_range Rows>
  [[nodiscard]] std::vector<int> assign(basic_communicator<S>& comm, Rows const& rows, int parts = 0) const {
    std::uint64_t const p = detail::checked_parts("grouped", parts, comm.size());
    auto const keys = detail::seen_in(rows, key_, [](auto const& k) { return hash_key(k); });
    auto const census = detail::take_census(
        comm, keys, [&](std::vector<detail::key_count> const& counted) { return decide(comm, counted, p); });
    std::vector<int> to;
    for (std::size_t const g : census.which) to.push_back(static_cast<int>(census.of[g].value));
    return to;
  }

 private:
  template <class Comm>
  static std::vector<std::uint64_t> decide(Comm& comm, std::vector<detail::key_count> const& counted,
                                           std::uint64_t parts) {
    std::uint64_t all = 0;
    for (auto const& t : counted) all += t.count;
    std::uint64_t const n = allreduce(comm, all);
    auto const is_large = [&](detail::key_count const& t) { return t.count > n / (64 * parts); };

    std::vector<detail::key_count> large;
    std::uint64_t poured = 0;
    for (auto const& t : counted)
      if (is_large(t))
        large.push_back(t);
      else
        poured += t.count;
    std::vector<std::uint64_t> loads(static_cast<std::size_t>(parts));
    auto const everyones = allgather(comm, large);
    std::vector<double> costs;
    for (auto const& t : everyones.values) costs.push_back(static_cast<double>(t.count));
    auto const packed = detail::longest_first(costs, std::vector<double>(loads.size(), 1.0));
    for (std::size_t g = 0; g < packed.size(); ++g) loads[packed[g]] += everyones.values[g].count;
    std::size_t next_large = 0;
    for (int r = 0; r < comm.rank(); ++r)
      next_large += static_cast<std::size_t>(everyones.counts[static_cast<std::size_t>(r)]);

    std::uint64_t const level = detail::water_level(loads, allreduce(comm, poured));
    std::uint64_t const elsewhere = exscan(comm, poured);
    std::uint64_t at = comm.rank() == 0 ? 0 : elsewhere;
    std::size_t part = 0;
    std::uint64_t filled = 0;  // with what is poured into the parts before this one
    auto const room = [&] { return level > loads[part] ? level - loads[part] : 0; };
    std::vector<std::uint64_t> to;
    for (auto const& t : counted) {
      if (is_large(t)) {
        to.push_back(packed[next_large++]);
        continue;
      }
      while (part + 1 < loads.size() && at >= filled + room()) {
        filled += room();
        ++part;
      }
      to.push_back(part);
      at += t.count;
    }
    return to;
  }

  Key key_;
};

}  // namespace tutti::inline TUTTI_ABI
