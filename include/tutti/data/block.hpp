// SPDX-License-Identifier: BSL-1.0
// The block scheme: every rank holds one contiguous run of items.
#pragma once

#include <cstdint>
#include <string_view>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Contiguous runs in rank order; the first n mod size of them are one item longer than the others. Keeps neighbours
/// together; on data sorted by label it gives each rank few labels, where `cyclic` mixes them.
///
/// Here and in every scheme: 0 <= i < n, 0 <= r < size, position p counts a rank's own items from 0.
struct block {
  static constexpr std::string_view name = "block";

  [[nodiscard]] constexpr std::uint64_t count(std::uint64_t n, std::uint64_t size, std::uint64_t r) const noexcept {
    return n / size + (r < n % size ? 1 : 0);
  }
  [[nodiscard]] constexpr std::uint64_t owner(std::uint64_t n, std::uint64_t size, std::uint64_t i) const noexcept {
    std::uint64_t const shorter = n / size;
    std::uint64_t const in_longer_runs = (n % size) * (shorter + 1);
    return i < in_longer_runs ? i / (shorter + 1) : n % size + (i - in_longer_runs) / shorter;
  }
  [[nodiscard]] constexpr std::uint64_t position(std::uint64_t n, std::uint64_t size, std::uint64_t i) const noexcept {
    return i - item(n, size, owner(n, size, i), 0);
  }
  [[nodiscard]] constexpr std::uint64_t item(std::uint64_t n, std::uint64_t size, std::uint64_t r,
                                             std::uint64_t p) const noexcept {
    std::uint64_t const longer_runs = n % size;
    return r * (n / size) + (r < longer_runs ? r : longer_runs) + p;
  }
};

}  // namespace tutti::inline TUTTI_ABI
