// SPDX-License-Identifier: BSL-1.0
// Sends each row of this rank to the rank that it should go to: the one step by which data moves.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/collective/alltoall.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/serialisable.hpp>

namespace tutti::inline TUTTI_ABI {

/// What can move from rank to rank: an element travels as it lies in memory, other types as objects.
template <class Row>
concept movable_row = element<Row> || serialisable<Row>;

namespace detail {
/// std::vector<bool> has no memory of rows.
template <class Row>
concept flat_row = element<Row> && !std::same_as<Row, bool>;

/// How many rows go to each rank; throws config where there is no such rank, or not one destination per row.
template <transport::streams S>
[[nodiscard]] std::vector<std::uint64_t> rows_by_rank(basic_communicator<S> const& comm, std::size_t rows,
                                                      std::span<int const> to) {
  auto const refuse = [&](std::string const& why) {
    throw error(failure{error_kind::config, comm.rank(), "exchange_rows", why});
  };
  if (to.size() != rows)
    refuse(std::to_string(rows) + " rows with " + std::to_string(to.size()) + " destinations; give one per row");
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(comm.size()));
  for (int r : to) {
    if (r < 0 || r >= comm.size())
      refuse("a row is to go to rank " + std::to_string(r) + ", which is not between 0 and " +
             std::to_string(comm.size() - 1));
    ++counts[static_cast<std::size_t>(r)];
  }
  return counts;
}
}  // namespace detail

/// Collective: row i of `rows` goes to rank `to[i]`. Returns the rows that came here, this rank's own among them,
/// ordered by the rank that sent them, then by their order there. Only rows that change their rank are sent. Blocks
/// until this rank has sent and received all of its rows.
template <transport::streams S, movable_row Row>
[[nodiscard]] std::vector<Row> exchange_rows(basic_communicator<S>& comm, std::vector<Row> rows,
                                             std::span<int const> to, options how = {}) {
  auto counts = detail::rows_by_rank(comm, rows.size(), to);
  if constexpr (detail::flat_row<Row>) {
    std::vector<std::size_t> next(counts.size());
    for (std::size_t r = 1; r < next.size(); ++r) next[r] = next[r - 1] + static_cast<std::size_t>(counts[r - 1]);
    std::vector<Row> packed(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) packed[next[static_cast<std::size_t>(to[i])]++] = rows[i];
    return alltoall(comm, ragged<Row>(std::move(packed), std::move(counts)), how).values;
  } else {
    auto const self = static_cast<std::size_t>(comm.rank());
    std::vector<std::vector<Row>> leaving(counts.size());
    for (std::size_t r = 0; r < counts.size(); ++r) leaving[r].reserve(static_cast<std::size_t>(counts[r]));
    for (std::size_t i = 0; i < rows.size(); ++i)
      leaving[static_cast<std::size_t>(to[i])].push_back(std::move(rows[i]));
    std::vector<Row> const none;
    std::vector<Row> own = std::exchange(leaving[self], none);
    auto arrived = alltoall(comm, leaving, how);
    arrived[self] = std::move(own);
    rows.clear();
    for (auto& block : arrived)
      rows.insert(rows.end(), std::move_iterator(block.begin()), std::move_iterator(block.end()));
    return rows;
  }
}

}  // namespace tutti::inline TUTTI_ABI
