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
struct lane_steps {
  int peer = 0;
  std::vector<std::uint32_t> steps;
};

/// One join: result = left ∘ right. Operands 0 … n-1 are the fold's sources, n … its temporaries, `target` the block
/// the fold writes.
struct join {
  static constexpr std::uint32_t target = ~std::uint32_t{0};
  std::uint32_t result = 0;
  std::uint32_t left = 0;
  std::uint32_t right = 0;
};

struct fold_program {
  std::vector<join> joins;  ///< empty: one source, copied
  std::uint32_t temporaries = 0;
};

struct program {
  plan::plan what;
  std::vector<lane_steps> sends;
  std::vector<lane_steps> recvs;
  std::vector<std::uint32_t> local;         ///< copies and folds
  std::vector<fold_program> folds;          ///< by step; empty for all other verbs
  std::vector<std::int64_t> window_reader;  ///< by scratch row: the fold that reads a window, or -1
  std::uint32_t most_sources = 0;           ///< of any fold
  std::uint32_t most_temporaries = 0;
};

namespace detail {

/// Writes the joins over the sources of one fold. A window may be overwritten, since this fold alone reads it; other
/// sources belong to someone, so their join goes to a temporary granule.
template <class = on_use>
class fold_writer {
 public:
  fold_writer(plan::plan const& p, plan::step const& s) : plan_(p), step_(s) {
    if (s.sources.size() == 2) {  // in the order given, which off the bracket may pass the end of the circle
      out_.joins.push_back({join::target, 0, 1});
      return;
    }
    plan::interval const all{s.sources.front().slots.first, s.sources.back().slots.last};
    visit(all, true);
  }
  [[nodiscard]] fold_program take() && { return std::move(out_); }

 private:
  [[nodiscard]] bool disposable(std::uint32_t operand) const {
    if (operand >= step_.sources.size()) return true;
    plan::block const& b = step_.sources[operand].from;
    return b.where == plan::buffer::scratch && plan_.scratch[b.row].window;
  }
  std::uint32_t visit(plan::interval node, bool root) {
    for (std::uint32_t i = 0; i < step_.sources.size(); ++i)
      if (step_.sources[i].slots == node) return i;
    std::uint32_t const middle = plan::split_point(node);
    std::uint32_t const left = visit({node.first, middle}, false);
    std::uint32_t const right = visit({middle, node.last}, false);
    std::uint32_t result = join::target;
    if (!root) {
      result = disposable(left)    ? left
               : disposable(right) ? right
                                   : static_cast<std::uint32_t>(step_.sources.size()) + out_.temporaries++;
    }
    out_.joins.push_back({result, left, right});
    return result;
  }
  plan::plan const& plan_;
  plan::step const& step_;
  fold_program out_;
};

}  // namespace detail

template <class = on_use>
[[nodiscard]] program prepare(plan::plan what) {
  program p;
  p.what = std::move(what);
  auto const& steps = p.what.steps;
  p.folds.resize(steps.size());
  p.window_reader.assign(p.what.scratch.size(), -1);
  auto const lane = [](std::vector<lane_steps>& lanes, int peer) -> std::vector<std::uint32_t>& {
    for (lane_steps& l : lanes)
      if (l.peer == peer) return l.steps;
    lanes.push_back({peer, {}});
    return lanes.back().steps;
  };
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    plan::step const& s = steps[i];
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
        p.folds[i] = detail::fold_writer<>(p.what, s).take();
        p.most_sources = (std::max)(p.most_sources, static_cast<std::uint32_t>(s.sources.size()));
        p.most_temporaries = (std::max)(p.most_temporaries, p.folds[i].temporaries);
        for (plan::source const& f : s.sources)
          if (f.from.where == plan::buffer::scratch && p.what.scratch[f.from.row].window)
            p.window_reader[f.from.row] = i;
        break;
    }
  }
  return p;
}

}  // namespace tutti::inline TUTTI_ABI::engine
