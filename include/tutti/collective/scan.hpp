// SPDX-License-Identifier: BSL-1.0
// scan and exscan: rank r ends with the fold of the ranks 0 … r, or 0 … r-1, in rank order.
#pragma once

#include <span>
#include <utility>

#include <tutti/collective/arguments.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

template <transport::streams S, element T, reduction<T> Op>
void scan_span(basic_communicator<S>& comm, plan::collective what, std::span<T> inout, Op const& combine,
               options const& how) {
  engine::operation op = detail::reduction_on<T>(what, -1, combine);
  op.count = inout.size();
  op.output = std::as_writable_bytes(inout);
  comm.engine().run(op, how);
}

}  // namespace detail

/// Element i of `inout` becomes the fold of the elements i of ranks 0 … rank(), along the canonical bracket of as many
/// slots (plan/bracket.hpp): what an allreduce among these ranks alone would give. All ranks give the same length.
/// Blocks until the result is here. An rvalue container is returned.
template <transport::streams S, writable_buffer R, reduction<detail::element_of<R>> Op>
in_place_result<R> scan(basic_communicator<S>& comm, R&& inout, Op combine, options how = {}) {
  detail::scan_span(comm, plan::collective::scan, detail::elements_of(inout), combine, how);
  return detail::hand_back<R>(inout);
}
template <transport::streams S, writable_buffer R>
in_place_result<R> scan(basic_communicator<S>& comm, R&& inout, options how = {}) {
  return tutti::TUTTI_ABI::scan(comm, std::forward<R>(inout), sum, how);
}

/// The fold of the values of ranks 0 … rank().
template <transport::streams S, class T, class Op>
requires value<T, Op>
[[nodiscard]] T scan(basic_communicator<S>& comm, T const& mine, Op combine, options how = {}) {
  T result = mine;
  detail::scan_span(comm, plan::collective::scan, std::span<T>(&result, 1), combine, how);
  return result;
}
template <transport::streams S, class T>
requires value<T, sum_op>
[[nodiscard]] T scan(basic_communicator<S>& comm, T const& mine, options how = {}) {
  return tutti::TUTTI_ABI::scan(comm, mine, sum, how);
}

/// In place, tensor by tensor; all ranks give a model of the same signature.
template <transport::streams S, class M, class Op>
requires model_argument<M, Op>
void scan(basic_communicator<S>& comm, M& inout, Op combine, options how = {}) {
  for_each_tensor(inout, [&](auto const& t) { detail::scan_span(comm, plan::collective::scan, t.data, combine, how); });
}
template <transport::streams S, class M>
requires model_argument<M, sum_op>
void scan(basic_communicator<S>& comm, M& inout, options how = {}) { tutti::TUTTI_ABI::scan(comm, inout, sum, how); }

/// As scan, but without this rank's own: the fold of ranks 0 … rank()-1. On rank 0, where there is none, `inout` is
/// unchanged.
template <transport::streams S, writable_buffer R, reduction<detail::element_of<R>> Op>
in_place_result<R> exscan(basic_communicator<S>& comm, R&& inout, Op combine, options how = {}) {
  detail::scan_span(comm, plan::collective::exscan, detail::elements_of(inout), combine, how);
  return detail::hand_back<R>(inout);
}
template <transport::streams S, writable_buffer R>
in_place_result<R> exscan(basic_communicator<S>& comm, R&& inout, options how = {}) {
  return tutti::TUTTI_ABI::exscan(comm, std::forward<R>(inout), sum, how);
}

/// The fold of the values of ranks 0 … rank()-1; on rank 0, `mine`.
template <transport::streams S, class T, class Op>
requires value<T, Op>
[[nodiscard]] T exscan(basic_communicator<S>& comm, T const& mine, Op combine, options how = {}) {
  T result = mine;
  detail::scan_span(comm, plan::collective::exscan, std::span<T>(&result, 1), combine, how);
  return result;
}
template <transport::streams S, class T>
requires value<T, sum_op>
[[nodiscard]] T exscan(basic_communicator<S>& comm, T const& mine, options how = {}) {
  return tutti::TUTTI_ABI::exscan(comm, mine, sum, how);
}

/// In place, tensor by tensor; all ranks give a model of the same signature.
template <transport::streams S, class M, class Op>
requires model_argument<M, Op>
void exscan(basic_communicator<S>& comm, M& inout, Op combine, options how = {}) {
  for_each_tensor(inout,
                  [&](auto const& t) { detail::scan_span(comm, plan::collective::exscan, t.data, combine, how); });
}
template <transport::streams S, class M>
requires model_argument<M, sum_op>
void exscan(basic_communicator<S>& comm, M& inout, options how = {}) {
  tutti::TUTTI_ABI::exscan(comm, inout, sum, how);
}

}  // namespace tutti::inline TUTTI_ABI
