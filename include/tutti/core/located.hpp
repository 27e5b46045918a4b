// SPDX-License-Identifier: BSL-1.0
// minloc and maxloc: the extreme value, and where it is.
#pragma once

#include <concepts>
#include <cstdint>

#include <tutti/core/op.hpp>

namespace tutti::inline TUTTI_ABI {

/// A value and where it came from (a rank, a row), for minloc and maxloc. Both members are trivially copyable.
template <class T, class I = std::int64_t>
struct located {
  T value{};
  I index{};
  friend constexpr bool operator==(located const&, located const&) = default;
};
template <class T, class I>
located(T, I) -> located<T, I>;

namespace detail {
/// Any struct with a `value` and an `index`.
template <class P>
concept value_and_index = requires(P const& p) {
  { p.value < p.value } -> std::convertible_to<bool>;
  { p.index < p.index } -> std::convertible_to<bool>;
};
template <class T>
constexpr bool is_nan([[maybe_unused]] T const& x) {
  if constexpr (real<T>)
    return x != x;
  else
    return false;
}
}  // namespace detail

/// The pair with the smallest value; among equal ones, whatever their ranks, the one with the lowest index. NaNs
/// outrank every number.
struct minloc_op {
  template <detail::value_and_index P>
  constexpr P operator()(P const& a, P const& b) const {
    bool const nan_a = detail::is_nan(a.value);
    bool const nan_b = detail::is_nan(b.value);
    if (nan_a != nan_b) return nan_a ? a : b;
    if (!nan_a && a.value < b.value) return a;
    if (!nan_a && b.value < a.value) return b;
    return b.index < a.index ? b : a;
  }
};
/// The pair with the largest value; else as minloc.
struct maxloc_op {
  template <detail::value_and_index P>
  constexpr P operator()(P const& a, P const& b) const {
    bool const nan_a = detail::is_nan(a.value);
    bool const nan_b = detail::is_nan(b.value);
    if (nan_a != nan_b) return nan_a ? a : b;
    if (!nan_a && b.value < a.value) return a;
    if (!nan_a && a.value < b.value) return b;
    return b.index < a.index ? b : a;
  }
};

inline constexpr minloc_op minloc{};
inline constexpr maxloc_op maxloc{};
template <>
inline constexpr std::uint8_t op_code<minloc_op> = 10;
template <>
inline constexpr std::uint8_t op_code<maxloc_op> = 11;

}  // namespace tutti::inline TUTTI_ABI
