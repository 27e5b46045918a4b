// SPDX-License-Identifier: BSL-1.0
// The last place that knows T and the operation: below it a fold is one function on bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include <tutti/core/element.hpp>
#include <tutti/core/op.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// out[i] = left[i] ∘ right[i] for `count` elements. `out` may be `left` or `right`, never a part of either.
struct reducer {
  void (*apply)(void const* op, std::byte* out, std::byte const* left, std::byte const* right,
                std::size_t count) = nullptr;
  void const* op = nullptr;
};

namespace detail {

// Compilers vectorise loops of fixed length at -O2 too, if nothing can overlap; hence the blocks and three cases.
inline constexpr std::size_t fold_block = 64;

template <class T, class Op>
void fold_apart(Op const& op, T* __restrict out, T const* __restrict left, T const* __restrict right, std::size_t n) {
  std::size_t i = 0;
  for (; i + fold_block <= n; i += fold_block)
    for (std::size_t k = 0; k < fold_block; ++k) out[i + k] = op(left[i + k], right[i + k]);
  for (; i < n; ++i) out[i] = op(left[i], right[i]);
}
template <class T, class Op>
void fold_left(Op const& op, T* __restrict left, T const* __restrict right, std::size_t n) {
  std::size_t i = 0;
  for (; i + fold_block <= n; i += fold_block)
    for (std::size_t k = 0; k < fold_block; ++k) left[i + k] = op(left[i + k], right[i + k]);
  for (; i < n; ++i) left[i] = op(left[i], right[i]);
}
template <class T, class Op>
void fold_right(Op const& op, T const* __restrict left, T* __restrict right, std::size_t n) {
  std::size_t i = 0;
  for (; i + fold_block <= n; i += fold_block)
    for (std::size_t k = 0; k < fold_block; ++k) right[i + k] = op(left[i + k], right[i + k]);
  for (; i < n; ++i) right[i] = op(left[i], right[i]);
}

template <element T, class Op>
void fold_bytes(void const* op_address, std::byte* out_bytes, std::byte const* left_bytes, std::byte const* right_bytes,
                std::size_t n) {
  Op const& op = *static_cast<Op const*>(op_address);
  T* const out = reinterpret_cast<T*>(out_bytes);
  T const* const left = reinterpret_cast<T const*>(left_bytes);
  T const* const right = reinterpret_cast<T const*>(right_bytes);
  if constexpr (element_reduction<Op, T>) {
    if (out == left)
      fold_left(op, out, right, n);
    else if (out == right)
      fold_right(op, left, out, n);
    else
      fold_apart(op, out, left, right, n);
  } else if (out == right) {           // op(acc, in) keeps the lower ranks in acc: work on a copy of the left side
    if constexpr (sizeof(T) > 4096) {  // too large for a stack
      for (std::size_t i = 0; i < n; ++i) {
        std::vector<T> copy(left + i, left + i + 1);
        op(std::span<T>(copy), std::span<T const>(right + i, 1));
        std::memcpy(static_cast<void*>(out + i), copy.data(), sizeof(T));
      }
    } else {
      constexpr std::size_t block = 4096 / sizeof(T);
      alignas(T) std::byte copy[block * sizeof(T)];
      for (std::size_t i = 0; i < n; i += block) {
        std::size_t const m = (std::min)(block, n - i);
        std::memcpy(copy, left + i, m * sizeof(T));
        op(std::span<T>(reinterpret_cast<T*>(copy), m), std::span<T const>(right + i, m));
        std::memcpy(static_cast<void*>(out + i), copy, m * sizeof(T));
      }
    }
  } else {
    if (out != left) std::memcpy(static_cast<void*>(out), left, n * sizeof(T));
    op(std::span<T>(out, n), std::span<T const>(right, n));
  }
}

}  // namespace detail

/// The fold of T by `op`, which must outlive the reducer.
template <element T, class Op>
requires reduction<Op, T>
[[nodiscard]] reducer make_reducer(Op const& op) noexcept { return {detail::fold_bytes<T, Op>, &op}; }

}  // namespace tutti::inline TUTTI_ABI::engine
