// SPDX-License-Identifier: BSL-1.0
// Products of placed matrices, each rank with what it has: nothing is sent, the type of the product says what is left
// to do. Receives two factors, and hands down a product that is whole, split, or a term of a sum.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/version.hpp>
#include <tutti/shard/placement.hpp>

namespace tutti::inline TUTTI_ABI {

/// A matrix as its transpose: a view, used up in the expression that makes it.
template <class P>
struct transposed_view {
  P const& matrix;
};
template <class T, class... Places>
[[nodiscard]] transposed_view<placed<T, Places...>> transposed(placed<T, Places...> const& matrix) noexcept {
  return {matrix};
}
template <class T, class... Places>
void transposed(placed<T, Places...> const&&) = delete;

namespace detail {

/// `width` numbers that are added and multiplied together: of 16 bytes, which every processor of today does at once.
#if defined(__GNUC__)
template <class T, std::size_t width>
struct lanes_of {
  typedef T type __attribute__((vector_size(width * sizeof(T))));
};
template <class T>
struct lanes_of<T, 1> {
  using type = T;
};
template <class T>
inline constexpr std::size_t lane_count = std::is_arithmetic_v<T> && sizeof(T) < 16 ? 16 / sizeof(T) : 1;
#else
template <class T, std::size_t>
struct lanes_of {
  using type = T;
};
template <class T>
inline constexpr std::size_t lane_count = 1;
#endif

/// The sums of a tile of the product, `rows` by `across` vectors, stay in registers while k goes by. b and c have
/// `stride` numbers per row.
template <std::size_t rows, std::size_t across, std::size_t width, class T>
void multiply_tile(std::size_t k, T const* a, std::size_t down, std::size_t right, T const* b, std::size_t stride,
                   T* c) {
  using lanes = typename lanes_of<T, width>::type;
  lanes sums[rows][across] = {};
  for (std::size_t p = 0; p < k; ++p) {
    lanes row[across];
    std::memcpy(&row, b + p * stride, sizeof row);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < across; ++j) sums[i][j] += a[i * down + p * right] * row[j];
  }
  for (std::size_t i = 0; i < rows; ++i) std::memcpy(c + i * stride, &sums[i], sizeof sums[i]);
}

/// c = a b for a of m x k, whose element (i, p) is a[i * down + p * right], and dense b of k x n and c of m x n.
template <class T>
void multiply(std::size_t m, std::size_t n, std::size_t k, T const* a, std::size_t down, std::size_t right, T const* b,
              T* c) {
  if (k == 0) return (void)std::fill_n(c, m * n, T{});  // factors without an element have no address
  std::size_t j = 0;
  auto const columns = [&]<std::size_t across, std::size_t width>() {
    for (; j + across * width <= n; j += across * width) {
      std::size_t i = 0;
      for (; i + 4 <= m; i += 4)
        detail::multiply_tile<4, across, width>(k, a + i * down, down, right, b + j, n, c + i * n + j);
      for (; i < m; ++i) detail::multiply_tile<1, across, width>(k, a + i * down, down, right, b + j, n, c + i * n + j);
    }
  };
  columns.template operator()<2, lane_count<T>>();
  columns.template operator()<1, lane_count<T>>();
  columns.template operator()<1, 1>();
}

template <class>
inline constexpr bool always_false = false;

template <class How>
struct transposed_place {
  using type = How;
};
template <>
struct transposed_place<placement::cut<0>> {
  using type = placement::cut<1>;
};
template <>
struct transposed_place<placement::cut<1>> {
  using type = placement::cut<0>;
};

template <class A, class B>
struct product_place {
  static_assert(always_false<A>,
                "tutti: ranks cannot make this product of what they have; redistribute a factor first. What goes "
                "together: replicated with replicated, rows (split 0) with replicated, replicated with columns "
                "(split 1), and columns with rows, which makes terms of a sum.");
  using type = placement::whole;
};
template <>
struct product_place<placement::whole, placement::whole> {
  using type = placement::whole;
};
template <>
struct product_place<placement::cut<0>, placement::whole> {
  using type = placement::cut<0>;
};
template <>
struct product_place<placement::whole, placement::cut<1>> {
  using type = placement::cut<1>;
};
template <>
struct product_place<placement::cut<1>, placement::cut<0>> {
  using type = placement::terms<sum>;
};

template <class How>
struct column_sums_place {
  using type = placement::whole;
};
template <>
struct column_sums_place<placement::cut<0>> {
  using type = placement::terms<sum>;
};
template <>
struct column_sums_place<placement::cut<1>> {
  using type = placement::cut<0>;
};

/// A factor: its places, and which dimension counts its rows.
template <class F>
struct factor;
template <class T, class... Axes, class... Hows>
struct factor<placed<T, placement::along<Axes, Hows>...>> {
  using seen = placed<T, placement::along<Axes, Hows>...>;
  static constexpr std::size_t rows = 0;
  static seen const& matrix(seen const& x) { return x; }
};
template <class T, class... Axes, class... Hows>
struct factor<transposed_view<placed<T, placement::along<Axes, Hows>...>>> {
  using seen = placed<T, placement::along<Axes, typename transposed_place<Hows>::type>...>;
  static constexpr std::size_t rows = 1;
  static auto const& matrix(transposed_view<placed<T, placement::along<Axes, Hows>...>> const& x) { return x.matrix; }
};

template <class A, class B>
struct product {
  static_assert(always_false<A>,
                "tutti: both factors have one type of elements, and are placed on the same axes, in the same order.");
};
template <class T, class... Axes, class... As, class... Bs>
struct product<placed<T, placement::along<Axes, As>...>, placed<T, placement::along<Axes, Bs>...>> {
  using type = placed<T, placement::along<Axes, typename product_place<As, Bs>::type>...>;
};

template <class P>
struct sums_of_columns;
template <class T, class... Axes, class... Hows>
struct sums_of_columns<placed<T, placement::along<Axes, Hows>...>> {
  using type = placed<T, placement::along<Axes, typename column_sums_place<Hows>::type>...>;
};

[[nodiscard]] inline std::string shape_text(std::vector<std::size_t> const& shape) {
  std::string text;
  for (std::size_t n : shape) text += (text.empty() ? "" : " x ") + std::to_string(n);
  return text.empty() ? "scalar" : text;
}
inline void check_matrix(char const* who, tensor_layout const& x) {
  if (x.shape.size() != 2)
    throw error(error_kind::config,
                std::string(who) + ": a matrix has two dimensions, and this tensor is " + detail::shape_text(x.shape));
}

}  // namespace detail

/// The product of two matrices, each given as it is or `transposed`, made of what every rank has. Along each axis:
/// rows of a times a whole b are rows of the product; a whole a times columns of b are columns; columns of a times the
/// same rows of b are terms of a sum. Nothing else compiles. Blocks nobody; throws config if shapes do not match.
template <class A, class B>
[[nodiscard]] auto matmul(A const& a, B const& b) {
  using left = detail::factor<A>;
  using right = detail::factor<B>;
  using result = typename detail::product<typename left::seen, typename right::seen>::type;
  using T = typename result::value_type;
  auto const& x = left::matrix(a);
  auto const& y = right::matrix(b);
  detail::check_matrix("matmul", x.layout());
  detail::check_matrix("matmul", y.layout());
  constexpr std::size_t rows = left::rows, inner = 1 - rows, columns = 1 - right::rows;
  if (x.shape()[inner] != y.shape()[right::rows] || x.here(inner) != y.here(right::rows))
    throw error(error_kind::config, "matmul: a matrix of " + std::to_string(x.shape()[rows]) + " x " +
                                        std::to_string(x.shape()[inner]) + " meets one of " +
                                        std::to_string(y.shape()[right::rows]) + " x " +
                                        std::to_string(y.shape()[columns]));
  tensor_layout at({x.shape()[rows], y.shape()[columns]});
  at.here = {x.here(rows), y.here(columns)};
  std::size_t const m = at.here[0].size(), n = at.here[1].size(), k = x.here(inner).size();
  std::vector<T> flipped;  // rows of b lie behind one another
  if constexpr (right::rows == 1) {
    flipped.resize(k * n);
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t p = 0; p < k; ++p) flipped[p * n + j] = y.data()[j * k + p];
  }
  std::vector<T> c(m * n);
  detail::multiply(m, n, k, x.data(), rows == 0 ? k : 1, rows == 0 ? 1 : m,
                   right::rows == 1 ? flipped.data() : y.data(), c.data());
  return detail::placed_access::make<result>(std::move(at), std::move(c));
}

/// The sum of the rows of a matrix, one number per column. Of rows that are split it is a term.
template <class T, class... Places>
[[nodiscard]] auto column_sums(placed<T, Places...> const& y) {
  using result = typename detail::sums_of_columns<placed<T, Places...>>::type;
  detail::check_matrix("column_sums", y.layout());
  tensor_layout at({y.shape()[1]});
  at.here = {y.here(1)};
  std::size_t const n = at.size();
  std::vector<T> sums(n);
  for (std::size_t i = 0; i < y.here(0).size(); ++i)
    for (std::size_t j = 0; j < n; ++j) sums[j] += y.data()[i * n + j];
  return detail::placed_access::make<result>(std::move(at), std::move(sums));
}

namespace detail {

/// y += row, for every row of y, which may be a term.
template <class Y, class Row>
void add_to_rows(Y& y, Row const& row) {
  auto& values = placed_access::values(y);
  std::size_t const n = row.size();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += row[i % n];
}

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
