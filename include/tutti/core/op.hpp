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

template <class Op, class T>
concept reduction = element_reduction<Op, T> || span_reduction<Op, T>;

struct sum_op {
  template <class T>
  requires requires(T const& a, T const& b) {
    { a + b } -> std::convertible_to<T>;
  }
  constexpr T operator()(T const& a, T const& b) const { return static_cast<T>(a + b); }
};
struct prod_op {
  template <class T>
  requires requires(T const& a, T const& b) {
    { a* b } -> std::convertible_to<T>;
  }
  constexpr T operator()(T const& a, T const& b) const { return static_cast<T>(a * b); }
};
/// The smaller of two. Of two equal ones, and where one is a NaN that compares false, the lower rank's.
struct min_op {
  template <class T>
  requires requires(T const& a, T const& b) {
    { b < a } -> std::convertible_to<bool>;
  }
  constexpr T operator()(T const& a, T const& b) const { return b < a ? b : a; }
};
struct max_op {
  template <class T>
  requires requires(T const& a, T const& b) {
    { a < b } -> std::convertible_to<bool>;
  }
  constexpr T operator()(T const& a, T const& b) const { return a < b ? b : a; }
};
template <class T>
concept bitwise = std::integral<T> || std::same_as<T, std::byte>;
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
struct logical_and_op {
  template <std::integral T>
  constexpr T operator()(T const& a, T const& b) const {
    return static_cast<T>(a && b);
  }
};
struct logical_or_op {
  template <std::integral T>
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

/// The number by which ranks compare their operations: fixed for the supplied ones; every user-written one is 255.
/// Part of the wire format.
template <class Op>
inline constexpr std::uint8_t op_code = 255;
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
template <class T>
inline constexpr std::uint8_t op_code<std::plus<T>> = 1;
template <class T>
inline constexpr std::uint8_t op_code<std::multiplies<T>> = 2;

/// The name of an operation for errors; 0 (no operation) is empty.
[[nodiscard]] constexpr std::string_view op_name(std::uint8_t code) noexcept {
  constexpr std::string_view names[] = {"",        "sum",    "prod",    "min",         "max",
                                        "bit_and", "bit_or", "bit_xor", "logical_and", "logical_or"};
  return code < std::size(names) ? names[code] : std::string_view("custom op");
}

}  // namespace tutti::inline TUTTI_ABI
