// SPDX-License-Identifier: BSL-1.0
// reduce: the root ends with the fold of all contributions; the others keep theirs.
#pragma once

#include <span>
#include <utility>

#include <tutti/collective/arguments.hpp>
#include <tutti/collective/fused.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

template <transport::streams S, element T, reduction<T> Op>
void reduce_span(basic_communicator<S>& comm, std::span<T> inout, Op const& combine, options const& how) {
  engine::operation op = detail::reduction_on<T>(plan::collective::reduce, how.root, combine);
  op.count = inout.size();
  op.output = std::as_writable_bytes(inout);
  comm.engine().run(op, how);
}

}  // namespace detail

/// At the root, element i of `inout` becomes the fold of all ranks' elements i along the canonical bracket; elsewhere
/// `inout` is unchanged. All ranks give the same length. Blocks until this rank's part is done. An rvalue container is
/// returned.
template <transport::streams S, writable_buffer R, reduction<detail::element_of<R>> Op>
in_place_result<R> reduce(basic_communicator<S>& comm, R&& inout, Op combine, options how = {}) {
  detail::checked_root(comm, plan::collective::reduce, how.root);
  detail::reduce_span(comm, detail::elements_of(inout), combine, how);
  return detail::hand_back<R>(inout);
}
template <transport::streams S, writable_buffer R, reduction<detail::element_of<R>> Op>
in_place_result<R> reduce(basic_communicator<S>& comm, R&& inout, Op combine, int root, options how = {}) {
  how.root = root;
  return tutti::TUTTI_ABI::reduce(comm, std::forward<R>(inout), combine, how);
}
template <transport::streams S, writable_buffer R>
in_place_result<R> reduce(basic_communicator<S>& comm, R&& inout, options how = {}) {
  return tutti::TUTTI_ABI::reduce(comm, std::forward<R>(inout), sum, how);
}

/// The fold of one value per rank, at the root; elsewhere the rank's own value.
template <transport::streams S, class T, class Op>
requires value<T, Op>
[[nodiscard]] T reduce(basic_communicator<S>& comm, T const& mine, Op combine, options how = {}) {
  detail::checked_root(comm, plan::collective::reduce, how.root);
  T result = mine;
  detail::reduce_span(comm, std::span<T>(&result, 1), combine, how);
  return result;
}
template <transport::streams S, class T, class Op>
requires value<T, Op>
[[nodiscard]] T reduce(basic_communicator<S>& comm, T const& mine, Op combine, int root, options how = {}) {
  how.root = root;
  return tutti::TUTTI_ABI::reduce(comm, mine, combine, how);
}
template <transport::streams S, class T>
requires value<T, sum_op>
[[nodiscard]] T reduce(basic_communicator<S>& comm, T const& mine, options how = {}) {
  return tutti::TUTTI_ABI::reduce(comm, mine, sum, how);
}

/// In place, tensor by tensor, small ones together; all ranks give a model of the same signature.
template <transport::streams S, class M, class Op>
requires model_argument<M, Op>
void reduce(basic_communicator<S>& comm, M& inout, Op combine, options how = {}) {
  fused together(comm, how);
  together.reduce(inout, std::move(combine), how.root);
  together.run();
}
template <transport::streams S, class M, class Op>
requires model_argument<M, Op>
void reduce(basic_communicator<S>& comm, M& inout, Op combine, int root, options how = {}) {
  how.root = root;
  tutti::TUTTI_ABI::reduce(comm, inout, combine, how);
}

}  // namespace tutti::inline TUTTI_ABI
