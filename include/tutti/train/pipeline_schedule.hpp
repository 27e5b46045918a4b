// SPDX-License-Identifier: BSL-1.0
// What each rank of a pipeline computes, in which order: pure data from stages, microbatches and ranks. Knows no model
// and no communicator.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/data/slots.hpp>

namespace tutti::inline TUTTI_ABI {

/// The forward or the backward pass of one microbatch through one stage.
struct pipeline_action {
  int stage = 0;
  int microbatch = 0;
  bool backward = false;
  friend bool operator==(pipeline_action const&, pipeline_action const&) = default;
};

/// A model cut into `stages`, a step cut into `microbatches`, for the ranks 0 … ranks-1. With fewer ranks than stages,
/// a rank has several; with more, the further ones are replicas of stages. Ranks of the world beyond `ranks` idle.
struct pipeline_shape {
  int stages = 1;
  int microbatches = 8;
  int ranks = 1;
};

/// Made by gpipe(), one_f_one_b() and interleaved(), or by you: pipeline_fault() says whether it can run.
struct pipeline_schedule {
  pipeline_shape shape;
  /// By stage: the ranks that have it. Of n, the j-th computes the microbatches [slot_cut(M, n, j), slot_cut(M, n, j +
  /// 1)), as it owns slots in data parallel training.
  std::vector<std::vector<int>> replicas;
  std::vector<std::vector<pipeline_action>> actions;  ///< by rank, in order

  /// The rank that computes a microbatch in a stage.
  [[nodiscard]] int owner(int stage, int microbatch) const {
    auto const& ranks = replicas[static_cast<std::size_t>(stage)];
    std::size_t const last = (static_cast<std::size_t>(microbatch) + 1) * ranks.size() - 1;
    return ranks[last / static_cast<std::size_t>(shape.microbatches)];
  }
  /// The action whose result this one needs; false: none, it begins at the data or at the loss.
  [[nodiscard]] bool input_of(pipeline_action const& a, pipeline_action& from) const noexcept {
    from = {a.backward ? a.stage + 1 : a.stage - 1, a.microbatch, a.backward};
    return from.stage >= 0 && from.stage < shape.stages;
  }
  /// The action that needs the result of this one; false: none, it ends at the loss or at the data.
  [[nodiscard]] bool output_of(pipeline_action const& a, pipeline_action& to) const noexcept {
    to = {a.backward ? a.stage - 1 : a.stage + 1, a.microbatch, a.backward};
    return to.stage >= 0 && to.stage < shape.stages;
  }
};

namespace detail {

/// One pass of a place in the pipeline: of its chunk-th stage, or of all of them one after another.
struct pipeline_pass {
  int microbatch = 0;
  bool backward = false;
  int chunk = -1;  // -1: all
};

/// Stages and ranks at `places`, in a row; order(place) lists the passes of all microbatches, and perhaps of some that
/// do not exist. A replica keeps its own of them, so that whatever order works for one rank works for several.
template <class Order>
[[nodiscard]] pipeline_schedule spread_pipeline(pipeline_shape const& shape, int places,
                                                std::vector<std::vector<int>> const& stages, Order order) {
  pipeline_schedule s{shape, std::vector<std::vector<int>>(static_cast<std::size_t>(shape.stages)),
                      std::vector<std::vector<pipeline_action>>(static_cast<std::size_t>(shape.ranks))};
  for (int place = 0; place < places; ++place) {
    auto const& mine = stages[static_cast<std::size_t>(place)];
    int const first = slot_cut(shape.ranks, places, place), last = slot_cut(shape.ranks, places, place + 1);
    for (int const stage : mine)
      for (int r = first; r < last; ++r) s.replicas[static_cast<std::size_t>(stage)].push_back(r);
    for (pipeline_pass const& p : order(place)) {
      if (p.microbatch >= shape.microbatches) continue;
      auto& actions = s.actions[static_cast<std::size_t>(s.owner(mine.front(), p.microbatch))];
      if (p.chunk >= 0)
        actions.push_back({mine[static_cast<std::size_t>(p.chunk)], p.microbatch, p.backward});
      else
        for (std::size_t i = 0; i < mine.size(); ++i)
          actions.push_back({mine[p.backward ? mine.size() - 1 - i : i], p.microbatch, p.backward});
    }
  }
  return s;
}

inline void check_pipeline(pipeline_shape const& shape) {
  if (shape.stages < 1 || shape.microbatches < 1 || shape.ranks < 1)
    throw error(error_kind::config, "pipeline: stages, microbatches and ranks must be at least 1, not " +
                                        std::to_string(shape.stages) + ", " + std::to_string(shape.microbatches) +
                                        " and " + std::to_string(shape.ranks));
}

/// Stages in runs, as even as can be, on as many places as there are ranks and stages for.
template <class Order>
[[nodiscard]] pipeline_schedule run_of_stages(pipeline_shape const& shape, Order order) {
  detail::check_pipeline(shape);
  int const places = (std::min)(shape.ranks, shape.stages);
  std::vector<std::vector<int>> stages(static_cast<std::size_t>(places));
  for (int place = 0; place < places; ++place)
    for (int s = slot_cut(shape.stages, places, place); s < slot_cut(shape.stages, places, place + 1); ++s)
      stages[static_cast<std::size_t>(place)].push_back(s);
  return detail::spread_pipeline(shape, places, stages, [&](int place) { return order(places, place); });
}

/// `ahead` forward passes, then one backward and one forward pass in turn, then the backward passes that are left.
[[nodiscard]] inline std::vector<pipeline_pass> alternate(std::vector<pipeline_pass> const& forward,
                                                          std::vector<pipeline_pass> const& backward, int ahead) {
  std::vector<pipeline_pass> all;
  std::size_t const lead = (std::min)(static_cast<std::size_t>(ahead), forward.size());
  all.insert(all.end(), forward.begin(), forward.begin() + static_cast<std::ptrdiff_t>(lead));
  for (std::size_t i = 0; i < backward.size(); ++i) {
    if (lead + i < forward.size()) all.push_back(forward[lead + i]);
    all.push_back(backward[i]);
  }
  return all;
}

/// Every microbatch once.
[[nodiscard]] inline std::vector<pipeline_pass> each_microbatch(int microbatches, bool backward) {
  std::vector<pipeline_pass> all;
  for (int m = 0; m < microbatches; ++m) all.push_back({m, backward, -1});
  return all;
}

}  // namespace detail

// GPipe: all forward passes, then all backward passes.
// Why     the plainest order that keeps every rank busy; any number of replicas of a stage work at the same time.
// Trace   S=2, M=3: rank 0 computes F0 F1 F2 .  .  B0 B1 B2; rank 1 waits one pass, F0 F1 F2 B0 B1 B2.
// Cost    (M + S - 1) (forward + backward); of each rank's time the share (S-1)/(M+S-1) is idle.
// Limits  a rank keeps what M forward passes leave for the backward pass.
// See     Huang et al. 2019.
[[nodiscard]] inline pipeline_schedule gpipe(pipeline_shape const& shape) {
  return detail::run_of_stages(shape, [&](int, int) {
    return detail::alternate(detail::each_microbatch(shape.microbatches, false),
                             detail::each_microbatch(shape.microbatches, true), shape.microbatches);
  });
}

// One forward, one backward: a backward pass as soon as there is one.
// Why     the time of GPipe, and stage s keeps min(M, S-s) microbatches, however many there are.
// Trace   S=2, M=3: rank 0 computes F0 F1 .  B0 F2 B1 .  B2; rank 1, one pass later, F0 B0 F1 B1 F2 B2.
// Cost    as GPipe.
// Limits  replicas of a stage whose neighbours have fewer take turns; give all stages equally many, or use GPipe.
// See     Narayanan et al. 2019 (PipeDream-Flush).
[[nodiscard]] inline pipeline_schedule one_f_one_b(pipeline_shape const& shape) {
  return detail::run_of_stages(shape, [&](int places, int place) {
    return detail::alternate(detail::each_microbatch(shape.microbatches, false),
                             detail::each_microbatch(shape.microbatches, true), places - 1 - place);
  });
}

// Interleaved: one forward, one backward, over `chunks` stages per rank, dealt out like cards.
// Why     a pass through one chunk is shorter than through a rank's whole share, and so is what a rank waits for.
// Trace   S=4, chunks=2, 2 ranks: rank 0 has stages 0 and 2; microbatches go through in groups of 2, each group through
//         stage 0, then through stage 2.
// Cost    of each rank's time the share (D-1)/(chunks M + D-1) is idle, where D = S/chunks; chunks times the messages.
// Limits  S is a multiple of chunks, there are S/chunks ranks or more; best where M is a multiple of S/chunks. A rank
//         must be able to keep one message that it has not asked for: room 1 of pipeline_fault().
// See     Narayanan et al. 2021 (Megatron-LM).
[[nodiscard]] inline pipeline_schedule interleaved(pipeline_shape const& shape, int chunks = 2) {
  detail::check_pipeline(shape);
  if (chunks < 1 || shape.stages % chunks != 0 || shape.ranks < shape.stages / chunks)
    throw error(error_kind::config, "interleaved: " + std::to_string(shape.stages) + " stages are no " +
                                        std::to_string(chunks) + " chunks on each of at most " +
                                        std::to_string(shape.ranks) + " ranks");
  int const places = shape.stages / chunks;
  std::vector<std::vector<int>> stages(static_cast<std::size_t>(places));
  for (int s = 0; s < shape.stages; ++s) stages[static_cast<std::size_t>(s % places)].push_back(s);
  std::vector<detail::pipeline_pass> forward, backward;
  for (int group = 0; group < shape.microbatches; group += places)
    for (int c = 0; c < chunks; ++c)
      for (int m = group; m < group + places; ++m) {
        forward.push_back({m, false, c});
        backward.push_back({m, true, chunks - 1 - c});
      }
  return detail::spread_pipeline(shape, places, stages, [&](int place) {
    return detail::alternate(forward, backward, 2 * (places - 1 - place) + (chunks - 1) * places);
  });
}

}  // namespace tutti::inline TUTTI_ABI
