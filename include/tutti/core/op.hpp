// SPDX-License-Identifier: BSL-1.0
// Reductions: the supplied ones, and the shape a user's own must have.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <iterator>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tutti/core/element.hpp>
#include <tutti/core/number.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// `op(a, b) -> T`, where a comes from the lower ranks and b from the higher ones. It must be associative; it need not
/// be commutative, and it must not throw.
template <class Op, class T>
concept element_reduction = requires(Op const& op, T const& a, T const& b) {
  { op(a, b) } -> std::convertible_to<T>;
};

/// `op(span<T> acc, span<T const> in)`: acc[i] = acc[i] ∘ in[i], whole granules at a time.
template <class Op, class T>
concept span_reduction = requires(Op const& op, std::span<T> acc, std::span<T const> in) {
  op(acc, in);
};

/// An operation with an accumulator wider than its elements: each is widened, the accumulators joined along the
/// bracket, and the last one, over `slots` elements, is narrowed. So a result is rounded once, whatever the number of
/// ranks. Serves only where one rank folds all contributions at once; the library sees to that.
template <class Op, class T>
concept wide_reduction = requires(Op const& op, T const& x, T& out, std::uint64_t slots) {
  op.narrow(op(op.widen(x), op.widen(x)), slots, out);
};

/// What buffers and values of T may be folded with.
template <class Op, class T>
concept reduction = element_reduction<Op, T> || span_reduction<Op, T> || wide_reduction<Op, T>;

/// What combines two objects that are no elements: `sum` of two std::string. Their fold is made whole, in rank order.
template <class Op, class T>
concept object_reduction = !element<T> && element_reduction<Op, T>;

/// Integers wrap around. Half and bfloat16 are added up in float and rounded once.
struct sum_op {
  template <class T>
  requires requires(T const& a, T const& b) {
    { a + b } -> std::convertible_to<T>;
  }
  constexpr T operator()(T const& a, T const& b) const {
    if constexpr (detail::integer<T>)
      return static_cast<T>(static_cast<detail::wrapping<T>>(a) + static_cast<detail::wrapping<T>>(b));
    else
      return static_cast<T>(a + b);
  }
  constexpr float widen(detail::short_float auto x) const { return x; }
  template <detail::short_float T>
  constexpr void narrow(float x, std::uint64_t, T& out) const {
    out = T(x);
  }
};
/// As sum.
struct prod_op {
  template <class T>
  requires requires(T const& a, T const& b) {
    { a* b } -> std::convertible_to<T>;
  }
  constexpr T operator()(T const& a, T const& b) const {
    if constexpr (detail::integer<T>)
      return static_cast<T>(static_cast<detail::wrapping<T>>(a) * static_cast<detail::wrapping<T>>(b));
    else
      return static_cast<T>(a * b);
  }
  constexpr float widen(detail::short_float auto x) const { return x; }
  template <detail::short_float T>
  constexpr void narrow(float x, std::uint64_t, T& out) const {
    out = T(x);
  }
};

/// The smallest. Of equal ones the lowest rank's (-0 and +0 are equal); a NaN outranks every number, so that one NaN
/// anywhere shows.
struct min_op {
  template <class T>
  requires requires(T const& a, T const& b) {
    { b < a } -> std::convertible_to<bool>;
  }
  constexpr T operator()(T const& a, T const& b) const {
    if constexpr (detail::real<T>)
      return a <= b || a != a ? a : b;
    else
      return b < a ? b : a;
  }
};
/// The largest; else as min.
struct max_op {
  template <class T>
  requires requires(T const& a, T const& b) {
    { a < b } -> std::convertible_to<bool>;
  }
  constexpr T operator()(T const& a, T const& b) const {
    if constexpr (detail::real<T>)
      return a >= b || a != a ? a : b;
    else
      return a < b ? b : a;
  }
};
template <class T>
concept bitwise = detail::integer<T> || std::same_as<T, std::byte>;
struct bit_and_op {
  template <bitwise T>
  constexpr T operator()(T const& a, T const& b) const {
    return static_cast<T>(a & b);
  }
};
struct bit_or_op {
  template <bitwise T>
  constexpr T operator()(T const& a, T const& b) const {
    return static_cast<T>(a | b);
  }
};
struct bit_xor_op {
  template <bitwise T>
  constexpr T operator()(T const& a, T const& b) const {
    return static_cast<T>(a ^ b);
  }
};
/// 1 or 0: whether all are other than 0.
struct logical_and_op {
  template <detail::integer T>
  constexpr T operator()(T const& a, T const& b) const {
    return static_cast<T>(a && b);
  }
};
/// 1 or 0: whether any is other than 0.
struct logical_or_op {
  template <detail::integer T>
  constexpr T operator()(T const& a, T const& b) const {
    return static_cast<T>(a || b);
  }
};

inline constexpr sum_op sum{};
inline constexpr prod_op prod{};
inline constexpr min_op min{};
inline constexpr max_op max{};
inline constexpr bit_and_op bit_and{};
inline constexpr bit_or_op bit_or{};
inline constexpr bit_xor_op bit_xor{};
inline constexpr logical_and_op logical_and{};
inline constexpr logical_or_op logical_or{};

namespace detail {
// Which supplied operation a function object of <functional> is; any other is itself.
template <class Op>
Op supplied(Op const&);
template <class T>
sum_op supplied(std::plus<T> const&);
template <class T>
prod_op supplied(std::multiplies<T> const&);
template <class T>
bit_and_op supplied(std::bit_and<T> const&);
template <class T>
bit_or_op supplied(std::bit_or<T> const&);
template <class T>
bit_xor_op supplied(std::bit_xor<T> const&);
template <class T>
logical_and_op supplied(std::logical_and<T> const&);
template <class T>
logical_or_op supplied(std::logical_or<T> const&);
template <class Op>
using supplied_op = decltype(detail::supplied(std::declval<Op const&>()));

/// std::plus<> on T is `sum`, and so on; not std::plus<int> on floats.
template <class Op, class T>
concept stands_for_another = !std::same_as<Op, supplied_op<Op>> && requires(Op op, supplied_op<Op> same, T const& x) {
  { op(x, x) } -> std::same_as<decltype(same(x, x))>;
};
}  // namespace detail

/// The number by which ranks compare their operations: fixed for the supplied ones; every user-written one is 255.
/// Part of the wire format.
template <class Op>
inline constexpr std::uint8_t op_code = 255;
template <class Op>
requires(!std::same_as<Op, detail::supplied_op<Op>>) inline constexpr std::uint8_t op_code<Op> =
    op_code<detail::supplied_op<Op>>;
template <>
inline constexpr std::uint8_t op_code<sum_op> = 1;
template <>
inline constexpr std::uint8_t op_code<prod_op> = 2;
template <>
inline constexpr std::uint8_t op_code<min_op> = 3;
template <>
inline constexpr std::uint8_t op_code<max_op> = 4;
template <>
inline constexpr std::uint8_t op_code<bit_and_op> = 5;
template <>
inline constexpr std::uint8_t op_code<bit_or_op> = 6;
template <>
inline constexpr std::uint8_t op_code<bit_xor_op> = 7;
template <>
inline constexpr std::uint8_t op_code<logical_and_op> = 8;
template <>
inline constexpr std::uint8_t op_code<logical_or_op> = 9;

/// The name of an operation for errors; 0 (no operation) is empty.
[[nodiscard]] constexpr std::string_view op_name(std::uint8_t code) noexcept {
  constexpr std::string_view names[] = {"",        "sum",         "prod",       "min",    "max",    "bit_and", "bit_or",
                                        "bit_xor", "logical_and", "logical_or", "minloc", "maxloc", "mean"};
  return code < std::size(names) ? names[code] : std::string_view("custom op");
}

}  // namespace tutti::inline TUTTI_ABI
