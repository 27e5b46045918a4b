// SPDX-License-Identifier: BSL-1.0
// The four verbs in which algorithms are written. Takes a request, hands down a plan with its byte-order edges filled
// in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/hazards.hpp>
#include <tutti/plan/plan.hpp>
#include <tutti/plan/tree.hpp>

namespace tutti::inline TUTTI_ABI::plan {

template <class Use = on_use>
class basic_writer {
  using plan = later<tutti::TUTTI_ABI::plan::plan, Use>;
  using request = later<tutti::TUTTI_ABI::plan::request, Use>;
  using tree = later<tutti::TUTTI_ABI::plan::tree, Use>;
  using sources = later<std::vector<source>, Use>;

 public:
  basic_writer(request wanted, cut parts) : wanted_(std::move(wanted)) {
    plan_.rank = wanted_.rank;
    plan_.size = wanted_.size;
    plan_.algorithm = wanted_.algorithm;
    plan_.parts = wanted_.size == 1 && parts == cut::even_but_root ? cut::even : parts;  // alone, the root has it all
  }

  [[nodiscard]] int rank() const noexcept { return wanted_.rank; }
  [[nodiscard]] int size() const noexcept { return wanted_.size; }
  [[nodiscard]] int root() const noexcept { return wanted_.root; }
  /// The rank `i` places after this one, around the circle: every rank starts elsewhere, so no one is everyone's first.
  [[nodiscard]] int after(int i) const noexcept { return (rank() + i) % size(); }
  [[nodiscard]] std::uint32_t parts() const noexcept { return static_cast<std::uint32_t>(wanted_.size); }

  /// All parts, or part `of`, of a row.
  [[nodiscard]] block all(buffer where, std::uint32_t row = 0) const noexcept { return {where, row, 0, parts()}; }
  [[nodiscard]] block part(int of, buffer where, std::uint32_t row = 0) const noexcept {
    auto const q = static_cast<std::uint32_t>(of);
    return {where, row, q, q + 1};
  }

  [[nodiscard]] block range(interval of, buffer where, std::uint32_t row = 0) const noexcept {
    return {where, row, of.first, of.last};
  }
  /// `count` parts from part `first` on, around the circle: one range, or two if they pass the end.
  void around(int first, int count, auto&& each) const {
    auto const begin = static_cast<std::uint32_t>(first), end = begin + static_cast<std::uint32_t>(count);
    each(interval{begin, (std::min)(end, parts())});
    if (end > parts()) each(interval{0, end - parts()});
  }
  [[nodiscard]] auto levels() const { return tutti::TUTTI_ABI::plan::levels<Use>(rank(), size()); }
  [[nodiscard]] tree tree_from(int top) const { return place_in_tree<Use>(rank(), size(), top); }

  /// The slot intervals rank r contributes, one row each.
  [[nodiscard]] later<std::vector<interval>, Use> contributions(int r) const {
    auto const q = static_cast<std::uint32_t>(r);
    if (wanted_.cuts.empty()) return {interval{q, q + 1}};
    return partials<Use>({wanted_.cuts[q], wanted_.cuts[q + 1]}, wanted_.cuts.back());
  }
  /// Where this rank's contribution lies: where `like` does, or in an input row if the call brings slots.
  [[nodiscard]] block own(block like, std::uint32_t row) const noexcept {
    return wanted_.cuts.empty() ? like : block{buffer::input, row, like.first, like.last};
  }

  void send(int peer, block from) { plan_.steps.push_back({verb::send, peer, from, {}, {}}); }
  void recv(int peer, block to) { plan_.steps.push_back({verb::recv, peer, to, {}, {}}); }
  void copy(block to, block from) { plan_.steps.push_back({verb::copy, -1, to, {{from, {}}}, {}}); }
  void fold(block to, sources of) {
    std::sort(of.begin(), of.end(), [](source const& a, source const& b) { return a.slots.first < b.slots.first; });
    plan_.steps.push_back({verb::fold, -1, to, std::move(of), {}});
  }

  /// A scratch row like `like`, whole or as a window of one granule.
  [[nodiscard]] block scratch(block like) { return add_scratch(like, false); }
  [[nodiscard]] block window(block like) { return add_scratch(like, true); }

  /// Sends all this rank contributes over `like` to `peer`.
  void send_contributions(int peer, block like) {
    auto const count = static_cast<std::uint32_t>(contributions(rank()).size());
    for (std::uint32_t row = 0; row < count; ++row) send(peer, own(like, row));
  }
  /// Receives what every other rank contributes over `to` and folds it with this rank's own into `to`. A peer's last
  /// contribution streams through a window; those before it must be kept whole, or the stream would stop at the first.
  void fold_contributions(block to) { fold_contributions(to, to); }
  void fold_contributions(block to, block like) {
    sources all;
    auto const mine = contributions(rank());
    for (std::uint32_t row = 0; row < mine.size(); ++row) all.push_back({own(like, row), mine[row]});
    for (int i = 1; i < size(); ++i) {
      auto const theirs = contributions(after(i));
      for (std::size_t k = 0; k < theirs.size(); ++k) {
        block const into = k + 1 == theirs.size() ? window(like) : scratch(like);
        recv(after(i), into);
        all.push_back({into, theirs[k]});
      }
    }
    fold(to, std::move(all));
  }

  /// Receives the folds of this rank's children in a tree over the whole output and joins them with its own into `to`.
  void fold_children(tree const& place, block to) {
    block const own = all(buffer::output);
    auto const me = static_cast<std::uint32_t>(rank());
    sources joined{{own, {me, me + 1}}};
    for (auto const& c : place.children) {
      joined.push_back({window(own), c.holds});
      recv(c.rank, joined.back().from);
    }
    fold(to, std::move(joined));
  }
  /// Folds a run of `count` slots around the circle, heard from others, with the `mine` slots up to this rank's own.
  void fold_run(block to, block heard, block own, int count, int mine = 1) {
    auto const first = static_cast<std::uint32_t>((rank() + 1 - count - mine + 2 * size()) % size());
    auto const middle = first + static_cast<std::uint32_t>(count);
    fold(to, {{heard, {first, middle}}, {own, {middle, middle + static_cast<std::uint32_t>(mine)}}});
  }

  /// Ends the plan: finds, for every step, the earlier ones that touch the same bytes.
  [[nodiscard]] plan finish() && {
    order_steps<Use>(plan_);
    return std::move(plan_);
  }

 private:
  block add_scratch(block like, bool window) {
    plan_.scratch.push_back({like.first, like.last, window});
    return {buffer::scratch, static_cast<std::uint32_t>(plan_.scratch.size() - 1), like.first, like.last};
  }

  request wanted_;
  plan plan_;
};
using writer = basic_writer<>;

}  // namespace tutti::inline TUTTI_ABI::plan
