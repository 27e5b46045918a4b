// SPDX-License-Identifier: BSL-1.0
// What a number is, beyond the standard's concepts: 128-bit integers, 16-bit floats, complex numbers by their shape.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

#if defined(__SIZEOF_INT128__)
/// The compiler's 128-bit integers, where it has them; a name that -Wpedantic accepts.
__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;
#endif

class half;
class bfloat16;

namespace detail {

/// 1 for unsigned, -1 for signed, 0 for any other type. Without GNU extensions the standard's traits leave these out.
template <class T>
inline constexpr int is_integer128 = 0;
#if defined(__SIZEOF_INT128__)
template <>
inline constexpr int is_integer128<int128> = -1;
template <>
inline constexpr int is_integer128<uint128> = 1;
#endif

template <class T>
concept integer = std::integral<T> || is_integer128<T>
!= 0;
template <class T>
concept signed_integer = std::signed_integral<T> || is_integer128<T> < 0;

template <class T>
concept short_float = std::same_as<T, half> || std::same_as<T, bfloat16>;
template <class T>
concept real = std::floating_point<T> || short_float<T>;

/// std::complex by its shape: <complex> brings the streams with it, and few who include us need either.
template <class T>
inline constexpr bool is_complex = [] {
  if constexpr (requires(T const& z) {
                  typename T::value_type;
                  { z.real() } -> std::same_as<typename T::value_type>;
                  { z.imag() } -> std::same_as<typename T::value_type>;
                  T(z.real(), z.imag());
                })
    return std::floating_point<typename T::value_type> && sizeof(T) == 2 * sizeof(typename T::value_type);
  return false;
}();

/// The unsigned type in which integers of type T wrap around: at least as wide as unsigned int, so that no promotion to
/// a signed type can overflow.
template <class T>
constexpr auto wrapping_type() {
#if defined(__SIZEOF_INT128__)
  if constexpr (is_integer128<T> != 0)
    return uint128{};
  else
#endif
      if constexpr (sizeof(T) <= sizeof(unsigned))
    return 0U;
  else
    return std::make_unsigned_t<T>{};
}
template <class T>
using wrapping = decltype(detail::wrapping_type<T>());

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
