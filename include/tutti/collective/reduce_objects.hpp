// SPDX-License-Identifier: BSL-1.0
// allreduce, reduce, scan and exscan of objects: text and whatever else has no fixed size, folded by op(a, b) -> T.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/arguments.hpp>
#include <tutti/collective/gather.hpp>
#include <tutti/plan/bracket.hpp>

namespace tutti::inline TUTTI_ABI {

/// Not a buffer, a value or a model, but it can be sent, and the operation makes one of two.
template <class T, class Op>
concept reducible_object =
    object<T> && !value<T, Op> && (!model<T> || mergeable<T> || std::same_as<Op, merge_op>)&&object_reduction<Op, T>;

namespace detail {

/// The fold of all[first, last) along the canonical bracket of as many slots.
template <class T, class Op>
[[nodiscard]] T fold_objects(std::vector<T> const& all, plan::interval slots, Op const& combine) {
  if (slots.size() == 1) return all[slots.first];
  std::uint32_t const middle = plan::split_point(slots);
  return combine(detail::fold_objects(all, {slots.first, middle}, combine),
                 detail::fold_objects(all, {middle, slots.last}, combine));
}

}  // namespace detail

/// The fold of one object per rank, in rank order: all objects travel to all ranks, which fold them alike.
template <transport::streams S, class T, class Op = sum_op>
requires reducible_object<T, Op>
[[nodiscard]] T allreduce(basic_communicator<S>& comm, T const& mine, Op combine = {}, options how = {}) {
  auto const all = tutti::TUTTI_ABI::allgather(comm, mine, how);
  return detail::fold_objects(all, {0, static_cast<std::uint32_t>(all.size())}, combine);
}
/// The same at the root, where alone the objects travel; elsewhere the rank's own.
template <transport::streams S, class T, class Op>
requires reducible_object<T, Op>
[[nodiscard]] T reduce(basic_communicator<S>& comm, T const& mine, Op combine, options how = {}) {
  auto const all = tutti::TUTTI_ABI::gather(comm, mine, how);
  if (comm.rank() != how.root) return mine;
  return detail::fold_objects(all, {0, static_cast<std::uint32_t>(all.size())}, combine);
}
template <transport::streams S, class T, class Op>
requires reducible_object<T, Op>
[[nodiscard]] T reduce(basic_communicator<S>& comm, T const& mine, Op combine, int root, options how = {}) {
  how.root = root;
  return tutti::TUTTI_ABI::reduce(comm, mine, std::move(combine), how);
}
/// The fold of the objects of ranks 0 … rank().
template <transport::streams S, class T, class Op = sum_op>
requires reducible_object<T, Op>
[[nodiscard]] T scan(basic_communicator<S>& comm, T const& mine, Op combine = {}, options how = {}) {
  auto const all = tutti::TUTTI_ABI::allgather(comm, mine, how);
  return detail::fold_objects(all, {0, static_cast<std::uint32_t>(comm.rank()) + 1}, combine);
}
/// The fold of the objects of ranks 0 … rank()-1; on rank 0, `mine`.
template <transport::streams S, class T, class Op = sum_op>
requires reducible_object<T, Op>
[[nodiscard]] T exscan(basic_communicator<S>& comm, T const& mine, Op combine = {}, options how = {}) {
  auto const all = tutti::TUTTI_ABI::allgather(comm, mine, how);
  if (comm.rank() == 0) return mine;
  return detail::fold_objects(all, {0, static_cast<std::uint32_t>(comm.rank())}, combine);
}

}  // namespace tutti::inline TUTTI_ABI
