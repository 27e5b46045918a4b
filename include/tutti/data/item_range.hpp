// SPDX-License-Identifier: BSL-1.0
// A run of neighbouring items, named by where it begins and ends: what a source is asked for.
#pragma once

#include <cstdint>

#include <tutti/core/version.hpp>
#include <tutti/data/index_iterator.hpp>

namespace tutti::inline TUTTI_ABI {

/// The items [first, last): a random-access range of their numbers. Needs first <= last.
struct item_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  using iterator = detail::index_iterator<item_range>;

  [[nodiscard]] constexpr std::uint64_t size() const noexcept { return last - first; }
  [[nodiscard]] constexpr bool empty() const noexcept { return last == first; }
  /// Needs i < size().
  [[nodiscard]] constexpr std::uint64_t operator[](std::uint64_t i) const noexcept { return first + i; }
  [[nodiscard]] iterator begin() const { return {*this, 0}; }
  [[nodiscard]] iterator end() const { return {*this, size()}; }
  friend bool operator==(item_range const&, item_range const&) = default;
};

}  // namespace tutti::inline TUTTI_ABI
