// SPDX-License-Identifier: BSL-1.0
// What half and bfloat16 share: arithmetic by way of float, rounded once per operation.
#pragma once

#include <bit>
#include <cstdint>

#include <tutti/core/number.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// x as a float such that rounding that float to 16 bits gives what rounding x would: where x is no float, the one
/// towards zero with its last bit set ("round to odd", Boldo & Melquiond 2008).
template <class A>
[[nodiscard]] constexpr float odd_float(A x) noexcept {
  if constexpr (sizeof(A) <= 2 || std::same_as<A, float>) {
    return static_cast<float>(x);
  } else {
    auto const wide = static_cast<double>(x);
    auto const near = static_cast<float>(wide);
    auto const back = static_cast<double>(near);
    if (back == wide || wide != wide) return near;
    auto bits = std::bit_cast<std::uint32_t>(near);
    if (wide < 0 ? back < wide : back > wide) --bits;
    return std::bit_cast<float>(bits | 1U);
  }
}

}  // namespace detail

template <detail::short_float T>
[[nodiscard]] constexpr T operator+(T a, T b) noexcept {
  return T(static_cast<float>(a) + static_cast<float>(b));
}
template <detail::short_float T>
[[nodiscard]] constexpr T operator-(T a, T b) noexcept {
  return T(static_cast<float>(a) - static_cast<float>(b));
}
template <detail::short_float T>
[[nodiscard]] constexpr T operator*(T a, T b) noexcept {
  return T(static_cast<float>(a) * static_cast<float>(b));
}
template <detail::short_float T>
[[nodiscard]] constexpr T operator/(T a, T b) noexcept {
  return T(static_cast<float>(a) / static_cast<float>(b));
}
template <detail::short_float T>
[[nodiscard]] constexpr T operator-(T a) noexcept {
  return T::from_bits(static_cast<std::uint16_t>(a.bits() ^ 0x8000U));
}
template <detail::short_float T>
constexpr T& operator+=(T& a, T b) noexcept {
  return a = a + b;
}
template <detail::short_float T>
constexpr T& operator-=(T& a, T b) noexcept {
  return a = a - b;
}
template <detail::short_float T>
constexpr T& operator*=(T& a, T b) noexcept {
  return a = a * b;
}
template <detail::short_float T>
constexpr T& operator/=(T& a, T b) noexcept {
  return a = a / b;
}

}  // namespace tutti::inline TUTTI_ABI
