// SPDX-License-Identifier: BSL-1.0
// gather: the root ends with every rank's block, in rank order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/arguments.hpp>
#include <tutti/collective/ragged.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// One gather plan. `counts`: all of them at the root; elsewhere only this rank's own is looked at. Without them, of
/// op.count elements from each rank.
template <transport::streams S>
void run_gather(basic_communicator<S>& comm, engine::operation op, std::span<std::uint64_t const> counts,
                const_bytes mine, bytes all, std::uint8_t stage) {
  op.counts = counts;
  op.per_rank = counts.empty();
  op.counts_agreed = counts.empty();
  op.inputs = {&mine, 1};
  op.output = all;
  op.held = comm.rank();
  op.input_is_part = true;
  comm.engine().run(op, stage);
}

}  // namespace detail

/// At the root `all`, size() blocks of mine.size() elements, becomes everyone's `mine` in rank order; elsewhere `all`
/// is not looked at. All ranks give `mine` the same length. Blocks until this rank's part is done.
template <transport::streams S, buffer R, writable_buffer Q>
void gather(basic_communicator<S>& comm, R const& mine, Q&& all, options how = {}) {
  using T = detail::element_of<Q>;
  static_assert(std::same_as<T, detail::element_of<R const>>, "tutti: both buffers of a gather have one element type.");
  detail::checked_root(comm, plan::collective::gather, how.root);
  auto const from = detail::elements_of(mine);
  auto const to = detail::elements_of(all);
  auto const p = static_cast<std::size_t>(comm.size());
  if (comm.rank() == how.root && to.size() != from.size() * p)
    detail::refuse(plan::collective::gather, "the root has room for " + std::to_string(to.size()) + " elements, not " +
                                                 std::to_string(p) + " blocks of " + std::to_string(from.size()));
  engine::operation op = detail::operation_on<T>(plan::collective::gather, how.root);
  op.count = from.size();
  comm.engine().call_once(
      op, how, [&] { detail::run_gather(comm, op, {}, std::as_bytes(from), std::as_writable_bytes(to), 0); });
}
template <transport::streams S, buffer R, writable_buffer Q>
void gather(basic_communicator<S>& comm, R const& mine, Q&& all, int root, options how = {}) {
  how.root = root;
  tutti::TUTTI_ABI::gather(comm, mine, std::forward<Q>(all), how);
}

/// At the root everyone's block, of whatever length each; elsewhere nothing.
template <transport::streams S, buffer R>
[[nodiscard]] ragged<detail::element_of<R const>> gather(basic_communicator<S>& comm, R const& mine, options how = {}) {
  using T = detail::element_of<R const>;
  detail::checked_root(comm, plan::collective::gather, how.root);
  auto const from = detail::elements_of(mine);
  bool const root = comm.rank() == how.root;
  auto const p = static_cast<std::size_t>(comm.size());
  engine::operation op = detail::operation_on<T>(plan::collective::gather, how.root);
  op.compare_counts = false;
  ragged<T> all;
  comm.engine().call_once(op, how, [&] {
    std::array<std::byte, 8> length{};
    store_little(length.data(), std::uint64_t{from.size()});
    std::vector<std::byte> wire(root ? 8 * p : 0);
    engine::operation count = op;
    count.element_size = 1;
    count.count = 8;
    detail::run_gather(comm, count, {}, length, wire, 0);
    std::vector<std::uint64_t> counts(p);
    counts[static_cast<std::size_t>(comm.rank())] = from.size();
    if (root) {
      all.counts = detail::load_counts(wire);
      counts = all.counts;
      all.values.resize(detail::total(counts, sizeof(T)));
    }
    detail::run_gather(comm, op, counts, std::as_bytes(from), std::as_writable_bytes(std::span(all.values)), 1);
  });
  return all;
}
template <transport::streams S, buffer R>
[[nodiscard]] ragged<detail::element_of<R const>> gather(basic_communicator<S>& comm, R const& mine, int root,
                                                         options how = {}) {
  how.root = root;
  return tutti::TUTTI_ABI::gather(comm, mine, how);
}

/// At the root everyone's object, in rank order; elsewhere nothing.
template <transport::streams S, object T>
[[nodiscard]] std::vector<T> gather(basic_communicator<S>& comm, T const& mine, options how = {}) {
  detail::checked_root(comm, plan::collective::gather, how.root);
  bool const root = comm.rank() == how.root;
  std::vector<std::byte> const encoded = encode(mine);
  engine::operation op = detail::operation_on<std::byte>(plan::collective::gather, how.root);
  op.compare_counts = false;
  std::vector<std::vector<std::byte>> arrived;
  comm.engine().call_once(op, how, [&] {
    arrived =
        detail::objects_in_pieces(comm, op, encoded, [&](auto const& counts, const_bytes piece, bytes all, auto stage) {
          detail::run_gather(comm, op, counts, piece, root ? all : bytes{}, stage);
        });
  });
  std::vector<T> objects;
  if (root)
    for (auto const& a : arrived) decode(a, objects.emplace_back());
  return objects;
}
template <transport::streams S, object T>
[[nodiscard]] std::vector<T> gather(basic_communicator<S>& comm, T const& mine, int root, options how = {}) {
  how.root = root;
  return tutti::TUTTI_ABI::gather(comm, mine, how);
}

}  // namespace tutti::inline TUTTI_ABI
