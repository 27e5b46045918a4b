// SPDX-License-Identifier: BSL-1.0
// What a content partitioner is: it looks at the rows where they lie and says to which rank each belongs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/arguments.hpp>
#include <tutti/collective/ragged.hpp>
#include <tutti/core/error.hpp>
#include <tutti/data/exchange_rows.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {
template <class Rows>
using row_of = std::iter_value_t<range_iterator<Rows const>>;
}

/// A forward range of rows of any type that can be sent.
template <class Rows>
concept row_range = std::forward_iterator<detail::range_iterator<Rows const>> && movable_row<detail::row_of<Rows>>;

/// Which local rows each rank shall get: block q is for rank q. A row may be picked often, or never.
using picks = ragged<std::uint64_t>;

/// `by.assign(comm, rows)` is a collective call that moves no rows. It returns the destination of every local row, or,
/// where rows may go to several ranks, picks.
template <class By, class C, class Rows>
concept content_partitioner = requires(By const& by, C& comm, Rows const& rows) {
  requires std::is_same_v<decltype(by.assign(comm, rows)), std::vector<int>> ||
      std::is_same_v<decltype(by.assign(comm, rows)), picks>;
};

/// The rows that belong to this rank, ordered by the rank that held them, then as they lay there. Collective; every
/// rank gives its own rows, of any number. Each row travels once, straight to where it belongs.
template <transport::streams S, row_range Rows, content_partitioner<basic_communicator<S>, Rows> By>
[[nodiscard]] std::vector<detail::row_of<Rows>> repartition(basic_communicator<S>& comm, Rows const& rows, By const& by,
                                                            options how = {}) {
  using row = detail::row_of<Rows>;
  auto const where = by.assign(comm, rows);
  std::vector<row> leaving(std::begin(rows), std::end(rows));
  if constexpr (std::is_same_v<decltype(where), picks const>) {
    std::vector<row> picked;
    std::vector<int> to;
    picked.reserve(where.values.size());
    for (std::uint64_t const i : where.values) picked.push_back(leaving[static_cast<std::size_t>(i)]);
    for (std::size_t q = 0; q < where.size(); ++q)
      to.insert(to.end(), static_cast<std::size_t>(where.counts[q]), static_cast<int>(q));
    return tutti::TUTTI_ABI::exchange_rows(comm, std::move(picked), to, how);
  } else {
    return tutti::TUTTI_ABI::exchange_rows(comm, std::move(leaving), where, how);
  }
}

namespace detail {

/// `parts` as a partitioner was given it; 0 stands for one part per rank.
[[nodiscard]] inline std::uint64_t checked_parts(char const* who, int parts, int ranks) {
  if (parts < 0)
    throw error(error_kind::config,
                std::string(who) + " into " + std::to_string(parts) + " parts; there must be at least one");
  return static_cast<std::uint64_t>(parts == 0 ? ranks : parts);
}

/// What `look` (a function or a pointer to member) sees of each row, as f makes it.
template <class Rows, class Look, class F>
[[nodiscard]] auto seen_in(Rows const& rows, Look const& look, F f) {
  std::vector<decltype(f(std::invoke(look, *std::begin(rows))))> all;
  for (auto const& row : rows) all.push_back(f(std::invoke(look, row)));
  return all;
}

}  // namespace detail

}  // namespace tutti::inline TUTTI_ABI
