// SPDX-License-Identifier: BSL-1.0
// Rows of any type as points: takes a range and what to look at in each row, and hands down pointers to numbers.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <iterator>
#include <string>
#include <type_traits>
#include <vector>

#include <tutti/collective/arguments.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Looks at the whole row: rows that are ranges of numbers themselves.
struct whole_row {
  template <class Row>
  constexpr Row const& operator()(Row const& row) const noexcept {
    return row;
  }
};

namespace detail {

/// One point per row, all of `columns` numbers. Numbers of type T that lie in the rows stay there, so the rows must
/// live on; others are copied. Throws config if rows differ in length.
template <std::floating_point T>
struct point_table {
  std::vector<T const*> at;
  std::size_t columns = 0;
  std::vector<T> copied;

  template <class Rows, class Look>
  point_table(char const* who, Rows const& rows, Look const& look) {
    using seen = decltype(std::invoke(look, *std::begin(rows)));
    using number = std::remove_cvref_t<decltype(*std::begin(std::declval<std::remove_reference_t<seen>&>()))>;
    static_assert(std::is_arithmetic_v<number>,
                  "tutti: the feature accessor gives a range of numbers: a span, an array or a vector of a row.");
    constexpr bool stays = std::same_as<number, T> && requires(seen s) { std::data(s); }
    &&(std::is_lvalue_reference_v<seen> ||
       std::is_trivially_destructible_v<seen>)&&!std::is_bounded_array_v<std::remove_reference_t<seen>>;
    for (auto const& row : rows) {
      auto&& numbers = std::invoke(look, row);
      auto const n = static_cast<std::size_t>(std::distance(std::begin(numbers), std::end(numbers)));
      if (at.empty()) columns = n;
      if (n != columns)
        throw error(error_kind::config, std::string(who) + ": row " + std::to_string(at.size()) + " has " +
                                            std::to_string(n) + " features, row 0 has " + std::to_string(columns));
      if constexpr (stays) {
        at.push_back(std::data(numbers));
      } else {
        at.push_back(nullptr);
        for (auto const& x : numbers) copied.push_back(static_cast<T>(x));
      }
    }
    if constexpr (!stays)
      for (std::size_t i = 0; i < at.size(); ++i) at[i] = copied.data() + i * columns;
  }
  point_table(point_table const&) = delete;
  point_table& operator=(point_table const&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return at.size(); }
};

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
