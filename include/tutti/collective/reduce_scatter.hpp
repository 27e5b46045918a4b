// SPDX-License-Identifier: BSL-1.0
// reduce_scatter: rank q ends with the fold of everyone's block q.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <tutti/collective/arguments.hpp>
#include <tutti/collective/ragged.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

template <transport::streams S, element T, reduction<T> Op>
void reduce_scatter_span(basic_communicator<S>& comm, std::span<T const> all, std::span<std::uint64_t const> counts,
                         std::span<T> mine, std::uint64_t compared, Op const& combine, options const& how) {
  engine::operation op = detail::reduction_on<T>(plan::collective::reduce_scatter, -1, combine);
  const_bytes const input = std::as_bytes(all);
  op.count = compared;
  op.counts = counts;
  op.per_rank = counts.empty();
  op.inputs = {&input, 1};
  op.output = std::as_writable_bytes(mine);
  op.held = comm.rank();
  op.output_is_part = true;
  comm.engine().run(op, how);
}

}  // namespace detail

/// `mine` becomes the fold, along the canonical bracket, of everyone's block rank() of `all`, which holds size() blocks
/// of mine.size() elements. All ranks give the same lengths. `all` is left alone. Blocks until the result is here.
template <transport::streams S, buffer R, writable_buffer Q, reduction<detail::element_of<Q>> Op>
void reduce_scatter(basic_communicator<S>& comm, R const& all, Q&& mine, Op combine, options how = {}) {
  using T = detail::element_of<Q>;
  static_assert(std::same_as<T, detail::element_of<R const>>,
                "tutti: both buffers of a reduce_scatter have one element type.");
  std::span<T const> const from = detail::elements_of(all);
  std::span<T> const to = detail::elements_of(mine);
  auto const p = static_cast<std::size_t>(comm.size());
  if (from.size() != to.size() * p)
    detail::refuse(plan::collective::reduce_scatter, "the input has " + std::to_string(from.size()) +
                                                         " elements, not " + std::to_string(p) + " blocks of " +
                                                         std::to_string(to.size()));
  detail::reduce_scatter_span(comm, from, {}, to, to.size(), combine, how);
}
template <transport::streams S, buffer R, writable_buffer Q>
void reduce_scatter(basic_communicator<S>& comm, R const& all, Q&& mine, options how = {}) {
  tutti::TUTTI_ABI::reduce_scatter(comm, all, std::forward<Q>(mine), sum, how);
}

/// The fold of everyone's block rank() of `all`, which has one block for each rank, of the same lengths everywhere.
template <transport::streams S, element T, reduction<T> Op>
[[nodiscard]] std::vector<T> reduce_scatter(basic_communicator<S>& comm, ragged<T> const& all, Op combine,
                                            options how = {}) {
  if (all.size() != static_cast<std::size_t>(comm.size()))
    detail::refuse(plan::collective::reduce_scatter, "the input has " + std::to_string(all.size()) + " blocks for " +
                                                         std::to_string(comm.size()) + " ranks");
  std::vector<T> mine(static_cast<std::size_t>(all.counts[static_cast<std::size_t>(comm.rank())]));
  detail::reduce_scatter_span(comm, std::span<T const>(all.values), all.counts, std::span<T>(mine), all.values.size(),
                              combine, how);
  return mine;
}
template <transport::streams S, element T>
[[nodiscard]] std::vector<T> reduce_scatter(basic_communicator<S>& comm, ragged<T> const& all, options how = {}) {
  return tutti::TUTTI_ABI::reduce_scatter(comm, all, sum, how);
}

}  // namespace tutti::inline TUTTI_ABI
