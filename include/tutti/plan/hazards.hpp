// SPDX-License-Identifier: BSL-1.0
// Which steps of a plan touch the same bytes: takes the steps, fills in their `after`. What no block divides is looked
// at once, however many parts it has, so that a plan of a thousand ranks is ordered in milliseconds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/plan.hpp>

namespace tutti::inline TUTTI_ABI::plan {

namespace detail {

template <class Use = on_use>
class hazards {
  using plan = later<tutti::TUTTI_ABI::plan::plan, Use>;
  using indices = later<std::vector<std::uint32_t>, Use>;

 public:
  explicit hazards(plan& p) : plan_(p), rows_(2 + p.scratch.size()) {
    each_access([&](std::uint32_t, block b, bool) {
      row& r = row_of(b);
      r.cuts.push_back(b.first);
      r.cuts.push_back(b.last);
    });
    for (row& r : rows_) {
      std::sort(r.cuts.begin(), r.cuts.end());
      r.cuts.erase(std::unique(r.cuts.begin(), r.cuts.end()), r.cuts.end());
      r.pieces.resize(r.cuts.size());
    }
    each_access([&](std::uint32_t i, block b, bool writes) { touch(i, b, writes); });
    for (auto& s : plan_.steps) {
      std::sort(s.after.begin(), s.after.end());
      s.after.erase(std::unique(s.after.begin(), s.after.end()), s.after.end());
    }
  }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  struct piece {  // of a row, between two neighbouring cuts
    std::uint32_t writer = none;
    std::uint32_t readers = none;  // head of a list in readers_
  };
  struct row {
    indices cuts;
    std::vector<piece> pieces;
  };
  struct reader {
    std::uint32_t step, next;
  };

  template <class F>
  void each_access(F&& f) {
    for (std::uint32_t i = 0; i < plan_.steps.size(); ++i) {
      for (auto const& s : plan_.steps[i].sources) f(i, s.from, false);
      f(i, plan_.steps[i].at, plan_.steps[i].what != verb::send);
    }
  }
  row& row_of(block b) {
    std::size_t const index = b.where == buffer::output    ? 0
                              : b.where == buffer::scratch ? 1 + std::size_t{b.row}
                                                           : 1 + plan_.scratch.size() + b.row;
    if (index >= rows_.size()) rows_.resize(index + 1);
    return rows_[index];
  }
  void touch(std::uint32_t i, block b, bool writes) {
    row& r = row_of(b);
    auto& after = plan_.steps[i].after;
    auto const begin = std::lower_bound(r.cuts.begin(), r.cuts.end(), b.first) - r.cuts.begin();
    for (auto q = static_cast<std::size_t>(begin); r.cuts[q] < b.last; ++q) {
      piece& p = r.pieces[q];
      if (p.writer != none && p.writer != i) after.push_back(p.writer);
      if (!writes) {
        readers_.push_back({i, p.readers});
        p.readers = static_cast<std::uint32_t>(readers_.size() - 1);
        continue;
      }
      for (std::uint32_t at = p.readers; at != none; at = readers_[at].next)
        if (readers_[at].step != i) after.push_back(readers_[at].step);
      p = {i, none};
    }
  }

  plan& plan_;
  std::vector<row> rows_;
  std::vector<reader> readers_;
};

}  // namespace detail

/// For every step of `p`, the earlier ones that touch the same bytes, of which one writes.
template <class Use = on_use>
void order_steps(plan& p) {
  detail::hazards<Use> const filled(p);
}

}  // namespace tutti::inline TUTTI_ABI::plan
