// SPDX-License-Identifier: BSL-1.0
// One function over many tasks, shared among the ranks; the results in order.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/data/partition.hpp>
#include <tutti/data/schedule.hpp>

namespace tutti::inline TUTTI_ABI {

/// How parallel_map shares tasks: while it goes on, or before, by a scheme of partition().
template <class S>
concept task_schedule =
    std::same_as<S, dynamic> || std::same_as<S, guided> || partition_scheme<S> || scheme_description<S>;

/// `parallel_map(world, files, read)`: f(tasks[i]) for every i, each on one rank; all ranks return all results, in the
/// order of the tasks. Collective: every rank gives the same number of tasks, though it looks only at those it does.
///
/// The schedule: `guided{}` (the default) and `dynamic{}` give work to whoever is free; `block{}`, `by_cost{…}` and
/// any other scheme of partition() fix it before, and send no message but the results. Which rank does a task is not
/// the same in every run, unless it is fixed; the results are, if f gives them. Under guided and dynamic a rank may
/// have to wait for a task of rank 0 to end: `how.timeout` must be longer than that (60 s unless set). If f throws, the
/// call ends on every rank as a failure of that one.
template <transport::streams S, class Tasks, class F, task_schedule Schedule = guided>
requires std::random_access_iterator<detail::range_iterator<Tasks const>>
[[nodiscard]] auto parallel_map(basic_communicator<S>& comm, Tasks const& tasks, F f, Schedule schedule = {},
                                options how = {}) {
  auto const first = std::begin(tasks);
  auto const n = static_cast<std::uint64_t>(std::end(tasks) - first);
  using result = std::remove_cvref_t<std::invoke_result_t<F&, std::iter_reference_t<decltype(std::begin(tasks))>>>;
  static_assert(element<result> || object<result>, "tutti: what f returns must be of a type that can be sent.");
  using kept = std::conditional_t<std::same_as<result, bool>, std::uint8_t, result>;  // vector<bool> is no memory

  std::vector<kept> mine;
  auto const work = [&](std::uint64_t i) {
    mine.push_back(f(first[static_cast<std::iter_difference_t<decltype(std::begin(tasks))>>(i)]));
  };
  std::vector<std::uint64_t> order;  // of all tasks: by rank, as each did them
  if constexpr (partition_scheme<Schedule> || scheme_description<Schedule>) {
    partition const part(n, comm.size(), schedule);
    for (std::uint64_t const i : part.local(comm.rank())) work(i);
    for (int r = 0; r < comm.size(); ++r)
      for (std::uint64_t const i : part.local(r)) order.push_back(i);
  } else {
    detail::self_scheduling shared(comm, detail::task_list(n, comm.size(), schedule), how);
    auto const done = shared.run(work);
    for (detail::chunk const& c : allgather(comm, done, how).values)
      for (std::uint64_t i = c.first; i < c.last; ++i) order.push_back(i);
  }
  auto gathered = allgather(comm, mine, how);
  std::vector<result> results(static_cast<std::size_t>(n));
  std::size_t at = 0;
  auto const put = [&](kept& one) { results[static_cast<std::size_t>(order[at++])] = std::move(one); };
  if constexpr (element<kept>) {
    for (kept& one : gathered.values) put(one);
  } else {
    for (auto& of_rank : gathered)
      for (kept& one : of_rank) put(one);
  }
  return results;
}

}  // namespace tutti::inline TUTTI_ABI
