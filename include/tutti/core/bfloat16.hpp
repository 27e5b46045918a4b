// SPDX-License-Identifier: BSL-1.0
// bfloat16: the upper half of a float, 8 significant bits and a float's range.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <tutti/core/short_float.hpp>

namespace tutti::inline TUTTI_ABI {

/// Converts implicitly to float, so that comparisons and mixed arithmetic are float's; explicitly from any number,
/// rounded once to the nearest, ties to even (64-bit integers above 2^53 by way of double). `a + b` of two bfloat16 is
/// a bfloat16. A NaN stays a quiet NaN, what is too large becomes infinite, subnormals are kept.
class bfloat16 {
 public:
  bfloat16() = default;
  template <class A>
  requires std::is_arithmetic_v<A>
  constexpr explicit bfloat16(A x) noexcept : bits_(rounded(detail::odd_float(x))) {}

  [[nodiscard]] static constexpr bfloat16 from_bits(std::uint16_t bits) noexcept {
    bfloat16 b{};
    b.bits_ = bits;
    return b;
  }
  [[nodiscard]] constexpr std::uint16_t bits() const noexcept { return bits_; }

  constexpr operator float() const noexcept { return std::bit_cast<float>(std::uint32_t{bits_} << 16U); }

 private:
  static constexpr std::uint16_t rounded(float x) noexcept {
    auto const all = std::bit_cast<std::uint32_t>(x);
    if ((all & 0x7fff'ffffU) > 0x7f80'0000U) return static_cast<std::uint16_t>(all >> 16U | 0x40U);
    return static_cast<std::uint16_t>((all + 0x7fffU + (all >> 16U & 1U)) >> 16U);
  }
  std::uint16_t bits_;
};

}  // namespace tutti::inline TUTTI_ABI

template <>
class std::numeric_limits<tutti::bfloat16> : public std::numeric_limits<float> {
  using bfloat16 = tutti::bfloat16;

 public:
  static constexpr int digits = 8, digits10 = 2, max_digits10 = 4;
  static constexpr bfloat16 min() noexcept { return bfloat16::from_bits(0x0080); }
  static constexpr bfloat16 max() noexcept { return bfloat16::from_bits(0x7f7f); }
  static constexpr bfloat16 lowest() noexcept { return bfloat16::from_bits(0xff7f); }
  static constexpr bfloat16 epsilon() noexcept { return bfloat16::from_bits(0x3c00); }
  static constexpr bfloat16 round_error() noexcept { return bfloat16::from_bits(0x3f00); }
  static constexpr bfloat16 infinity() noexcept { return bfloat16::from_bits(0x7f80); }
  static constexpr bfloat16 quiet_NaN() noexcept { return bfloat16::from_bits(0x7fc0); }
  static constexpr bfloat16 signaling_NaN() noexcept { return bfloat16::from_bits(0x7fa0); }
  static constexpr bfloat16 denorm_min() noexcept { return bfloat16::from_bits(0x0001); }
};
