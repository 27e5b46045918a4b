// SPDX-License-Identifier: BSL-1.0
// The three kinds of argument a collective takes, and how each becomes bytes.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/located.hpp>
#include <tutti/core/mean.hpp>
#include <tutti/core/merge.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/options.hpp>
#include <tutti/engine/engine.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/archive.hpp>
#include <tutti/model/leaf.hpp>
#include <tutti/model/visit.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

// In the words of <iterator>: <ranges> alone costs a tenth of Asio.
template <class R>
using range_iterator = decltype(std::begin(std::declval<R&>()));

template <class R>
concept element_range = std::contiguous_iterator<range_iterator<R>> && requires(R& r) {
  std::data(r);
  std::size(r);
} && element<std::iter_value_t<range_iterator<R>>> && !is_text<std::remove_cvref_t<R>> &&
    !(std::is_bounded_array_v<std::remove_cvref_t<R>> && std::same_as<std::iter_value_t<range_iterator<R>>, char>);

/// Eigen's and Armadillo's matrices, Eigen's tensors: one block of numbers, but no range.
template <class R>
concept matrix_block =
    !element_range<R> && (contiguous_leaf<std::remove_cvref_t<R>> || memptr_leaf<std::remove_cvref_t<R>>)&&(
                             matrix_like<std::remove_cvref_t<R>> || tensor_like<std::remove_cvref_t<R>>);

/// The elements of a buffer; throws config for a matrix view with gaps. (Constrained, since clang 14 looks at the
/// return type of a candidate before its constraints.)
template <class R>
requires element_range<R> || matrix_block<R>
[[nodiscard]] auto elements_of(R& r) {
  if constexpr (element_range<R>) {
    using T = std::remove_reference_t<std::iter_reference_t<range_iterator<R>>>;
    static_assert(
        !is_view<std::remove_cv_t<T>>,
        "tutti: a view (std::string_view, std::span, std::reference_wrapper) owns nothing that could be sent; "
        "hold a std::string or std::vector instead.");
    return std::span<T>(std::data(r), static_cast<std::size_t>(std::size(r)));
  } else if constexpr (memptr_leaf<std::remove_cvref_t<R>>) {
    return std::span(r.memptr(), static_cast<std::size_t>(r.n_elem));
  } else {
    check_strides(r, "buffer");
    return std::span(r.data(), static_cast<std::size_t>(r.size()));
  }
}

template <class R>
using element_of =
    std::remove_cv_t<typename decltype(detail::elements_of(std::declval<std::remove_reference_t<R>&>()))::element_type>;

}  // namespace detail

/// A contiguous range of elements (vector, array, span, C array), or an Eigen or Armadillo matrix without gaps. Text is
/// not a buffer.
template <class R>
concept buffer = detail::element_range<R> || detail::matrix_block<R>;

/// A buffer that a call may write.
template <class R>
concept writable_buffer = buffer<R> &&
    !std::is_const_v<typename decltype(detail::elements_of(std::declval<std::remove_reference_t<R>&>()))::element_type>;

/// Not a buffer, and the operation combines two of them: a number, a complex, a struct of the user's.
template <class T, class Op>
concept value = !buffer<T> && element<T> && (element_reduction<Op, T> || wide_reduction<Op, T>);

/// Neither, but the model walk finds tensors in it, and nothing says that two of them are merged whole.
template <class M, class Op>
concept model_argument = !buffer<M> && !value<M, Op> && model<M> && !mergeable<M> && !std::same_as<Op, merge_op> &&
                         !std::same_as<Op, options>;

/// Anything that can be sent as an object: what the archive carries, and is no buffer.
template <class T>
concept object = !buffer<T> && serialisable<T>;

/// What an in-place call on R gives back: nothing for an lvalue; an rvalue is moved out again.
template <class R>
using in_place_result = std::conditional_t<std::is_lvalue_reference_v<R>, void, std::remove_cvref_t<R>>;

namespace detail {

template <class R>
in_place_result<R> hand_back(std::remove_reference_t<R>& r) {
  if constexpr (!std::is_lvalue_reference_v<R>) return std::move(r);
}

[[noreturn]] inline void refuse(plan::collective what, std::string why) {
  throw error(failure{error_kind::config, -1, std::string(to_string(what)), std::move(why)});
}

template <transport::streams S>
int checked_root(basic_communicator<S> const& comm, plan::collective what, int root) {
  if (root < 0 || root >= comm.size())
    detail::refuse(what,
                   "the root " + std::to_string(root) + " is not between 0 and " + std::to_string(comm.size() - 1));
  return root;
}

template <element T>
[[nodiscard]] engine::operation operation_on(plan::collective what, int root) {
  engine::operation op;
  op.what = what;
  op.root = root;
  op.element = element_code<T>();
  op.element_size = sizeof(T);
  return op;
}

template <element T, class Op>
[[nodiscard]] engine::operation reduction_on(plan::collective what, int root, Op const& combine) {
  engine::operation op = detail::operation_on<T>(what, root);
  op.op = op_code<Op>;
  op.fold = engine::make_reducer<T>(combine);
  return op;
}

/// The calls that send objects bring their bytes through here in rounds: nothing is allocated from a count alone,
/// memory grows with what has arrived.
inline constexpr std::uint64_t piece = std::uint64_t{1} << 20U;

/// Runs `move(counts, stage)` until every count has been moved, at most one piece of each per round.
template <class Move>
void in_pieces(std::vector<std::uint64_t> left, Move&& move) {
  std::vector<std::uint64_t> now(left.size());
  for (std::uint8_t stage = 1;; stage = stage == 255 ? std::uint8_t{1} : static_cast<std::uint8_t>(stage + 1)) {
    std::uint64_t sum_now = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
      now[i] = left[i] < piece ? left[i] : piece;
      left[i] -= now[i];
      sum_now += now[i];
    }
    if (sum_now == 0) return;
    move(now, stage);
  }
}

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
