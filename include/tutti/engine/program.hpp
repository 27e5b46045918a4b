// SPDX-License-Identifier: BSL-1.0
// A plan made ready to run many times: its steps sorted by stream, and every fold as a list of two-operand joins along
// the bracket. Takes a plan, hands down what run.hpp executes; knows no sizes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/bracket.hpp>
#include <tutti/plan/plan.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// The steps of one direction of one stream, in the order their bytes travel.
template <class Use = on_use>
struct basic_lane_steps {
  int peer = 0;
  std::vector<later<std::uint32_t, Use>> steps;
};
using lane_steps = basic_lane_steps<>;

/// One join: result = left ∘ right. Operands 0 … n-1 are the fold's sources, n … its temporaries, of which one is
/// reused as soon as it has been read; `target` is the block the fold writes.
struct join {
  static constexpr std::uint32_t target = ~std::uint32_t{0};
  std::uint32_t result = 0;
  std::uint32_t left = 0;
  std::uint32_t right = 0;
};

template <class Use = on_use>
struct basic_fold_program {
  std::vector<later<join, Use>> joins;  ///< empty: one source, copied
  std::uint32_t sources = 0;
  std::uint32_t temporaries = 0;
};
using fold_program = basic_fold_program<>;

template <class Use = on_use>
struct basic_program {
  plan::basic_plan<Use> what;
  std::vector<basic_lane_steps<Use>> sends;
  std::vector<basic_lane_steps<Use>> recvs;
  std::vector<later<std::uint32_t, Use>> local;         ///< copies and folds
  std::vector<basic_fold_program<Use>> folds;           ///< by step; empty for all other verbs
  std::vector<later<char, Use>> shifted;                ///< by step: see plan::step::shifts
  std::vector<later<std::int64_t, Use>> window_reader;  ///< by scratch row: the fold that reads a window, or -1
  std::uint32_t most_sources = 0;                       ///< of any fold
  std::uint32_t most_temporaries = 0;
};
using program = basic_program<>;

namespace detail {

/// Writes the joins over the sources of one fold: depth first, so that as few temporaries as the tree is deep suffice.
template <class Use = on_use>
class fold_writer {
  using step = later<plan::step, Use>;
  using fold_program = later<engine::fold_program, Use>;

 public:
  explicit fold_writer(step const& s) : step_(s) {
    out_.sources = static_cast<std::uint32_t>(s.sources.size());
    if (out_.sources == 2) {  // in the order given, which off the bracket may pass the end of the circle
      out_.joins.push_back({join::target, 0, 1});
      out_.temporaries = 1;
      return;
    }
    visit({s.sources.front().slots.first, s.sources.back().slots.last}, 0);
    if (!out_.joins.empty()) out_.joins.back().result = join::target;
  }
  [[nodiscard]] fold_program take() && { return std::move(out_); }

 private:
  /// The operand that holds the fold of `node`: a source, or temporary `free`.
  std::uint32_t visit(plan::interval node, std::uint32_t free) {
    std::uint32_t const sources = out_.sources;
    for (std::uint32_t i = 0; i < sources; ++i)
      if (step_.sources[i].slots == node) return i;
    std::uint32_t const middle = plan::split_point(node);
    std::uint32_t const left = visit({node.first, middle}, free);
    std::uint32_t const right = visit({middle, node.last}, left < sources ? free : free + 1);
    out_.temporaries = (std::max)(out_.temporaries, free + 1);
    out_.joins.push_back({sources + free, left, right});
    return sources + free;
  }
  step const& step_;
  fold_program out_;
};

}  // namespace detail

template <class Use = on_use>
[[nodiscard]] later<program, Use> prepare(later<plan::plan, Use> what) {
  later<program, Use> p;
  p.what = std::move(what);
  auto const& steps = p.what.steps;
  p.folds.resize(steps.size());
  p.window_reader.assign(p.what.scratch.size(), -1);
  auto const lane = [](auto& lanes, int peer) -> std::vector<std::uint32_t>& {
    for (auto& l : lanes)
      if (l.peer == peer) return l.steps;
    lanes.push_back({peer, {}});
    return lanes.back().steps;
  };
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    auto const& s = steps[i];
    p.shifted.push_back(s.shifts() ? 1 : 0);
    switch (s.what) {
      case plan::verb::send:
        lane(p.sends, s.peer).push_back(i);
        break;
      case plan::verb::recv:
        lane(p.recvs, s.peer).push_back(i);
        break;
      case plan::verb::copy:
        p.local.push_back(i);
        break;
      case plan::verb::fold:
        p.local.push_back(i);
        p.folds[i] = detail::fold_writer<Use>(s).take();
        p.most_sources = (std::max)(p.most_sources, static_cast<std::uint32_t>(s.sources.size()));
        p.most_temporaries = (std::max)(p.most_temporaries, p.folds[i].temporaries);
        for (auto const& f : s.sources)
          if (f.from.where == plan::buffer::scratch && p.what.scratch[f.from.row].window)
            p.window_reader[f.from.row] = i;
        break;
    }
  }
  return p;
}

}  // namespace tutti::inline TUTTI_ABI::engine
