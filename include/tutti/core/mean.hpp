// SPDX-License-Identifier: BSL-1.0
// mean: the sum of all ranks' elements over their number, added up wide and rounded once.
#pragma once

#include <concepts>
#include <cstdint>

#include <tutti/core/op.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// The exact sum of fewer than 2^31 integers of 64 or 128 bits: upper halves and lower halves added up on their own.
template <integer T>
struct split_sum {
  T upper;
  wrapping<T> lower;
  static constexpr int half_bits = static_cast<int>(sizeof(T)) * 4;
  static constexpr split_sum of(T x) {
    return {static_cast<T>(x >> half_bits),
            static_cast<wrapping<T>>(static_cast<wrapping<T>>(x) & ((wrapping<T>{1} << half_bits) - 1U))};
  }
};

/// q + remainder / n with the remainder in [0, n), to the nearest integer, ties to even.
template <class T, class R>
constexpr T to_even(T q, R remainder, R n) {
  return remainder > n - remainder || (remainder == n - remainder && q % 2 != 0) ? static_cast<T>(q + 1) : q;
}

template <class T>
struct complex_sum {
  T re;
  T im;
};
template <class T>
complex_sum(T, T) -> complex_sum<T>;

template <class T>
concept averaged = (integer<T> && !std::same_as<T, bool>) || real<T> || is_complex<T>;

}  // namespace detail

/// The arithmetic mean over the ranks. Integers are added up exactly and the quotient is rounded to the nearest, ties
/// to even; float and complex<float> are added up in double, half and bfloat16 in float, other types in themselves.
struct mean_op {
  template <detail::averaged T>
  constexpr auto widen(T const& x) const {
    if constexpr (detail::integer<T> && sizeof(T) <= 4)
      return static_cast<std::int64_t>(x);
    else if constexpr (detail::integer<T>)
      return detail::split_sum<T>::of(x);
    else if constexpr (detail::short_float<T>)
      return static_cast<float>(x);
    else if constexpr (std::same_as<T, float>)
      return static_cast<double>(x);
    else if constexpr (std::floating_point<T>)
      return x;
    else
      return detail::complex_sum{widen(x.real()), widen(x.imag())};
  }

  template <class W>
  requires std::same_as<W, std::int64_t> || std::floating_point<W>
  constexpr W operator()(W a, W b) const { return a + b; }
  template <class T>
  constexpr detail::split_sum<T> operator()(detail::split_sum<T> const& a, detail::split_sum<T> const& b) const {
    return {static_cast<T>(a.upper + b.upper), static_cast<detail::wrapping<T>>(a.lower + b.lower)};
  }
  template <class W>
  constexpr detail::complex_sum<W> operator()(detail::complex_sum<W> const& a, detail::complex_sum<W> const& b) const {
    return {a.re + b.re, a.im + b.im};
  }

  template <detail::real T, class W>
  constexpr void narrow(W total, std::uint64_t slots, T& out) const {
    out = static_cast<T>(total / static_cast<W>(slots));
  }
  template <detail::integer T>
  constexpr void narrow(std::int64_t total, std::uint64_t slots, T& out) const {
    auto const n = static_cast<std::int64_t>(slots);
    std::int64_t const below = total / n - (total % n < 0 ? 1 : 0);
    out = static_cast<T>(detail::to_even(below, total - below * n, n));
  }
  template <detail::integer T>
  constexpr void narrow(detail::split_sum<T> const& total, std::uint64_t slots, T& out) const {
    using U = detail::wrapping<T>;
    auto const n = static_cast<T>(slots);  // long division, half a T at a time
    auto const below = static_cast<T>(total.upper / n - (total.upper % n < 0 ? 1 : 0));
    U const rest = (static_cast<U>(total.upper - below * n) << detail::split_sum<T>::half_bits) + total.lower;
    auto const m = static_cast<U>(slots);
    auto const floor = static_cast<T>((static_cast<U>(below) << detail::split_sum<T>::half_bits) + rest / m);
    out = detail::to_even(floor, static_cast<U>(rest % m), m);
  }
  template <class T, class W>
  constexpr void narrow(detail::complex_sum<W> const& total, std::uint64_t slots, T& out) const {
    typename T::value_type re{};
    typename T::value_type im{};
    narrow(total.re, slots, re);
    narrow(total.im, slots, im);
    out = T(re, im);
  }
};

inline constexpr mean_op mean{};
template <>
inline constexpr std::uint8_t op_code<mean_op> = 12;

}  // namespace tutti::inline TUTTI_ABI
