// SPDX-License-Identifier: BSL-1.0
// k-fold cross-validation: k models, each trained without one fold and judged by it, on groups of ranks side by side.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/scan.hpp>
#include <tutti/data/block.hpp>
#include <tutti/data/exchange_rows.hpp>
#include <tutti/data/kfold.hpp>
#include <tutti/data/slots.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// Into how many groups `ranks` ranks split for k equal tasks, if m ranks do a task in 1/m of the time: the most, since
/// small groups talk less, that do not take a tenth longer than the best number.
[[nodiscard]] inline int groups_for(int k, int ranks) {
  auto const time = [&](int groups) { return static_cast<double>((k + groups - 1) / groups) / (ranks / groups); };
  double least = time(1);
  for (int g = 2; g <= (std::min)(k, ranks); ++g) least = (std::min)(least, time(g));
  int groups = (std::min)(k, ranks);
  while (time(groups) > 1.1 * least) --groups;
  return groups;
}

/// Rows and folds in the order of all rows, spread evenly over the members of each group: every group has everything.
template <class Comm, class Row>
void spread_over_groups(Comm& comm, int groups, std::vector<Row>& rows, std::vector<int>& folds, options const& how) {
  auto const mine = static_cast<std::uint64_t>(rows.size());
  std::uint64_t const lower_ranks = exscan(comm, mine, how);
  std::uint64_t const first = comm.rank() == 0 ? 0 : lower_ranks;
  std::uint64_t const n = allreduce(comm, mine, how);
  std::vector<Row> copies;
  std::vector<int> copied_folds;
  std::vector<int> to;
  for (int g = 0; g < groups; ++g) {
    int const leader = slot_cut(comm.size(), groups, g);
    auto const members = static_cast<std::uint64_t>(slot_cut(comm.size(), groups, g + 1) - leader);
    for (std::size_t i = 0; i < rows.size(); ++i)
      to.push_back(leader + static_cast<int>(block{}.owner(n, members, first + i)));
    copied_folds.insert(copied_folds.end(), folds.begin(), folds.end());
    if (g + 1 < groups)
      copies.insert(copies.end(), rows.begin(), rows.end());
    else
      copies.insert(copies.end(), std::move_iterator(rows.begin()), std::move_iterator(rows.end()));
  }
  rows = exchange_rows(comm, std::move(copies), to, how);
  folds = exchange_rows(comm, std::move(copied_folds), to, how);
}

}  // namespace detail

/// Collective. For every fold f of `folds`, on one group of ranks:
///
///     model = train(group, rows of all other folds);  score = eval(group, model, rows of fold f);
///
/// `group` is a communicator of the ranks that work on f together; both functions are called on each of them, with its
/// even share of the rows, contiguous in the order of all rows (by rank of `comm`); it may be empty. The score of f is
/// what `eval` returned on the group's rank 0. All ranks return the scores of all folds, in order. If `train` and
/// `eval` give a group of any size the same results, so does this call on any number of ranks.
///
/// Each group holds all rows once. `groups` of them work side by side, each on every groups-th fold; 0: chosen as if m
/// ranks were m times as fast as one. Blocks until all folds are done; `how` holds for each step of communication here.
template <transport::streams S, row_range Rows, class By, class Train, class Eval>
[[nodiscard]] auto cross_validate(basic_communicator<S>& comm, Rows const& data, kfold<By> const& folds, Train train,
                                  Eval eval, int groups = 0, options how = {}) {
  using row = detail::row_of<Rows>;
  using model_type = std::remove_cvref_t<std::invoke_result_t<Train&, basic_communicator<S>&, std::vector<row> const&>>;
  using score = std::remove_cvref_t<
      std::invoke_result_t<Eval&, basic_communicator<S>&, model_type const&, std::vector<row> const&>>;
  static_assert(element<score> || object<score>,
                "tutti: the score that eval returns must be of a type that can be sent.");
  if (groups == 0) groups = detail::groups_for(folds.k(), comm.size());
  if (groups < 1 || groups > comm.size())
    throw error(failure{error_kind::config, -1, "cross_validate",
                        std::to_string(groups) + " groups of " + std::to_string(comm.size()) +
                            " ranks; give each group at least one rank, or 0 to have it chosen"});

  std::vector<row> rows(std::begin(data), std::end(data));
  std::vector<int> fold_of = folds.assign(comm, rows);
  detail::spread_over_groups(comm, groups, rows, fold_of, how);

  int group = 0;
  while (slot_cut(comm.size(), groups, group + 1) <= comm.rank()) ++group;
  std::vector<int> members;
  for (int r = slot_cut(comm.size(), groups, group); r < slot_cut(comm.size(), groups, group + 1); ++r)
    members.push_back(r);
  basic_communicator<S> together = comm.subgroup(members);

  std::vector<score> mine;
  for (int f = group; f < folds.k(); f += groups) {
    std::vector<row> training;
    std::vector<row> validation;
    for (std::size_t i = 0; i < rows.size(); ++i) (fold_of[i] == f ? validation : training).push_back(rows[i]);
    model_type const model = train(together, std::as_const(training));
    score judged = eval(together, model, std::as_const(validation));
    if (together.rank() == 0) mine.push_back(std::move(judged));
  }
  auto const by_rank = allgather(comm, mine, how);
  std::vector<score> scores;
  for (int f = 0; f < folds.k(); ++f)
    scores.push_back(by_rank[static_cast<std::size_t>(slot_cut(comm.size(), groups, f % groups))]
                            [static_cast<std::size_t>(f / groups)]);
  return scores;
}

}  // namespace tutti::inline TUTTI_ABI
