// SPDX-License-Identifier: BSL-1.0
// FNV-1a, 64 bits: names what two ranks compare (signatures, model contents). Not a cryptographic hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <tutti/core/bytes.hpp>

namespace tutti::inline TUTTI_ABI {

/// Accumulates bytes into one 64-bit value; equal sequences give equal values on every platform.
class fnv1a {
 public:
  constexpr fnv1a& add(std::string_view text) noexcept {
    for (char c : text) mix(static_cast<unsigned char>(c));
    return *this;
  }
  fnv1a& add(const_bytes data) noexcept {
    for (std::byte b : data) mix(std::to_integer<unsigned char>(b));
    return *this;
  }
  constexpr fnv1a& add(std::uint64_t number) noexcept {
    for (int i = 0; i < 8; ++i) mix(static_cast<unsigned char>(number >> (8 * i)));
    return *this;
  }
  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return state_; }

 private:
  constexpr void mix(unsigned char byte) noexcept { state_ = (state_ ^ byte) * 0x100000001b3ULL; }
  std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace tutti::inline TUTTI_ABI
