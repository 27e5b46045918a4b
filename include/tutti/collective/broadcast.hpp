// SPDX-License-Identifier: BSL-1.0
// broadcast: every rank ends with the root's contents.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <tutti/collective/arguments.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

template <transport::streams S, element T>
void broadcast_span(basic_communicator<S>& comm, std::span<T> inout, options const& how) {
  engine::operation op = detail::operation_on<T>(plan::collective::broadcast, how.root);
  op.count = inout.size();
  op.output = std::as_writable_bytes(inout);
  comm.engine().run(op, how);
}

/// The root's bytes on every rank, their number travelling first.
template <transport::streams S>
void broadcast_bytes(basic_communicator<S>& comm, std::vector<std::byte>& data, options const& how) {
  engine::operation op = detail::operation_on<std::byte>(plan::collective::broadcast, how.root);
  op.compare_counts = false;
  comm.engine().call_once(op, how, [&] {
    bool const root = comm.rank() == how.root;
    std::array<std::byte, 8> length{};
    if (root) store_little(length.data(), std::uint64_t{data.size()});
    engine::operation part = op;
    part.count = length.size();
    part.output = length;
    comm.engine().run(part, 0);
    if (!root) data.clear();
    std::size_t done = 0;
    detail::in_pieces({load_little<std::uint64_t>(length.data())}, [&](auto const& counts, std::uint8_t stage) {
      auto const n = static_cast<std::size_t>(counts[0]);
      if (!root) data.resize(done + n);
      part.count = n;
      part.output = bytes(data).subspan(done, n);
      comm.engine().run(part, stage);
      done += n;
    });
  });
}

}  // namespace detail

/// Overwrites `inout` with the root's elements. All ranks give the same length. Blocks until this rank has the data
/// (the root: until it has handed it to the transport).
template <transport::streams S, writable_buffer R>
in_place_result<R> broadcast(basic_communicator<S>& comm, R&& inout, options how = {}) {
  detail::checked_root(comm, plan::collective::broadcast, how.root);
  detail::broadcast_span(comm, detail::elements_of(inout), how);
  return detail::hand_back<R>(inout);
}
template <transport::streams S, writable_buffer R>
in_place_result<R> broadcast(basic_communicator<S>& comm, R&& inout, int root, options how = {}) {
  how.root = root;
  return tutti::TUTTI_ABI::broadcast(comm, std::forward<R>(inout), how);
}

/// Replaces `object` by the root's: text, containers, models, anything the archive carries. Sizes may differ before.
template <transport::streams S, object T>
void broadcast(basic_communicator<S>& comm, T& object, options how = {}) {
  detail::checked_root(comm, plan::collective::broadcast, how.root);
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    detail::broadcast_span(comm, std::span<T>(&object, 1), how);
  } else {
    std::vector<std::byte> data;
    if (comm.rank() == how.root) data = encode(object);
    detail::broadcast_bytes(comm, data, how);
    if (comm.rank() != how.root) decode(data, object);
  }
}
template <transport::streams S, object T>
void broadcast(basic_communicator<S>& comm, T& object, int root, options how = {}) {
  how.root = root;
  tutti::TUTTI_ABI::broadcast(comm, object, how);
}

}  // namespace tutti::inline TUTTI_ABI
