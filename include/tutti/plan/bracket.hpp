// SPDX-License-Identifier: BSL-1.0
// The canonical bracket: the one order in which slots are combined, whatever the algorithm, transport, size or root.
//
// Slots 0 … n-1 are joined by a balanced binary tree whose left half is the largest power of two below n:
// five slots are ((s0∘s1)∘(s2∘s3))∘s4. The error of a sum grows as log n, ranks never change places (so a
// non-commutative operation is legal), and recursive doubling and halving produce the same tree by themselves when n is
// a power of two.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// Slots [first, last).
struct interval {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend constexpr bool operator==(interval const&, interval const&) = default;
  [[nodiscard]] constexpr std::uint32_t size() const noexcept { return last - first; }
};

/// Where the node over `slots` is split into its left and right half. The node must have two slots or more.
[[nodiscard]] constexpr std::uint32_t split_point(interval slots) noexcept {
  return slots.first + std::bit_floor(slots.size() - 1);
}

/// Whether `slots` is a node of the bracket over [0, total): only those may be folded before they are joined.
[[nodiscard]] constexpr bool is_node(interval slots, std::uint32_t total) noexcept {
  if (slots.first >= slots.last) return false;
  interval node{0, total};
  while (node.size() > slots.size()) {
    std::uint32_t const middle = split_point(node);
    node = slots.first < middle ? interval{node.first, middle} : interval{middle, node.last};
  }
  return node == slots;
}

/// The largest nodes of the bracket over [0, total) that together are `owned`, in order: at most 2 log2(total).
/// A rank that owns several slots folds these by itself and sends one partial result for each.
template <class Use = on_use>
[[nodiscard]] later<std::vector<interval>, Use> partials(interval owned, std::uint32_t total) {
  later<std::vector<interval>, Use> nodes;
  auto const visit = [&](auto const& self, interval node) -> void {
    if (node.last <= owned.first || owned.last <= node.first || node.size() == 0) return;
    if (owned.first <= node.first && node.last <= owned.last) return nodes.push_back(node);
    std::uint32_t const middle = split_point(node);
    self(self, interval{node.first, middle});
    self(self, interval{middle, node.last});
  };
  visit(visit, interval{0, total});
  return nodes;
}

}  // namespace tutti::inline TUTTI_ABI::plan
