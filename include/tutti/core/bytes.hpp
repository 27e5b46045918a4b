// SPDX-License-Identifier: BSL-1.0
// Views of raw memory, and integers in the byte order of the wire.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

using bytes = std::span<std::byte>;
using const_bytes = std::span<std::byte const>;

/// Writes `value` at `to`, little-endian whatever the host.
template <std::unsigned_integral T>
void store_little(std::byte* to, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    to[i] = static_cast<std::byte>(value & 0xffU);
    if constexpr (sizeof(T) > 1) value = static_cast<T>(value >> 8U);
  }
}

/// Reads a little-endian integer from `from`.
template <std::unsigned_integral T>
[[nodiscard]] T load_little(std::byte const* from) noexcept {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) {
    if constexpr (sizeof(T) > 1) value = static_cast<T>(value << 8U);
    value = static_cast<T>(value | static_cast<T>(std::to_integer<unsigned>(from[i])));
  }
  return value;
}

}  // namespace tutti::inline TUTTI_ABI
