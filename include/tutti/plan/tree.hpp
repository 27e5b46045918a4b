// SPDX-License-Identifier: BSL-1.0
// The shapes that follow from the bracket over the ranks: the binomial tree, and the levels of recursive doubling.
// Because both cut the ranks where the bracket cuts the slots, what they fold is folded along it, for any number of
// ranks and any root.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/bracket.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// One rank's place in the binomial tree: of every node of the bracket, the half without the root hangs below the half
/// with it (below its first rank where neither has it).
struct tree {
  struct child {
    int rank = 0;
    interval holds;
  };
  int parent = -1;              ///< -1: the root
  interval holds;               ///< the ranks at and below this one
  std::vector<child> children;  ///< the nearest, which is the smallest, first
};

template <class Use = on_use>
[[nodiscard]] later<tree, Use> place_in_tree(int rank, int size, int root) {
  auto const me = static_cast<std::uint32_t>(rank), top = static_cast<std::uint32_t>(root);
  auto const has = [](interval node, std::uint32_t r) { return node.first <= r && r < node.last; };
  auto const head = [&](interval node) { return has(node, top) ? top : node.first; };
  later<tree, Use> place{-1, {0, static_cast<std::uint32_t>(size)}, {}};
  for (interval node = place.holds; node.size() > 1;) {
    interval mine{node.first, split_point(node)}, other{mine.last, node.last};
    if (!has(mine, me)) std::swap(mine, other);
    if (head(node) == me)
      place.children.push_back({static_cast<int>(head(other)), other});
    else if (head(mine) == me)
      place = {static_cast<int>(head(other)), mine, {}};
    node = mine;
  }
  std::reverse(place.children.begin(), place.children.end());
  return place;
}

/// One level of recursive doubling: this rank's half of a node and the other half, whom it hears and whom it tells.
/// Where the halves are not alike, a rank of the shorter one tells several of the longer.
struct level {
  interval mine, theirs;
  int from = 0;
  std::vector<int> to;
};

/// The levels of one rank, the smallest node first.
template <class Use = on_use>
[[nodiscard]] later<std::vector<level>, Use> levels(int rank, int size) {
  later<std::vector<level>, Use> found;
  auto const me = static_cast<std::uint32_t>(rank);
  for (interval node{0, static_cast<std::uint32_t>(size)}; node.size() > 1; node = found.back().mine) {
    later<level, Use> l{{node.first, split_point(node)}, {split_point(node), node.last}, 0, {}};
    if (me >= l.mine.last) std::swap(l.mine, l.theirs);
    std::uint32_t const place = me - l.mine.first;
    l.from = static_cast<int>(l.theirs.first + place % l.theirs.size());
    for (std::uint32_t i = place; i < l.theirs.size(); i += l.mine.size())
      l.to.push_back(static_cast<int>(l.theirs.first + i));
    found.push_back(std::move(l));
  }
  std::reverse(found.begin(), found.end());
  return found;
}

/// Whom a rank shares the work of a level with, where each half of the node has spread its sum over as many of its
/// first ranks as is a power of two: one rank of a half no longer than its own, several of a longer one, none if it has
/// none.
template <class Level>
[[nodiscard]] later<std::vector<int>, Level> sharers(Level const& l, int rank) {
  later<std::vector<int>, Level> found;
  std::uint32_t const place = static_cast<std::uint32_t>(rank) - l.mine.first;
  std::uint32_t const holders = std::bit_floor(l.mine.size()), others = std::bit_floor(l.theirs.size());
  if (place >= holders) return found;
  for (std::uint32_t i = place % others; i < others; i += holders)
    found.push_back(static_cast<int>(l.theirs.first + i));
  return found;
}

/// The lower and upper half of a range, this rank's first.
[[nodiscard]] constexpr std::pair<interval, interval> halves(interval range, bool upper) noexcept {
  std::uint32_t const middle = range.first + range.size() / 2;
  interval const low{range.first, middle}, high{middle, range.last};
  return upper ? std::pair(high, low) : std::pair(low, high);
}

/// What is left of a range for `rank` once `ranks` of them, a power of two, have halved it, the nearest partner first.
[[nodiscard]] constexpr interval halved(interval range, int rank, std::uint32_t ranks) noexcept {
  for (std::uint32_t bit = 1; bit < ranks; bit *= 2)
    range = halves(range, (static_cast<std::uint32_t>(rank) & bit) != 0).first;
  return range;
}

}  // namespace tutti::inline TUTTI_ABI::plan
