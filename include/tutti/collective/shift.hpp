// SPDX-License-Identifier: BSL-1.0
// shift: everything moves `by` ranks up, around the circle.
#pragma once

#include <algorithm>
#include <utility>

#include <tutti/collective/send.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

inline constexpr int shift_tag = -1;

template <transport::streams S>
[[nodiscard]] std::pair<int, int> shift_peers(basic_communicator<S> const& comm, int by) {
  int const p = comm.size();
  int const up = (by % p + p) % p;
  return {(comm.rank() + up) % p, (comm.rank() - up + p) % p};
}

}  // namespace detail

/// Sends `inout` to rank() + by and replaces it by that of rank() - by, both around the circle; `by` may be negative
/// and of any size, the same on all ranks, as is the length. Blocks until the neighbour's is here.
template <transport::streams S, writable_buffer R>
in_place_result<R> shift(basic_communicator<S>& comm, R&& inout, int by = 1, options how = {}) {
  auto const [to, from] = detail::shift_peers(comm, by);
  if (to != comm.rank()) {
    auto elements = detail::elements_of(inout);
    using T = detail::element_of<R>;
    detail::incoming_message<decltype(elements)> in(elements, from, detail::shift_tag);
    comm.messages().run(plan::message::shift, how, [&, peer = to] {
      auto& messages = comm.messages();
      bytes const copy = messages.spare(elements.size_bytes());
      bytes const mine = std::as_writable_bytes(elements);
      std::copy(mine.begin(), mine.end(), copy.begin());
      std::span<T const> const kept(reinterpret_cast<T const*>(copy.data()), elements.size());
      detail::outgoing_message<std::span<T const>> out(kept, peer, detail::shift_tag);
      messages.exchange({&out.get(), 1}, {&in.get(), 1});
    });
  }
  return detail::hand_back<R>(inout);
}

/// The value or object of rank() - by.
template <transport::streams S, class T>
requires(detail::sendable<T> && !buffer<T> && std::default_initializable<T>) [[nodiscard]] T
    shift(basic_communicator<S>& comm, T const& mine, int by = 1, options how = {}) {
  auto const [to, from] = detail::shift_peers(comm, by);
  if (to == comm.rank()) return mine;
  T theirs{};
  detail::outgoing_message<T> out(mine, to, detail::shift_tag);
  detail::incoming_message<T> in(theirs, from, detail::shift_tag);
  comm.messages().run(plan::message::shift, {&out.get(), 1}, {&in.get(), 1}, how);
  in.deliver();
  return theirs;
}

}  // namespace tutti::inline TUTTI_ABI
