// SPDX-License-Identifier: BSL-1.0
// allreduce: every rank ends with the fold of all contributions, in rank order, with the same bits everywhere.
#pragma once

#include <span>
#include <utility>

#include <tutti/collective/arguments.hpp>
#include <tutti/collective/fused.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

template <transport::streams S, element T, reduction<T> Op>
void allreduce_span(basic_communicator<S>& comm, std::span<T> inout, Op const& combine, options const& how) {
  engine::operation op = detail::reduction_on<T>(plan::collective::allreduce, -1, combine);
  op.count = inout.size();
  op.output = std::as_writable_bytes(inout);
  comm.engine().run(op, how);
}

}  // namespace detail

/// Element i of `inout` becomes the fold of all ranks' elements i along the canonical bracket (plan/bracket.hpp), so a
/// non-commutative operation is legal and the result does not depend on algorithm or timing. All ranks give the same
/// length. Blocks until the result is here. An rvalue container is returned.
template <transport::streams S, writable_buffer R, reduction<detail::element_of<R>> Op>
in_place_result<R> allreduce(basic_communicator<S>& comm, R&& inout, Op combine, options how = {}) {
  detail::allreduce_span(comm, detail::elements_of(inout), combine, how);
  return detail::hand_back<R>(inout);
}
template <transport::streams S, writable_buffer R>
in_place_result<R> allreduce(basic_communicator<S>& comm, R&& inout, options how = {}) {
  return tutti::TUTTI_ABI::allreduce(comm, std::forward<R>(inout), sum, how);
}

/// The fold of one value per rank.
template <transport::streams S, class T, class Op>
requires value<T, Op>
[[nodiscard]] T allreduce(basic_communicator<S>& comm, T const& mine, Op combine, options how = {}) {
  T result = mine;
  detail::allreduce_span(comm, std::span<T>(&result, 1), combine, how);
  return result;
}
template <transport::streams S, class T>
requires value<T, sum_op>
[[nodiscard]] T allreduce(basic_communicator<S>& comm, T const& mine, options how = {}) {
  return tutti::TUTTI_ABI::allreduce(comm, mine, sum, how);
}

/// In place, tensor by tensor, small ones together; all ranks give a model of the same signature.
template <transport::streams S, class M, class Op>
requires model_argument<M, Op>
void allreduce(basic_communicator<S>& comm, M& inout, Op combine, options how = {}) {
  fused together(comm, how);
  together.allreduce(inout, std::move(combine));
  together.run();
}
template <transport::streams S, class M>
requires model_argument<M, sum_op>
void allreduce(basic_communicator<S>& comm, M& inout, options how = {}) {
  tutti::TUTTI_ABI::allreduce(comm, inout, sum, how);
}

}  // namespace tutti::inline TUTTI_ABI
