// SPDX-License-Identifier: BSL-1.0
// The last place that knows T and the operation: below it a fold is three functions on bytes.
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
#include <tutti/engine/kernels.hpp>
#include <tutti/plan/bracket.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// How accumulators are joined; for most operations an accumulator is an element. All pointers are to `count` of them.
struct reducer {
  /// out[i] = left[i] ∘ right[i]. `out` may be `left` or `right`, never a part of either.
  void (*apply)(void const* op, std::byte* out, std::byte const* left, std::byte const* right,
                std::size_t count) = nullptr;
  void const* op = nullptr;
  std::size_t accumulator_size = 0;
  /// Elements to accumulators and back, where they differ; else null. `slots`: how many elements each is the fold of.
  void (*widen)(void const* op, std::byte* out, std::byte const* in, std::size_t count) = nullptr;
  void (*narrow)(void const* op, std::byte* out, std::byte const* in, std::size_t count, std::uint64_t slots) = nullptr;
  /// An element is rounded once, so only a fold of all contributions at once may produce it.
  [[nodiscard]] bool wide() const noexcept { return widen != nullptr; }
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

template <class T, class Op>
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

template <class T, class Op>
using accumulator = std::remove_cvref_t<decltype(std::declval<Op const&>().widen(std::declval<T const&>()))>;

template <class T, class Op>
void widen_bytes(void const* op_address, std::byte* out_bytes, std::byte const* in_bytes, std::size_t n) {
  Op const& op = *static_cast<Op const*>(op_address);
  auto* __restrict const out = reinterpret_cast<accumulator<T, Op>*>(out_bytes);
  auto const* __restrict const in = reinterpret_cast<T const*>(in_bytes);
  std::size_t i = 0;
  for (; i + fold_block <= n; i += fold_block)
    for (std::size_t k = 0; k < fold_block; ++k) out[i + k] = op.widen(in[i + k]);
  for (; i < n; ++i) out[i] = op.widen(in[i]);
}
template <class T, class Op>
void narrow_bytes(void const* op_address, std::byte* out_bytes, std::byte const* in_bytes, std::size_t n,
                  std::uint64_t slots) {
  Op const& op = *static_cast<Op const*>(op_address);
  auto* __restrict const out = reinterpret_cast<T*>(out_bytes);
  auto const* __restrict const in = reinterpret_cast<accumulator<T, Op> const*>(in_bytes);
  std::size_t i = 0;
  for (; i + fold_block <= n; i += fold_block)
    for (std::size_t k = 0; k < fold_block; ++k) op.narrow(in[i + k], slots, out[i + k]);
  for (; i < n; ++i) op.narrow(in[i], slots, out[i]);
}

/// The loop over A, an accumulator of Op.
template <class A, class Op>
[[nodiscard]] auto best_join() noexcept {
  if constexpr (has_kernel<A, Op>)
    if (cpu_has_kernels) return &join_kernel<A, Op>;
  return &fold_bytes<A, Op>;
}

}  // namespace detail

/// The fold of what each rank brought, in rank order, along the canonical bracket: for objects that are no elements.
/// There must be one at least.
template <class T, class Op>
requires object_reduction<Op, T>
[[nodiscard]] T fold_objects(std::span<T const> brought, Op const& op) {
  if (brought.size() == 1) return brought.front();
  plan::interval const all{0, static_cast<std::uint32_t>(brought.size())};
  std::size_t const middle = plan::split_point(all);
  return op(engine::fold_objects(brought.first(middle), op), engine::fold_objects(brought.subspan(middle), op));
}

/// The fold of T by `op`, which must outlive the reducer.
template <element T, class Op>
requires reduction<Op, T>
[[nodiscard]] reducer make_reducer(Op const& op) noexcept {
  if constexpr (tutti::TUTTI_ABI::detail::stands_for_another<Op, T>) {
    static constexpr tutti::TUTTI_ABI::detail::supplied_op<Op> supplied{};
    return engine::make_reducer<T>(supplied);
  } else if constexpr (wide_reduction<Op, T>) {
    using A = detail::accumulator<T, Op>;
    static_assert(element<A>, "tutti: what an operation widens to is trivially copyable.");
    reducer r{detail::best_join<A, Op>(), &op, sizeof(A), &detail::widen_bytes<T, Op>, &detail::narrow_bytes<T, Op>};
    if constexpr (detail::has_short_kernel<T, Op>)
      if (detail::cpu_has_kernels) {
        r.widen = &detail::widen_kernel<T>;
        r.narrow = &detail::narrow_kernel<T, Op>;
      }
    return r;
  } else {
    return {detail::best_join<T, Op>(), &op, sizeof(T)};
  }
}

}  // namespace tutti::inline TUTTI_ABI::engine
