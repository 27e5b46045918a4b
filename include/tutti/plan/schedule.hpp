// SPDX-License-Identifier: BSL-1.0
// Steps merged into nodes that run together, and the order between nodes: a sorted list, or a cycle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// Of two steps, the one that comes first at every byte.
struct edge {
  std::uint32_t before = 0;
  std::uint32_t later = 0;
};

class schedule {
 public:
  /// `node_of` gives each step the step after which its node is named; edges inside a node do not count.
  schedule(std::vector<std::uint32_t> node_of, std::span<edge const> edges)
      : node_of_(std::move(node_of)), begin_(node_of_.size() + 1, 0), waits_(node_of_.size(), 0) {
    for (edge e : edges) {
      if (node(e.before) == node(e.later)) continue;
      ++begin_[node(e.before) + 1];
      ++waits_[node(e.later)];
    }
    std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
    followers_.resize(begin_.back());
    auto fill = begin_;
    for (edge e : edges)
      if (node(e.before) != node(e.later)) followers_[fill[node(e.before)]++] = node(e.later);
    for (std::uint32_t id = 0; id < count(); ++id)
      if (node(id) == id && waits_[id] == 0) sorted_.push_back(id);
    for (std::size_t i = 0; i < sorted_.size(); ++i)
      for (std::uint32_t next : after(sorted_[i]))
        if (--waits_[next] == 0) sorted_.push_back(next);
  }

  [[nodiscard]] std::uint32_t node(std::uint32_t of) const noexcept { return node_of_[of]; }

  /// The nodes, each after all it waits for; those on a cycle, or behind one, are left out.
  [[nodiscard]] std::span<std::uint32_t const> sorted() const noexcept { return sorted_; }

  /// Nodes of which each must come before the next, and the last before the first; empty = there is no cycle.
  [[nodiscard]] std::vector<std::uint32_t> cycle() const {
    std::vector<std::uint32_t> blocker(
        count());  // of a node that still waits: one that still waits, and comes before it
    std::uint32_t at = count();
    for (std::uint32_t id = 0; id < count(); ++id) {
      if (waits_[id] == 0) continue;
      at = id;
      for (std::uint32_t next : after(id))
        if (waits_[next] > 0) blocker[next] = id;
    }
    std::vector<std::uint32_t> found;
    if (at == count()) return found;
    for (std::uint32_t i = 0; i < count(); ++i) at = blocker[at];  // back until surely on the cycle
    do found.insert(found.begin(), std::exchange(at, blocker[at]));
    while (at != found.back());
    return found;
  }

  /// Whether the order between nodes brings `from` before `to`.
  [[nodiscard]] bool leads(std::uint32_t from, std::uint32_t to) const {
    std::vector<char> seen(count(), 0);
    std::vector<std::uint32_t> todo{from};
    while (!todo.empty()) {
      std::uint32_t const at = todo.back();
      todo.pop_back();
      for (std::uint32_t next : after(at)) {
        if (next == to) return true;
        if (seen[next] == 0) todo.push_back(next);
        seen[next] = 1;
      }
    }
    return false;
  }

 private:
  [[nodiscard]] std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(node_of_.size()); }
  [[nodiscard]] std::span<std::uint32_t const> after(std::uint32_t node) const {
    return std::span(followers_).subspan(begin_[node], begin_[node + 1] - begin_[node]);
  }

  std::vector<std::uint32_t> node_of_, begin_, waits_, followers_, sorted_;
};

}  // namespace tutti::inline TUTTI_ABI::plan
