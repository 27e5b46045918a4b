// SPDX-License-Identifier: BSL-1.0
// Tries several learning rates at once, each on a group of ranks of its own.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/cross_validate.hpp>
#include <tutti/data/slots.hpp>
#include <tutti/group/communicator.hpp>

namespace tutti::inline TUTTI_ABI {

/// One row of the table that a sweep returns.
struct swept {
  double rate = 0;
  double score = 0;
  friend bool operator==(swept const&, swept const&) = default;
};

/// Collective. score = train(group, rate) for every rate, on groups of ranks that work side by side; each rank of a
/// group calls it, and the score is what the group's rank 0 returned. All ranks return all rows, in the order of
/// `rates`. If `train` gives a group of any size the same score, so does this call on any number of ranks. `groups` as
/// in cross_validate().
template <transport::streams S, class Train>
[[nodiscard]] std::vector<swept> lr_sweep(basic_communicator<S>& comm, std::span<double const> rates, Train train,
                                          int groups = 0, options how = {}) {
  if (rates.empty()) return {};
  int const tasks = static_cast<int>(rates.size());
  if (groups == 0) groups = detail::groups_for(tasks, comm.size());
  if (groups < 1 || groups > comm.size())
    throw error(failure{error_kind::config, -1, "lr_sweep",
                        std::to_string(groups) + " groups of " + std::to_string(comm.size()) +
                            " ranks; give each group at least one rank, or 0 to have it chosen"});
  int group = 0;
  while (slot_cut(comm.size(), groups, group + 1) <= comm.rank()) ++group;
  std::vector<int> members;
  for (int r = slot_cut(comm.size(), groups, group); r < slot_cut(comm.size(), groups, group + 1); ++r)
    members.push_back(r);
  basic_communicator<S> together = comm.subgroup(members);

  std::vector<double> mine;
  for (int i = group; i < tasks; i += groups) {
    double const score = train(together, rates[static_cast<std::size_t>(i)]);
    if (together.rank() == 0) mine.push_back(score);
  }
  auto const by_rank = allgather(comm, mine, how);
  std::vector<swept> table;
  for (int i = 0; i < tasks; ++i)
    table.push_back({rates[static_cast<std::size_t>(i)],
                     by_rank[static_cast<std::size_t>(slot_cut(comm.size(), groups, i % groups))]
                            [static_cast<std::size_t>(i / groups)]});
  return table;
}

}  // namespace tutti::inline TUTTI_ABI
