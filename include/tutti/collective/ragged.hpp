// SPDX-License-Identifier: BSL-1.0
// One block per rank, of any lengths, in one piece of memory: what uneven collectives take and return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Block r is `counts[r]` elements of `values`, in rank order and without gaps: the counts add up to values.size().
template <class T>
struct ragged {
  std::vector<T> values;
  std::vector<std::uint64_t> counts;

  ragged() = default;
  ragged(std::vector<T> v, std::vector<std::uint64_t> c) : values(std::move(v)), counts(std::move(c)) {}
  /// ragged<int>{{1, 2}, {}, {3}}: one block per rank.
  ragged(std::initializer_list<std::vector<T>> blocks) {
    for (auto const& b : blocks) push_back(b);
  }

  /// Adds the next rank's block.
  void push_back(std::span<T const> block) {
    values.insert(values.end(), block.begin(), block.end());
    counts.push_back(block.size());
  }
  /// The number of blocks.
  [[nodiscard]] std::size_t size() const noexcept { return counts.size(); }
  [[nodiscard]] std::span<T> operator[](std::size_t r) { return {values.data() + offset(r), length(r)}; }
  [[nodiscard]] std::span<T const> operator[](std::size_t r) const { return {values.data() + offset(r), length(r)}; }
  friend bool operator==(ragged const&, ragged const&) = default;

 private:
  [[nodiscard]] std::size_t length(std::size_t r) const { return static_cast<std::size_t>(counts[r]); }
  [[nodiscard]] std::size_t offset(std::size_t r) const {
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < r; ++i) before += counts[i];
    return static_cast<std::size_t>(before);
  }
};

}  // namespace tutti::inline TUTTI_ABI
