// SPDX-License-Identifier: BSL-1.0
// alltoall: every rank sends every rank a block of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/arguments.hpp>
#include <tutti/collective/ragged.hpp>
#include <tutti/core/on_use.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// One alltoall plan. `sent` and `received`: this rank's own counts, by peer; without them op.count to and from each.
template <transport::streams S>
void run_alltoall(basic_communicator<S>& comm, engine::operation op, std::span<std::uint64_t const> sent,
                  std::span<std::uint64_t const> received, const_bytes out, bytes in, std::uint8_t stage) {
  op.what = plan::collective::alltoall;
  op.counts = received;
  op.input_counts = sent;
  op.per_rank = op.counts_agreed = received.empty();
  op.inputs = {&out, 1};
  op.output = in;
  comm.engine().run(op, stage);
}

/// What the others are going to send to this rank, when this rank sends `sent`.
template <transport::streams S>
std::vector<std::uint64_t> alltoall_counts(basic_communicator<S>& comm, engine::operation op,
                                           std::vector<std::uint64_t> const& sent) {
  std::vector<later<std::byte, S>> out(8 * sent.size());
  std::vector<later<std::byte, S>> in(out.size());
  for (std::size_t q = 0; q < sent.size(); ++q) store_little(out.data() + 8 * q, sent[q]);
  op.element_size = 1;
  op.count = 8;
  detail::run_alltoall(comm, op, {}, {}, out, in, 0);
  return detail::load_counts(in);
}

template <transport::streams S>
void check_blocks(basic_communicator<S> const& comm, std::size_t blocks, char const* of) {
  if (blocks != static_cast<std::size_t>(comm.size()))
    detail::refuse(plan::collective::alltoall,
                   "there are " + std::to_string(blocks) + " " + of + " for " + std::to_string(comm.size()) + " ranks");
}

/// An alltoall of equal blocks, or config if the lengths do not make them.
template <element T, transport::streams S>
[[nodiscard]] engine::operation alltoall_of(basic_communicator<S> const& comm, std::size_t out, std::size_t in) {
  auto const p = static_cast<std::size_t>(comm.size());
  if (out != in || out % p != 0)
    detail::refuse(plan::collective::alltoall, std::to_string(out) + " elements out and " + std::to_string(in) +
                                                   " in are not " + std::to_string(p) + " blocks of one length each");
  engine::operation op = detail::operation_on<T>(plan::collective::alltoall, -1);
  op.count = out / p;
  return op;
}

}  // namespace detail

/// Block q of `out` goes to rank q, and block q of `in` comes from rank q: both hold size() blocks of one length, the
/// same on all ranks. They must not overlap. Blocks until all data is here and this rank's has been handed over.
template <transport::streams S, buffer R, writable_buffer Q>
void alltoall(basic_communicator<S>& comm, R const& out, Q&& in, options how = {}) {
  using T = detail::element_of<Q>;
  static_assert(std::same_as<T, detail::element_of<R const>>,
                "tutti: both buffers of an alltoall have one element type.");
  auto const from = detail::elements_of(out);
  auto const to = detail::elements_of(in);
  engine::operation const op = detail::alltoall_of<T>(comm, from.size(), to.size());
  comm.engine().call_once(
      op, how, [&] { detail::run_alltoall(comm, op, {}, {}, std::as_bytes(from), std::as_writable_bytes(to), 0); });
}

/// The same in place: block q of `inout` goes to rank q and is replaced by the one from there.
template <transport::streams S, writable_buffer R>
in_place_result<R> alltoall(basic_communicator<S>& comm, R&& inout, options how = {}) {
  bytes const mine = std::as_writable_bytes(detail::elements_of(inout));
  auto const n = mine.size() / sizeof(detail::element_of<R>);
  engine::operation const op = detail::alltoall_of<detail::element_of<R>>(comm, n, n);
  comm.engine().call_once(op, how, [&] {
    bytes const copy = comm.engine().spare(mine.size());
    std::copy(mine.begin(), mine.end(), copy.begin());
    detail::run_alltoall(comm, op, {}, {}, copy, mine, 0);
  });
  return detail::hand_back<R>(inout);
}

/// Block q of `out` goes to rank q, whatever its length; block q of the result came from there.
template <transport::streams S, element T>
[[nodiscard]] ragged<T> alltoall(basic_communicator<S>& comm, ragged<T> const& out, options how = {}) {
  detail::check_blocks(comm, out.size(), "blocks");
  engine::operation op = detail::operation_on<T>(plan::collective::alltoall, -1);
  op.compare_counts = false;
  ragged<T> in;
  comm.engine().call_once(op, how, [&] {
    in.counts = detail::alltoall_counts(comm, op, out.counts);
    in.values.resize(detail::total(in.counts, sizeof(T)));
    detail::run_alltoall(comm, op, out.counts, in.counts, std::as_bytes(std::span(out.values)),
                         std::as_writable_bytes(std::span(in.values)), 1);
  });
  return in;
}

/// Object q of `out` goes to rank q; object q of the result came from there.
template <transport::streams S, object T>
requires(!buffer<std::vector<T>>)
    [[nodiscard]] std::vector<T> alltoall(basic_communicator<S>& comm, std::vector<T> const& out, options how = {}) {
  detail::check_blocks(comm, out.size(), "objects");
  auto const p = out.size();
  std::vector<later<std::vector<std::byte>, S>> encoded;
  std::vector<std::uint64_t> lengths;
  for (T const& one : out) lengths.push_back(encoded.emplace_back(encode(one)).size());
  engine::operation op = detail::operation_on<std::byte>(plan::collective::alltoall, -1);
  op.compare_counts = false;
  std::vector<later<std::vector<std::byte>, S>> arrived(p);
  comm.engine().call_once(op, how, [&] {
    auto const expected = detail::alltoall_counts(comm, op, lengths);
    // All ranks make as many rounds as the longest object of all takes.
    std::uint64_t longest = 0;
    for (std::uint64_t n : lengths) longest = (std::max)(longest, n);
    for (std::uint64_t n : detail::allgather_counts(comm, op, longest)) longest = (std::max)(longest, n);
    std::uint8_t stage = 0;
    for (std::uint64_t done = 0; done < longest; done += detail::piece) {
      auto const now = [&](std::uint64_t n) { return n <= done ? 0 : (std::min)(n - done, detail::piece); };
      std::vector<std::uint64_t> sent;
      std::vector<std::uint64_t> received;
      later<std::vector<std::byte>, S> packed;
      for (std::size_t q = 0; q < p; ++q) {
        sent.push_back(now(lengths[q]));
        received.push_back(now(expected[q]));
        auto const begin = encoded[q].begin() + static_cast<std::ptrdiff_t>((std::min)(done, lengths[q]));
        packed.insert(packed.end(), begin, begin + static_cast<std::ptrdiff_t>(sent[q]));
      }
      later<std::vector<std::byte>, S> round(detail::total(received, 1));
      detail::run_alltoall(comm, op, sent, received, packed, round, stage = static_cast<std::uint8_t>(stage % 255 + 1));
      auto from = round.begin();
      for (std::size_t q = 0; q < p; ++q) {
        auto const next = from + static_cast<std::ptrdiff_t>(received[q]);
        arrived[q].insert(arrived[q].end(), from, next);
        from = next;
      }
    }
  });
  std::vector<T> in;
  for (auto const& a : arrived) decode(a, in.emplace_back());
  return in;
}

}  // namespace tutti::inline TUTTI_ABI
