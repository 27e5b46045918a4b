// SPDX-License-Identifier: BSL-1.0
// allgather: every rank ends with every rank's block, in rank order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <tutti/collective/arguments.hpp>
#include <tutti/collective/ragged.hpp>
#include <tutti/core/on_use.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// One allgather plan; without `counts`, of op.count elements from each rank.
template <transport::streams S>
void run_allgather(basic_communicator<S>& comm, engine::operation op, std::span<std::uint64_t const> counts,
                   const_bytes mine, bytes all, std::uint8_t stage) {
  op.what = plan::collective::allgather;
  op.counts = counts;
  op.per_rank = counts.empty();
  op.inputs = {&mine, 1};
  op.output = all;
  op.held = comm.rank();
  op.input_is_part = true;
  comm.engine().run(op, stage);
}

[[nodiscard]] inline std::vector<std::uint64_t> load_counts(auto const& wire) {
  std::vector<std::uint64_t> counts(wire.size() / 8);
  for (std::size_t q = 0; q < counts.size(); ++q) counts[q] = load_little<std::uint64_t>(wire.data() + 8 * q);
  return counts;
}

/// The sum of `counts`; throws resource if that many elements cannot exist.
template <class = on_use>
[[nodiscard]] std::size_t total(std::vector<std::uint64_t> const& counts, std::size_t element_size) {
  std::uint64_t left = static_cast<std::uint64_t>(PTRDIFF_MAX) / element_size;
  std::uint64_t sum_so_far = 0;
  for (std::uint64_t n : counts) {
    if (n > left) throw error(error_kind::resource, "the ranks contribute more elements than fit in memory");
    left -= n;
    sum_so_far += n;
  }
  return static_cast<std::size_t>(sum_so_far);
}

template <transport::streams S>
std::vector<std::uint64_t> allgather_counts(basic_communicator<S>& comm, engine::operation op, std::uint64_t mine) {
  std::array<std::byte, 8> length{};
  store_little(length.data(), mine);
  auto const p = static_cast<std::size_t>(comm.size());
  std::vector<later<std::byte, S>> wire(8 * p);
  op.element_size = 1;
  op.count = 8;
  detail::run_allgather(comm, op, {}, length, wire, 0);
  return detail::load_counts(wire);
}

/// Everyone's bytes by rank, in rounds of one piece each; `move(counts, my piece, room for all, stage)` runs one round.
template <transport::streams S, class Move>
std::vector<later<std::vector<std::byte>, S>> objects_in_pieces(basic_communicator<S>& comm,
                                                                engine::operation const& op, const_bytes mine,
                                                                Move&& move) {
  auto const me = static_cast<std::size_t>(comm.rank());
  std::vector<later<std::vector<std::byte>, S>> arrived(static_cast<std::size_t>(comm.size()));
  std::size_t done = 0;
  detail::in_pieces(detail::allgather_counts(comm, op, mine.size()), [&](auto const& counts, std::uint8_t stage) {
    later<std::vector<std::byte>, S> round(detail::total(counts, 1));
    move(counts, mine.subspan(done, static_cast<std::size_t>(counts[me])), bytes(round), stage);
    done += static_cast<std::size_t>(counts[me]);
    auto from = round.begin();
    for (std::size_t q = 0; q < arrived.size(); ++q) {
      auto const next = from + static_cast<std::ptrdiff_t>(counts[q]);
      arrived[q].insert(arrived[q].end(), from, next);
      from = next;
    }
  });
  return arrived;
}

}  // namespace detail

/// `all`, size() blocks of mine.size() elements, becomes everyone's `mine` in rank order. All ranks give the same
/// length. `mine` may be its own block of `all`; other overlaps are not allowed. Blocks until all data is here.
template <transport::streams S, buffer R, writable_buffer Q>
void allgather(basic_communicator<S>& comm, R const& mine, Q&& all, options how = {}) {
  using T = detail::element_of<Q>;
  static_assert(std::same_as<T, detail::element_of<R const>>,
                "tutti: both buffers of an allgather have one element type.");
  auto const from = detail::elements_of(mine);
  auto const to = detail::elements_of(all);
  auto const p = static_cast<std::size_t>(comm.size());
  if (to.size() != from.size() * p)
    detail::refuse(plan::collective::allgather, "there is room for " + std::to_string(to.size()) + " elements, not " +
                                                    std::to_string(p) + " blocks of " + std::to_string(from.size()));
  engine::operation op = detail::operation_on<T>(plan::collective::allgather, -1);
  op.count = from.size();
  comm.engine().call_once(
      op, how, [&] { detail::run_allgather(comm, op, {}, std::as_bytes(from), std::as_writable_bytes(to), 0); });
}

/// Everyone's block, of whatever length each.
template <transport::streams S, buffer R>
[[nodiscard]] ragged<detail::element_of<R const>> allgather(basic_communicator<S>& comm, R const& mine,
                                                            options how = {}) {
  using T = detail::element_of<R const>;
  auto const from = detail::elements_of(mine);
  engine::operation op = detail::operation_on<T>(plan::collective::allgather, -1);
  op.compare_counts = false;
  ragged<T> all;
  comm.engine().call_once(op, how, [&] {
    all.counts = detail::allgather_counts(comm, op, from.size());
    all.values.resize(detail::total(all.counts, sizeof(T)));
    detail::run_allgather(comm, op, all.counts, std::as_bytes(from), std::as_writable_bytes(std::span(all.values)), 1);
  });
  return all;
}

/// Everyone's object, in rank order.
template <transport::streams S, object T>
[[nodiscard]] std::vector<T> allgather(basic_communicator<S>& comm, T const& mine, options how = {}) {
  auto const encoded = encode(mine);
  engine::operation op = detail::operation_on<std::byte>(plan::collective::allgather, -1);
  op.compare_counts = false;
  std::vector<later<std::vector<std::byte>, S>> arrived;
  comm.engine().call_once(op, how, [&] {
    arrived =
        detail::objects_in_pieces(comm, op, encoded, [&](auto const& counts, const_bytes piece, bytes all, auto stage) {
          detail::run_allgather(comm, op, counts, piece, all, stage);
        });
  });
  std::vector<T> objects;
  for (auto const& a : arrived) decode(a, objects.emplace_back());
  return objects;
}

}  // namespace tutti::inline TUTTI_ABI
