// SPDX-License-Identifier: BSL-1.0
// Moves rows from the ranks that one partition gives them to those of another.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/collective/alltoall.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/exchange_rows.hpp>
#include <tutti/data/partition.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// A row of this rank that stays or leaves: where it is to stand, and where it stands.
struct row_move {
  std::uint64_t to;
  std::uint64_t from;
};

/// The moves of this rank's rows: those to rank q are moves[first[q]] up to first[q + 1], by the place they go to.
struct departures {
  std::vector<row_move> moves;
  std::vector<std::uint64_t> first;
};

/// What rank r holds; a partition may be over fewer ranks than there are.
[[nodiscard]] std::uint64_t rows_of(index_partition auto const& part, int r) {
  return r < part.ranks() ? part.count(r) : 0;
}

[[nodiscard]] departures departures_of(index_partition auto const& from, index_partition auto const& to, int rank,
                                       int size) {
  departures out{{}, std::vector<std::uint64_t>(static_cast<std::size_t>(size) + 1)};
  std::uint64_t const rows = detail::rows_of(from, rank);
  if (rows == 0) return out;
  auto const items = from.local(rank);
  std::vector<std::uint32_t> owners(static_cast<std::size_t>(rows));
  for (std::size_t p = 0; p < owners.size(); ++p) {
    owners[p] = static_cast<std::uint32_t>(to.owner(items[p]));
    ++out.first[owners[p] + std::size_t{1}];
  }
  for (std::size_t q = 1; q < out.first.size(); ++q) out.first[q] += out.first[q - 1];
  auto next = out.first;
  out.moves.resize(owners.size());
  for (std::size_t p = 0; p < owners.size(); ++p)
    out.moves[static_cast<std::size_t>(next[owners[p]]++)] = {to.position(items[p]), p};
  auto const earlier = [](row_move const& a, row_move const& b) { return a.to < b.to; };
  for (std::size_t q = 0; q + 1 < out.first.size(); ++q) {
    auto const begin = out.moves.begin() + static_cast<std::ptrdiff_t>(out.first[q]);
    auto const end = out.moves.begin() + static_cast<std::ptrdiff_t>(out.first[q + 1]);
    if (!std::is_sorted(begin, end, earlier)) std::sort(begin, end, earlier);
  }
  return out;
}

/// Where each row of this rank comes from, in the order of `to`.
[[nodiscard]] std::vector<std::uint32_t> sources_of(index_partition auto const& from, index_partition auto const& to,
                                                    int rank) {
  std::vector<std::uint32_t> sources(static_cast<std::size_t>(detail::rows_of(to, rank)));
  if (sources.empty()) return sources;
  auto const items = to.local(rank);
  for (std::size_t t = 0; t < sources.size(); ++t) sources[t] = static_cast<std::uint32_t>(from.owner(items[t]));
  return sources;
}

void check_redistribution(int rank, int size, std::uint64_t rows, index_partition auto const& from,
                          index_partition auto const& to) {
  auto const refuse = [&](std::string const& why) {
    throw error(failure{error_kind::config, rank, "redistribute", why});
  };
  if (from.size() != to.size())
    refuse("from a partition of " + std::to_string(from.size()) + " rows to one of " + std::to_string(to.size()));
  int const ranks = (std::max)(from.ranks(), to.ranks());
  if (ranks > size)
    refuse("a partition over " + std::to_string(ranks) + " ranks in a world of " + std::to_string(size));
  std::uint64_t const due = detail::rows_of(from, rank);
  if (rows != due)
    refuse("rank " + std::to_string(rank) + " gives " + std::to_string(rows) + " rows, and holds " +
           std::to_string(due) + " by the partition they come from");
}

}  // namespace detail

/// Collective: `rows[p]` is item `from.local(rank)[p]` when the call begins; row t of the result is item
/// `to.local(rank)[t]`. Partitions must be the same on every rank; each may be over fewer ranks than there are. Only
/// rows whose owner changes are sent, elements without one byte beside them: both sides compute who sends what.
template <transport::streams S, movable_row Row>
[[nodiscard]] std::vector<Row> redistribute(basic_communicator<S>& comm, std::vector<Row> rows,
                                            index_partition auto const& from, index_partition auto const& to,
                                            options how = {}) {
  int const rank = comm.rank();
  auto const self = static_cast<std::size_t>(rank);
  detail::check_redistribution(rank, comm.size(), rows.size(), from, to);
  detail::departures const departing = detail::departures_of(from, to, rank, comm.size());
  auto const& moves = departing.moves;
  auto const& first = departing.first;
  std::vector<std::uint32_t> const sources = detail::sources_of(from, to, rank);
  std::vector<std::uint64_t> sent(first.size() - 1), received(sent.size());
  for (std::size_t q = 0; q < sent.size(); ++q) sent[q] = q == self ? 0 : first[q + 1] - first[q];
  for (std::uint32_t s : sources) received[s] += s == self ? 0U : 1U;

  std::vector<Row> result(sources.size());
  for (std::uint64_t m = first[self]; m < first[self + 1]; ++m) {
    auto const& own = moves[static_cast<std::size_t>(m)];
    result[static_cast<std::size_t>(own.to)] = std::move(rows[static_cast<std::size_t>(own.from)]);
  }
  auto const is_own = [&](std::uint64_t m) { return m >= first[self] && m < first[self + 1]; };
  if constexpr (detail::flat_row<Row>) {
    std::vector<Row> leaving, arriving(static_cast<std::size_t>(detail::total(received, sizeof(Row))));
    leaving.reserve(static_cast<std::size_t>(detail::total(sent, sizeof(Row))));
    for (std::size_t m = 0; m < moves.size(); ++m)
      if (!is_own(m)) leaving.push_back(rows[static_cast<std::size_t>(moves[m].from)]);
    engine::operation op = detail::operation_on<Row>(plan::collective::alltoall, -1);
    op.count = from.size();
    comm.engine().call_once(op, how, [&] {
      detail::run_alltoall(comm, op, sent, received, std::as_bytes(std::span(leaving)),
                           std::as_writable_bytes(std::span(arriving)), 0);
    });
    std::vector<std::uint64_t> next(received.size());
    for (std::size_t s = 1; s < next.size(); ++s) next[s] = next[s - 1] + received[s - 1];
    for (std::size_t t = 0; t < sources.size(); ++t)
      if (sources[t] != self) result[t] = arriving[static_cast<std::size_t>(next[sources[t]]++)];
  } else {
    std::vector<std::vector<Row>> leaving(sent.size());
    for (std::size_t q = 0; q < sent.size(); ++q) {
      leaving[q].reserve(static_cast<std::size_t>(sent[q]));
      for (std::uint64_t m = first[q]; q != self && m < first[q + 1]; ++m)
        leaving[q].push_back(std::move(rows[static_cast<std::size_t>(moves[static_cast<std::size_t>(m)].from)]));
    }
    auto arriving = alltoall(comm, leaving, how);
    for (std::size_t s = 0; s < arriving.size(); ++s) {
      if (arriving[s].size() != received[s])
        throw error(failure{error_kind::config, rank, "redistribute",
                            "rank " + std::to_string(s) + " sent " + std::to_string(arriving[s].size()) +
                                " rows to rank " + std::to_string(rank) + " where it should send " +
                                std::to_string(received[s]) + "; the partitions must be the same on every rank"});
    }
    std::vector<std::size_t> next(received.size());
    for (std::size_t t = 0; t < sources.size(); ++t)
      if (sources[t] != self) result[t] = std::move(arriving[sources[t]][next[sources[t]]++]);
  }
  return result;
}

}  // namespace tutti::inline TUTTI_ABI
