// SPDX-License-Identifier: BSL-1.0
// half: IEEE 754 binary16, 11 significant bits, largest 65504.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <tutti/core/short_float.hpp>

namespace tutti::inline TUTTI_ABI {

/// Converts implicitly to float, so that comparisons and mixed arithmetic are float's; explicitly from any number,
/// rounded once to the nearest, ties to even (64-bit integers above 2^53 by way of double). `a + b` of two halves is a
/// half. A NaN stays a quiet NaN, what is too large becomes infinite, subnormals are kept.
class half {
 public:
  half() = default;
  template <class A>
  requires std::is_arithmetic_v<A>
  constexpr explicit half(A x) noexcept : bits_(rounded(detail::odd_float(x))) {}

  [[nodiscard]] static constexpr half from_bits(std::uint16_t bits) noexcept {
    half h{};
    h.bits_ = bits;
    return h;
  }
  [[nodiscard]] constexpr std::uint16_t bits() const noexcept { return bits_; }

  constexpr operator float() const noexcept {
    std::uint32_t const sign = (bits_ & 0x8000U) << 16U;
    std::uint32_t const rest = bits_ & 0x7fffU;
    std::uint32_t magnitude = (rest << 13U) + (112U << 23U);  // the exponents' biases differ by 112
    if (rest >= 0x7c00U)
      magnitude = (rest << 13U) | 0x7f80'0000U | (rest > 0x7c00U ? 0x40'0000U : 0U);
    else if (rest < 0x0400U)
      magnitude = std::bit_cast<std::uint32_t>(static_cast<float>(rest) * 0x1p-24F);
    return std::bit_cast<float>(sign | magnitude);
  }

 private:
  static constexpr std::uint16_t rounded(float x) noexcept {
    auto const all = std::bit_cast<std::uint32_t>(x);
    std::uint32_t const sign = all >> 16U & 0x8000U;
    std::uint32_t const rest = all & 0x7fff'ffffU;
    std::uint32_t result = 0x7c00U;  // too large: infinite
    if (rest > 0x7f80'0000U) {
      result = 0x7e00U | (rest >> 13U & 0x3ffU);
    } else if (rest < 0x3880'0000U) {  // subnormal: added to 0.5, the last bits of a float count in steps of 2^-24
      result = std::bit_cast<std::uint32_t>(std::bit_cast<float>(rest) + 0.5F) - 0x3f00'0000U;
    } else if (rest < 0x477f'f000U) {
      result = (rest + 0xfffU + (rest >> 13U & 1U) - (112U << 23U)) >> 13U;
    }
    return static_cast<std::uint16_t>(sign | result);
  }
  std::uint16_t bits_;
};

}  // namespace tutti::inline TUTTI_ABI

template <>
class std::numeric_limits<tutti::half> : public std::numeric_limits<float> {
  using half = tutti::half;

 public:
  static constexpr int digits = 11, digits10 = 3, max_digits10 = 5;
  static constexpr int min_exponent = -13, min_exponent10 = -4, max_exponent = 16, max_exponent10 = 4;
  static constexpr half min() noexcept { return half::from_bits(0x0400); }
  static constexpr half max() noexcept { return half::from_bits(0x7bff); }
  static constexpr half lowest() noexcept { return half::from_bits(0xfbff); }
  static constexpr half epsilon() noexcept { return half::from_bits(0x1400); }
  static constexpr half round_error() noexcept { return half::from_bits(0x3800); }
  static constexpr half infinity() noexcept { return half::from_bits(0x7c00); }
  static constexpr half quiet_NaN() noexcept { return half::from_bits(0x7e00); }
  static constexpr half signaling_NaN() noexcept { return half::from_bits(0x7d00); }
  static constexpr half denorm_min() noexcept { return half::from_bits(0x0001); }
};
