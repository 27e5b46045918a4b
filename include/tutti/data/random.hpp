// SPDX-License-Identifier: BSL-1.0
// The random scheme: a shuffled order, cut into blocks; computed, not stored.
#pragma once

#include <cstdint>
#include <string_view>

#include <tutti/core/version.hpp>
#include <tutti/data/block.hpp>
#include <tutti/data/permutation.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {
/// Position p of rank r is item `order[q]`, where q is what `block` puts there.
struct shuffled_blocks {
  std::string_view name = "random";
  permutation order{};

  [[nodiscard]] constexpr std::uint64_t count(std::uint64_t n, std::uint64_t size, std::uint64_t r) const noexcept {
    return block{}.count(n, size, r);
  }
  [[nodiscard]] constexpr std::uint64_t owner(std::uint64_t n, std::uint64_t size, std::uint64_t i) const noexcept {
    return block{}.owner(n, size, order.index_of(i));
  }
  [[nodiscard]] constexpr std::uint64_t position(std::uint64_t n, std::uint64_t size, std::uint64_t i) const noexcept {
    return block{}.position(n, size, order.index_of(i));
  }
  [[nodiscard]] constexpr std::uint64_t item(std::uint64_t n, std::uint64_t size, std::uint64_t r,
                                             std::uint64_t p) const noexcept {
    return order[block{}.item(n, size, r, p)];
  }
};
}  // namespace detail

/// Each rank holds a run of `permutation(n, seed)`: every item once, counts as even as can be, and the owner of an item
/// independent of whatever order the data came in. What each rank would draw for itself would leave out a third.
struct random {
  std::uint64_t seed = 0;

  [[nodiscard]] constexpr detail::shuffled_blocks prepare(std::uint64_t n, std::uint64_t) const noexcept {
    return {.order = permutation(n, seed)};
  }
};

}  // namespace tutti::inline TUTTI_ABI
