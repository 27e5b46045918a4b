// SPDX-License-Identifier: BSL-1.0
// The cyclic scheme: items are dealt to the ranks one by one, round and round.
#pragma once

#include <cstdint>
#include <string_view>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Item i belongs to rank i mod size, whatever n: when data is appended, no old item changes its owner.
struct cyclic {
  static constexpr std::string_view name = "cyclic";

  [[nodiscard]] constexpr std::uint64_t count(std::uint64_t n, std::uint64_t size, std::uint64_t r) const noexcept {
    return n / size + (r < n % size ? 1 : 0);
  }
  [[nodiscard]] constexpr std::uint64_t owner(std::uint64_t, std::uint64_t size, std::uint64_t i) const noexcept {
    return i % size;
  }
  [[nodiscard]] constexpr std::uint64_t position(std::uint64_t, std::uint64_t size, std::uint64_t i) const noexcept {
    return i / size;
  }
  [[nodiscard]] constexpr std::uint64_t item(std::uint64_t, std::uint64_t size, std::uint64_t r,
                                             std::uint64_t p) const noexcept {
    return p * size + r;
  }
};

}  // namespace tutti::inline TUTTI_ABI
