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

/// What rank r holds; a partition may be over fewer ranks than there are.
[[nodiscard]] std::uint64_t rows_of(index_partition auto const& part, int r) {
  return r < part.ranks() ? part.count(r) : 0;
}

/// Items of one rank and their places there: those of group g are rows[first[g]] up to first[g + 1], in order of item.
struct grouped_items {
  struct row {
    std::uint64_t item;
    std::uint64_t place;
  };
  std::vector<row> rows{};
  std::vector<std::uint64_t> first{};

  [[nodiscard]] std::span<row const> group(std::size_t g) const {
    return std::span(rows).subspan(static_cast<std::size_t>(first[g]), static_cast<std::size_t>(count(g)));
  }
  [[nodiscard]] std::uint64_t count(std::size_t g) const { return first[g + 1] - first[g]; }
};

/// What `part` gives to `rank`, grouped by the owners in `other`. Sender and receiver call this with the two partitions
/// swapped: the k-th row of the one's group for the other is the k-th of the other's group from the one.
[[nodiscard]] grouped_items group_by_owner(index_partition auto const& part, index_partition auto const& other,
                                           int rank, int size) {
  grouped_items out;
  out.first.resize(static_cast<std::size_t>(size) + 1);
  std::uint64_t const n = detail::rows_of(part, rank);
  if (n == 0) return out;
  auto const items = part.local(rank);
  std::vector<std::uint32_t> owners(static_cast<std::size_t>(n));
  for (std::size_t p = 0; p < owners.size(); ++p) {
    owners[p] = static_cast<std::uint32_t>(other.owner(items[p]));
    ++out.first[owners[p] + std::size_t{1}];
  }
  for (std::size_t g = 1; g < out.first.size(); ++g) out.first[g] += out.first[g - 1];
  auto next = out.first;
  out.rows.resize(owners.size());
  for (std::size_t p = 0; p < owners.size(); ++p) out.rows[static_cast<std::size_t>(next[owners[p]]++)] = {items[p], p};
  auto const earlier = [](auto const& a, auto const& b) { return a.item < b.item; };
  for (std::size_t g = 0; g + 1 < out.first.size(); ++g) {
    auto const begin = out.rows.begin() + static_cast<std::ptrdiff_t>(out.first[g]);
    auto const end = out.rows.begin() + static_cast<std::ptrdiff_t>(out.first[g + 1]);
    if (!std::is_sorted(begin, end, earlier)) std::sort(begin, end, earlier);  // nearly all schemes keep the order
  }
  return out;
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
  auto const out = detail::group_by_owner(from, to, rank, comm.size());
  auto const in = detail::group_by_owner(to, from, rank, comm.size());
  std::vector<std::uint64_t> sent, received;
  for (std::size_t q = 0; q + 1 < out.first.size(); ++q) {
    sent.push_back(q == self ? 0 : out.count(q));
    received.push_back(q == self ? 0 : in.count(q));
  }
  std::vector<Row> result(in.rows.size());
  for (std::size_t k = 0; k < out.group(self).size(); ++k)
    result[static_cast<std::size_t>(in.group(self)[k].place)] =
        std::move(rows[static_cast<std::size_t>(out.group(self)[k].place)]);
  if constexpr (detail::flat_row<Row>) {
    std::vector<Row> leaving, arriving(detail::total(received, sizeof(Row)));
    leaving.reserve(detail::total(sent, sizeof(Row)));
    for (std::size_t q = 0; q < sent.size(); ++q) {
      if (q == self) continue;
      for (auto const& row : out.group(q)) leaving.push_back(rows[static_cast<std::size_t>(row.place)]);
    }
    engine::operation op = detail::operation_on<Row>(plan::collective::alltoall, -1);
    op.count = from.size();
    comm.engine().call_once(op, how, [&] {
      detail::run_alltoall(comm, op, sent, received, std::as_bytes(std::span(leaving)),
                           std::as_writable_bytes(std::span(arriving)), 0);
    });
    auto next = arriving.begin();
    for (std::size_t s = 0; s < received.size(); ++s) {
      if (s == self) continue;
      for (auto const& row : in.group(s)) result[static_cast<std::size_t>(row.place)] = *next++;
    }
  } else {
    std::vector<std::vector<Row>> leaving(sent.size());
    for (std::size_t q = 0; q < sent.size(); ++q) {
      leaving[q].reserve(static_cast<std::size_t>(sent[q]));
      if (q == self) continue;
      for (auto const& row : out.group(q)) leaving[q].push_back(std::move(rows[static_cast<std::size_t>(row.place)]));
    }
    auto arriving = alltoall(comm, leaving, how);
    for (std::size_t s = 0; s < received.size(); ++s) {
      if (arriving[s].size() != received[s])
        throw error(failure{error_kind::config, rank, "redistribute",
                            "rank " + std::to_string(s) + " sent " + std::to_string(arriving[s].size()) +
                                " rows to rank " + std::to_string(rank) + " where it should send " +
                                std::to_string(received[s]) + "; the partitions must be the same on every rank"});
      for (std::size_t k = 0; k < arriving[s].size(); ++k)
        result[static_cast<std::size_t>(in.group(s)[k].place)] = std::move(arriving[s][k]);
    }
  }
  return result;
}

}  // namespace tutti::inline TUTTI_ABI
