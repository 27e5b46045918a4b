// SPDX-License-Identifier: BSL-1.0
// Joins of the supplied operations on plain numbers, and the conversions of 16-bit floats, in AVX2 whatever flags the
// user compiles with: chosen when the program runs, where the compiler can do that (g++ and clang on x86-64). The bits
// are those of the loops in fold.hpp: the same order, no fused multiply-add.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <tutti/core/mean.hpp>
#include <tutti/core/number.hpp>
#include <tutti/core/op.hpp>

namespace tutti::inline TUTTI_ABI::engine::detail {

#if defined(__GNUC__) && defined(__x86_64__) && !defined(_WIN32)  // g++ there does not align vectors on the stack
#define TUTTI_KERNEL __attribute__((target("avx2,f16c")))
#define TUTTI_LANES TUTTI_KERNEL __attribute__((always_inline)) inline

[[nodiscard]] inline bool ask_cpu() noexcept {
  unsigned a = 1;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  bool const f16c = (c >> 29U & 1U) != 0;  // clang 14 does not know it by name
  return f16c && __builtin_cpu_supports("avx2") != 0;
}
inline bool const cpu_has_kernels = detail::ask_cpu();

/// 32 bytes of T, loaded and stored by memcpy: buffers are aligned as T is, no better.
template <class T>
struct vector_of {
  typedef T type __attribute__((vector_size(32)));
};
template <class T>
using vector = typename vector_of<T>::type;
template <class V>
TUTTI_LANES V load(std::byte const* from) {
  V v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
template <class V>
TUTTI_LANES void store(std::byte* to, V const& v) {
  __builtin_memcpy(to, &v, sizeof v);
}

template <class Op, class... Ops>
concept one_of = (std::same_as<Op, Ops> || ...);
template <class T>
concept plain_number = (std::is_arithmetic_v<T> && !one_of<T, bool, long double>) || std::same_as<T, std::byte>;
template <class T>
concept plain_complex = tutti::TUTTI_ABI::detail::is_complex<T> && sizeof(T) <= 16;
/// What the loops below join: any supplied operation on plain numbers but the logical ones, sums of complex numbers,
/// the extremes of 16-bit floats.
template <class T, class Op>
concept has_kernel = (plain_number<T> && element_reduction<Op, T> &&
                      one_of<Op, sum_op, prod_op, min_op, max_op, bit_and_op, bit_or_op, bit_xor_op>) ||
                     (plain_complex<T> && one_of<Op, sum_op>) ||
                     (tutti::TUTTI_ABI::detail::short_float<T> && one_of<Op, min_op, max_op>);

/// What lanes are made of: sums and products of integers wrap around, as in core/op.hpp.
template <class T, class Op>
constexpr auto lane() {
  if constexpr (std::same_as<T, std::byte>)
    return static_cast<unsigned char>(0);
  else if constexpr (std::integral<T> && !one_of<Op, min_op, max_op>)
    return std::make_unsigned_t<T>{};
  else if constexpr (tutti::TUTTI_ABI::detail::is_complex<T>)
    return typename T::value_type{};
  else
    return T{};
}

/// a = a ∘ b.
template <class Op, class V>
TUTTI_LANES void combine(V& a, V const& b) {
  if constexpr (std::same_as<Op, sum_op>)
    a += b;
  else if constexpr (std::same_as<Op, prod_op>)
    a *= b;
  else if constexpr (std::same_as<Op, min_op>)
    a = ((a <= b) | (a != a)) ? a : b;
  else if constexpr (std::same_as<Op, max_op>)
    a = ((a >= b) | (a != a)) ? a : b;
  else if constexpr (std::same_as<Op, bit_and_op>)
    a &= b;
  else if constexpr (std::same_as<Op, bit_or_op>)
    a |= b;
  else
    a ^= b;
}

template <class T, class Op>
concept has_short_kernel = tutti::TUTTI_ABI::detail::short_float<T> && one_of<Op, sum_op, prod_op, mean_op>;

using floats = vector<float>;
using words = vector<std::uint32_t>;
typedef short shorts __attribute__((vector_size(16)));

/// 16 elements as floats and back. Of bfloat16 the even ones come first and then the odd ones: no lane is shuffled, and
/// only the two functions see it.
template <class T>
TUTTI_LANES void widen_lanes(floats& first, floats& second, std::byte const* in) {
  if constexpr (std::same_as<T, half>) {
    first = __builtin_ia32_vcvtph2ps256(load<shorts>(in));
    second = __builtin_ia32_vcvtph2ps256(load<shorts>(in + sizeof(shorts)));
    __asm__("" : "+x"(first), "+x"(second));  // or clang 14 compares them as halves, one by one
  } else {
    words const both = load<words>(in);
    first = reinterpret_cast<floats>(both << 16U);
    second = reinterpret_cast<floats>(both & 0xffff'0000U);
  }
}
/// The upper half of each word is the float rounded to nearest even, or a quiet NaN.
TUTTI_LANES words round_upper(floats const& from) {
  auto const bits = reinterpret_cast<words>(from);
  return from == from ? bits + 0x7fffU + (bits >> 16U & 1U) : bits | 0x40'0000U;
}
template <class T>
TUTTI_LANES void narrow_lanes(std::byte* out, floats const& first, floats const& second) {
  if constexpr (std::same_as<T, half>) {
    store(out, __builtin_ia32_vcvtps2ph256(first, 0));
    store(out + sizeof(shorts), __builtin_ia32_vcvtps2ph256(second, 0));
  } else {
    store(out, round_upper(first) >> 16U | (round_upper(second) & 0xffff'0000U));
  }
}

template <class T>
TUTTI_KERNEL void widen_kernel(void const*, std::byte* out, std::byte const* in, std::size_t n) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    floats first;
    floats second;
    widen_lanes<T>(first, second, in + i * 2);
    store(out + i * 4, first);
    store(out + i * 4 + sizeof first, second);
  }
  for (; i < n; ++i) *reinterpret_cast<float*>(out + i * 4) = *reinterpret_cast<T const*>(in + i * 2);
}
template <class T, class Op>
TUTTI_KERNEL void narrow_kernel(void const*, std::byte* out, std::byte const* in, std::size_t n, std::uint64_t slots) {
  float const share = std::same_as<Op, mean_op> ? static_cast<float>(slots) : 1.0F;
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    floats first = load<floats>(in + i * 4);
    floats second = load<floats>(in + i * 4 + sizeof first);
    if constexpr (std::same_as<Op, mean_op>) {
      first /= share;
      second /= share;
    }
    narrow_lanes<T>(out + i * 2, first, second);
  }
  for (; i < n; ++i) *reinterpret_cast<T*>(out + i * 2) = T(*reinterpret_cast<float const*>(in + i * 4) / share);
}

template <class V, class Op>
TUTTI_LANES void join_lanes(std::byte* out, std::byte const* left, std::byte const* right) {
  V a = load<V>(left);
  combine<Op>(a, load<V>(right));
  store(out, a);
}

template <class T, class Op>
requires has_kernel<T, Op> TUTTI_KERNEL void join_kernel(void const*, std::byte* out, std::byte const* left,
                                                         std::byte const* right, std::size_t n) {
  std::size_t const end = n * sizeof(T);
  std::size_t i = 0;
  if constexpr (tutti::TUTTI_ABI::detail::short_float<T>) {  // min and max: compared as floats, which loses nothing
    for (; i + 32 <= end; i += 32) {
      floats a[2];
      floats b[2];
      widen_lanes<T>(a[0], a[1], left + i);
      widen_lanes<T>(b[0], b[1], right + i);
      combine<Op>(a[0], b[0]);
      combine<Op>(a[1], b[1]);
      narrow_lanes<T>(out + i, a[0], a[1]);
    }
  } else {
    using V = vector<decltype(detail::lane<T, Op>())>;
    for (; i + 128 <= end; i += 128) {
      join_lanes<V, Op>(out + i, left + i, right + i);
      join_lanes<V, Op>(out + i + 32, left + i + 32, right + i + 32);
      join_lanes<V, Op>(out + i + 64, left + i + 64, right + i + 64);
      join_lanes<V, Op>(out + i + 96, left + i + 96, right + i + 96);
    }
  }
  for (; i < end; i += sizeof(T))
    *reinterpret_cast<T*>(out + i) =
        Op{}(*reinterpret_cast<T const*>(left + i), *reinterpret_cast<T const*>(right + i));
}
#undef TUTTI_LANES
#undef TUTTI_KERNEL

#else
inline constexpr bool cpu_has_kernels = false;
template <class T, class Op>
concept has_kernel = false;
template <class T, class Op>
concept has_short_kernel = false;
// There are none, but what never calls them names them.
template <class T, class Op>
void join_kernel(void const*, std::byte*, std::byte const*, std::byte const*, std::size_t);
template <class T>
void widen_kernel(void const*, std::byte*, std::byte const*, std::size_t);
template <class T, class Op>
void narrow_kernel(void const*, std::byte*, std::byte const*, std::size_t, std::uint64_t);
#endif

}  // namespace tutti::inline TUTTI_ABI::engine::detail
