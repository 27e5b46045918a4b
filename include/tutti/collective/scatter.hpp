// SPDX-License-Identifier: BSL-1.0
// scatter: rank q ends with block q of what the root holds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <tutti/collective/arguments.hpp>
#include <tutti/collective/ragged.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// One scatter plan. `counts`: all of them at the root; elsewhere only this rank's own is looked at. Without them, of
/// op.count elements to each rank.
template <transport::streams S>
void run_scatter(basic_communicator<S>& comm, engine::operation op, std::span<std::uint64_t const> counts,
                 const_bytes all, bytes mine, std::uint8_t stage) {
  op.counts = counts;
  op.per_rank = counts.empty();
  op.counts_agreed = counts.empty();
  op.inputs = {&all, 1};
  op.output = mine;
  op.held = comm.rank();
  op.output_is_part = true;
  comm.engine().run(op, stage);
}

/// How many elements rank by rank, known at the root, told to each rank.
template <transport::streams S>
std::uint64_t scatter_count(basic_communicator<S>& comm, engine::operation op,
                            std::vector<std::uint64_t> const& counts) {
  std::vector<std::byte> wire(counts.size() * 8);
  for (std::size_t q = 0; q < counts.size(); ++q) store_little(wire.data() + 8 * q, counts[q]);
  std::array<std::byte, 8> mine{};
  op.element_size = 1;
  op.count = 8;
  detail::run_scatter(comm, op, {}, wire, mine, 0);
  return load_little<std::uint64_t>(mine.data());
}

}  // namespace detail

/// `mine` becomes block rank() of the root's `all`, which holds size() blocks of mine.size() elements; elsewhere `all`
/// is not looked at. All ranks give `mine` the same length. Blocks until this rank's part is done.
template <transport::streams S, buffer R, writable_buffer Q>
void scatter(basic_communicator<S>& comm, R const& all, Q&& mine, options how = {}) {
  using T = detail::element_of<Q>;
  static_assert(std::same_as<T, detail::element_of<R const>>,
                "tutti: both buffers of a scatter have one element type.");
  detail::checked_root(comm, plan::collective::scatter, how.root);
  auto const from = detail::elements_of(all);
  auto const to = detail::elements_of(mine);
  auto const p = static_cast<std::size_t>(comm.size());
  if (comm.rank() == how.root && from.size() != to.size() * p)
    detail::refuse(plan::collective::scatter, "the root holds " + std::to_string(from.size()) + " elements, not " +
                                                  std::to_string(p) + " blocks of " + std::to_string(to.size()));
  engine::operation op = detail::operation_on<T>(plan::collective::scatter, how.root);
  op.count = to.size();
  comm.engine().call_once(
      op, how, [&] { detail::run_scatter(comm, op, {}, std::as_bytes(from), std::as_writable_bytes(to), 0); });
}
template <transport::streams S, buffer R, writable_buffer Q>
void scatter(basic_communicator<S>& comm, R const& all, Q&& mine, int root, options how = {}) {
  how.root = root;
  tutti::TUTTI_ABI::scatter(comm, all, std::forward<Q>(mine), how);
}

/// Block rank() of the root's `all`, which has one block for each rank; elsewhere `all` is not looked at.
template <transport::streams S, element T>
[[nodiscard]] std::vector<T> scatter(basic_communicator<S>& comm, ragged<T> const& all, options how = {}) {
  detail::checked_root(comm, plan::collective::scatter, how.root);
  bool const root = comm.rank() == how.root;
  if (root && all.size() != static_cast<std::size_t>(comm.size()))
    detail::refuse(plan::collective::scatter, "the root holds " + std::to_string(all.size()) + " blocks for " +
                                                  std::to_string(comm.size()) + " ranks");
  engine::operation op = detail::operation_on<T>(plan::collective::scatter, how.root);
  op.compare_counts = false;
  std::vector<T> mine;
  comm.engine().call_once(op, how, [&] {
    std::uint64_t const n = detail::scatter_count(comm, op, root ? all.counts : std::vector<std::uint64_t>{});
    std::vector<std::uint64_t> counts =
        root ? all.counts : std::vector<std::uint64_t>(static_cast<std::size_t>(comm.size()));
    counts[static_cast<std::size_t>(comm.rank())] = n;
    mine.resize(static_cast<std::size_t>(n));
    detail::run_scatter(comm, op, counts, std::as_bytes(std::span(all.values)), std::as_writable_bytes(std::span(mine)),
                        1);
  });
  return mine;
}
template <transport::streams S, element T>
[[nodiscard]] std::vector<T> scatter(basic_communicator<S>& comm, ragged<T> const& all, int root, options how = {}) {
  how.root = root;
  return tutti::TUTTI_ABI::scatter(comm, all, how);
}

/// Object rank() of the root's `all`, which has one for each rank; elsewhere `all` is not looked at.
template <transport::streams S, object T>
[[nodiscard]] T scatter(basic_communicator<S>& comm, std::vector<T> const& all, options how = {}) {
  detail::checked_root(comm, plan::collective::scatter, how.root);
  bool const root = comm.rank() == how.root;
  auto const p = static_cast<std::size_t>(comm.size());
  if (root && all.size() != p)
    detail::refuse(plan::collective::scatter,
                   "the root holds " + std::to_string(all.size()) + " objects for " + std::to_string(p) + " ranks");
  std::vector<std::vector<std::byte>> encoded;
  std::vector<std::uint64_t> lengths;
  if (root)
    for (T const& one : all) lengths.push_back(encoded.emplace_back(encode(one)).size());
  engine::operation op = detail::operation_on<std::byte>(plan::collective::scatter, how.root);
  op.compare_counts = false;
  std::vector<std::byte> mine;
  comm.engine().call_once(op, how, [&] {
    // The number of rounds is the longest object's: every rank learns its own length and that one.
    std::uint64_t longest = 0;
    for (std::uint64_t n : lengths) longest = (std::max)(longest, n);
    std::uint64_t const n = detail::scatter_count(comm, op, lengths);
    std::uint64_t const rounds_of =
        detail::scatter_count(comm, op, root ? std::vector<std::uint64_t>(p, longest) : std::vector<std::uint64_t>{});
    std::uint8_t stage = 0;
    for (std::uint64_t done = 0; done < rounds_of; done += detail::piece) {
      std::vector<std::uint64_t> counts(p);
      std::vector<std::byte> packed;
      auto const now = [&](std::uint64_t length) {
        return length <= done ? 0 : (std::min)(length - done, detail::piece);
      };
      for (std::size_t q = 0; root && q < p; ++q) {
        counts[q] = now(lengths[q]);
        auto const begin = encoded[q].begin() + static_cast<std::ptrdiff_t>((std::min)(done, lengths[q]));
        packed.insert(packed.end(), begin, begin + static_cast<std::ptrdiff_t>(counts[q]));
      }
      counts[static_cast<std::size_t>(comm.rank())] = now(n);
      std::size_t const before = mine.size();
      mine.resize(before + static_cast<std::size_t>(now(n)));
      detail::run_scatter(comm, op, counts, packed, bytes(mine).subspan(before),
                          stage = static_cast<std::uint8_t>(stage % 255 + 1));
    }
  });
  T result{};
  decode(mine, result);
  return result;
}
template <transport::streams S, object T>
[[nodiscard]] T scatter(basic_communicator<S>& comm, std::vector<T> const& all, int root, options how = {}) {
  how.root = root;
  return tutti::TUTTI_ABI::scatter(comm, all, how);
}

}  // namespace tutti::inline TUTTI_ABI
