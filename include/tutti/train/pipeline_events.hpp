// SPDX-License-Identifier: BSL-1.0
// When each pass of a pipeline began and ended: told by an executor, or predicted from a schedule. Hands down what
// matters of it: idle time, and how many microbatches wait for their backward pass.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/train/pipeline_schedule.hpp>

namespace tutti::inline TUTTI_ABI {

/// One pass, by the clock of its rank.
struct pipeline_event {
  int rank = 0;
  pipeline_action what;
  std::chrono::nanoseconds begin{};
  std::chrono::nanoseconds end{};
};

/// What a step looks like if messages take no time: `cost(action)` is how long a pass takes, in nanoseconds. The
/// schedule must be one in which pipeline_fault() finds nothing, with any room.
template <class Cost>
requires std::is_invocable_r_v<std::chrono::nanoseconds, Cost const&, pipeline_action const&>
[[nodiscard]] std::vector<pipeline_event> pipeline_timeline(pipeline_schedule const& schedule, Cost const& cost) {
  auto const microbatches = static_cast<std::size_t>(schedule.shape.microbatches);
  auto const index = [&](pipeline_action const& a) {
    return (static_cast<std::size_t>(a.stage) * microbatches + static_cast<std::size_t>(a.microbatch)) * 2 +
           (a.backward ? 1 : 0);
  };
  constexpr std::chrono::nanoseconds never{-1};
  std::vector<std::chrono::nanoseconds> ended(2 * static_cast<std::size_t>(schedule.shape.stages) * microbatches,
                                              never);
  std::vector<std::size_t> next(schedule.actions.size());
  std::vector<std::chrono::nanoseconds> free(schedule.actions.size());
  std::vector<pipeline_event> events;
  for (bool any = true; any;) {
    any = false;
    for (std::size_t r = 0; r < schedule.actions.size(); ++r)
      for (; next[r] < schedule.actions[r].size(); ++next[r], any = true) {
        pipeline_action const a = schedule.actions[r][next[r]];
        pipeline_action from;
        std::chrono::nanoseconds const ready = schedule.input_of(a, from) ? ended[index(from)] : free[r];
        if (ready == never) break;
        std::chrono::nanoseconds const begin = (std::max)(free[r], ready);
        free[r] = ended[index(a)] = begin + cost(a);
        events.push_back({static_cast<int>(r), a, begin, free[r]});
      }
  }
  return events;
}
/// The same where all stages take equally long.
[[nodiscard]] inline std::vector<pipeline_event> pipeline_timeline(pipeline_schedule const& schedule,
                                                                   std::chrono::nanoseconds forward,
                                                                   std::chrono::nanoseconds backward) {
  return tutti::TUTTI_ABI::pipeline_timeline(schedule,
                                             [&](pipeline_action const& a) { return a.backward ? backward : forward; });
}

/// The share of the time from the first beginning to the last end that the ranks which computed anything did not
/// compute: 0 for a rank alone. Events of any ranks, in any order; at least one that takes time.
[[nodiscard]] inline double pipeline_bubble(std::span<pipeline_event const> events) {
  if (events.empty()) throw error(error_kind::config, "pipeline_bubble: there are no events");
  std::vector<int> ranks;
  std::chrono::nanoseconds first = events.front().begin, last = first, busy{};
  for (pipeline_event const& e : events) {
    if (std::find(ranks.begin(), ranks.end(), e.rank) == ranks.end()) ranks.push_back(e.rank);
    first = (std::min)(first, e.begin);
    last = (std::max)(last, e.end);
    busy += e.end - e.begin;
  }
  return 1 - static_cast<double>(busy.count()) /
                 (static_cast<double>(ranks.size()) * static_cast<double>((last - first).count()));
}

/// The most microbatches at once, counted per stage, whose forward pass has begun on `rank` and whose backward pass has
/// not ended: what it must remember. Its events must come in the order of time.
[[nodiscard]] inline int pipeline_stash(std::span<pipeline_event const> events, int rank) {
  int now = 0, most = 0;
  for (pipeline_event const& e : events) {
    if (e.rank != rank) continue;
    now += e.what.backward ? -1 : 1;
    most = (std::max)(most, now);
  }
  return most;
}

}  // namespace tutti::inline TUTTI_ABI
