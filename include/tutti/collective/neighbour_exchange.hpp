// SPDX-License-Identifier: BSL-1.0
// neighbour_exchange: every rank sends a block to each rank it points to, on a graph of which it knows its own edges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <tutti/collective/ragged.hpp>
#include <tutti/collective/send.hpp>
#include <tutti/core/on_use.hpp>

namespace tutti::inline TUTTI_ABI {

/// One rank's edges. Rank a has b in `to` as often as rank b has a in `from`; a rank may be its own neighbour. Several
/// edges between two ranks carry their blocks in the order of the lists.
struct neighbours {
  std::vector<int> to;
  std::vector<int> from;

  neighbours() = default;
  /// Edges in both directions.
  neighbours(std::vector<int> both) : to(both), from(std::move(both)) {}
  neighbours(std::initializer_list<int> both) : to(both), from(both) {}
  [[nodiscard]] static neighbours directed(std::vector<int> to, std::vector<int> from) {
    neighbours n(std::move(to));
    n.from = std::move(from);
    return n;
  }
};

namespace detail {

inline constexpr int neighbour_tag = -2;

template <transport::streams S>
void check_graph(basic_communicator<S> const& comm, neighbours const& mine, std::size_t blocks) {
  auto const what = plan::message::neighbour_exchange;
  for (auto const* list : {&mine.to, &mine.from})
    for (int peer : *list) (void)detail::checked_peer(comm, what, peer);
  if (blocks != mine.to.size())
    detail::refuse(
        what, "there are " + std::to_string(blocks) + " blocks for " + std::to_string(mine.to.size()) + " neighbours");
}

template <transport::streams S, class Out, class In>
void exchange_with(basic_communicator<S>& comm, neighbours const& mine, Out block_of, std::vector<In>& in,
                   options const& how) {
  std::vector<later<engine::outgoing, S>> sent;
  std::vector<later<engine::incoming, S>> got;
  std::vector<outgoing_message<std::remove_cvref_t<decltype(block_of(0))>>> out;
  std::vector<std::unique_ptr<incoming_message<In>>> messages;
  out.reserve(mine.to.size());
  for (std::size_t i = 0; i < mine.to.size(); ++i)
    sent.push_back(out.emplace_back(block_of(i), mine.to[i], neighbour_tag).get());
  in.resize(mine.from.size());
  for (std::size_t i = 0; i < in.size(); ++i)
    got.push_back(
        messages.emplace_back(std::make_unique<incoming_message<In>>(in[i], mine.from[i], neighbour_tag))->get());
  comm.messages().run(plan::message::neighbour_exchange, sent, got, how);
  for (auto const& m : messages) m->deliver();
}

}  // namespace detail

/// Block i of `out` goes to mine.to[i]; block i of the result came from mine.from[i]. Any lengths. Blocks until all
/// have come. Ranks without edges in either direction need not call.
template <transport::streams S, element T>
[[nodiscard]] ragged<T> neighbour_exchange(basic_communicator<S>& comm, neighbours const& mine, ragged<T> const& out,
                                           options how = {}) {
  detail::check_graph(comm, mine, out.size());
  std::vector<std::vector<T>> in;
  detail::exchange_with(
      comm, mine, [&](std::size_t i) { return out[i]; }, in, how);
  ragged<T> all;
  for (auto const& block : in) all.push_back(block);
  return all;
}

/// The same with an object for each edge.
template <transport::streams S, object T>
requires(!buffer<std::vector<T>>)
    [[nodiscard]] std::vector<T> neighbour_exchange(basic_communicator<S>& comm, neighbours const& mine,
                                                    std::vector<T> const& out, options how = {}) {
  detail::check_graph(comm, mine, out.size());
  std::vector<T> in;
  detail::exchange_with(
      comm, mine, [&](std::size_t i) -> T const& { return out[i]; }, in, how);
  return in;
}

/// The same with blocks of one length: `out` holds one for each of mine.to, `in` one for each of mine.from.
template <transport::streams S, buffer R, writable_buffer Q>
void neighbour_exchange(basic_communicator<S>& comm, neighbours const& mine, R const& out, Q&& in, options how = {}) {
  using T = detail::element_of<Q>;
  static_assert(std::same_as<T, detail::element_of<R const>>,
                "tutti: both buffers of a neighbour_exchange have one element type.");
  detail::check_graph(comm, mine, mine.to.size());
  auto const from = detail::elements_of(out);
  auto const to = detail::elements_of(in);
  std::size_t const n =
      mine.to.empty() ? (mine.from.empty() ? 0 : to.size() / mine.from.size()) : from.size() / mine.to.size();
  if (from.size() != n * mine.to.size() || to.size() != n * mine.from.size())
    detail::refuse(plan::message::neighbour_exchange, std::to_string(from.size()) + " elements out and " +
                                                          std::to_string(to.size()) + " in are not " +
                                                          std::to_string(mine.to.size()) + " and " +
                                                          std::to_string(mine.from.size()) + " blocks of one length");
  std::vector<later<engine::outgoing, S>> sent;
  std::vector<later<engine::incoming, S>> got;
  for (std::size_t i = 0; i < mine.to.size(); ++i) {
    std::span<T const> const block = from.subspan(i * n, n);
    sent.push_back(detail::outgoing_message<std::span<T const>>(block, mine.to[i], detail::neighbour_tag).get());
  }
  for (std::size_t i = 0; i < mine.from.size(); ++i) {
    std::span<T> block = to.subspan(i * n, n);
    got.push_back(detail::incoming_message<std::span<T>>(block, mine.from[i], detail::neighbour_tag).get());
  }
  comm.messages().run(plan::message::neighbour_exchange, sent, got, how);
}

}  // namespace tutti::inline TUTTI_ABI
