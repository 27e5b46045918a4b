// SPDX-License-Identifier: BSL-1.0
// Layers whose weights are split among ranks: matrices by columns or by rows, embeddings by words. They send nothing;
// they hand down tensors whose types say what has to be summed.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/grid.hpp>
#include <tutti/shard/placement.hpp>
#include <tutti/train/matmul.hpp>

namespace tutti::inline TUTTI_ABI {

/// y = x W + b, each rank along Axis with some of the columns of W (inputs x outputs), and so of y. From a replicated x
/// of samples x inputs to a y that is split 1, where elementwise functions need no communication, and a `row_linear`
/// takes it. T is float or double; or a placement of it on further axes, `replicated<data, float>` for x that are
/// `split<data, 0, float>` there. A model: its tensors are the parts that are here. The gradient is a layer of
/// cotangents: of the same type, but for terms where T was replicated.
template <class Axis, class T>
struct column_linear {
  split<Axis, 1, T> weight{};
  split<Axis, 0, T> bias{};

  column_linear() = default;
  /// Weights and biases are zeros: see init.hpp.
  template <class S, class... Axes>
  column_linear(basic_grid<S, Axes...> const& g, std::size_t inputs, std::size_t outputs)
      : weight(g, {inputs, outputs}), bias(g, {outputs}) {}

  template <class X>
  [[nodiscard]] auto forward(X const& x) const {
    auto y = matmul(x, weight);
    detail::add_to_rows(y, bias);
    return y;
  }
  /// From the gradient by y to this rank's term of that by x: one sum leads to the layer before, none is needed where
  /// there is no layer before.
  template <class Y>
  [[nodiscard]] auto backward(Y const& by_y) const {
    return matmul(by_y, transposed(weight));
  }
  /// The gradient by the weights, summed over the samples.
  template <class X, class Y>
  [[nodiscard]] column_linear<Axis, cotangent_t<T>> gradient(X const& x, Y const& by_y) const {
    column_linear<Axis, cotangent_t<T>> by_w;
    by_w.weight = matmul(transposed(x), by_y);
    by_w.bias = column_sums(by_y);
    return by_w;
  }

  friend void tutti_visit(column_linear& m, auto&& v) {
    v("weight", m.weight);
    v("bias", m.bias);
  }
};

/// y = x W + b, each rank along Axis with some of the rows of W (inputs x outputs). From an x that is split 1, as a
/// `column_linear` makes it, to terms of y: `redistribute<replicated<Axis>>(grid, y)` is the one allreduce of the pair.
/// The first rank's term has the bias. Else as column_linear.
template <class Axis, class T>
struct row_linear {
  split<Axis, 0, T> weight{};
  replicated<Axis, T> bias{};
  bool first = false;  ///< of the ranks along Axis

  row_linear() = default;
  template <class S, class... Axes>
  row_linear(basic_grid<S, Axes...> const& g, std::size_t inputs, std::size_t outputs)
      : weight(g, {inputs, outputs}), bias(g, {outputs}), first(g.template rank<Axis>() == 0) {}

  template <class X>
  [[nodiscard]] auto forward(X const& x) const {
    auto y = matmul(x, weight);
    if (first) detail::add_to_rows(y, bias);
    return y;
  }
  /// From the gradient by the sum of the terms, the same on every rank, to that by x, split as x is.
  template <class Y>
  [[nodiscard]] auto backward(Y const& by_y) const {
    return matmul(by_y, transposed(weight));
  }
  template <class X, class Y>
  [[nodiscard]] row_linear<Axis, cotangent_t<T>> gradient(X const& x, Y const& by_y) const {
    row_linear<Axis, cotangent_t<T>> by_w;
    by_w.weight = matmul(transposed(x), by_y);
    by_w.bias = column_sums(by_y);
    return by_w;
  }

  friend void tutti_visit(row_linear& m, auto&& v) {
    v("weight", m.weight);
    v("bias", m.bias);
  }
};

namespace detail {

template <class Table, class Ids>
struct lookup_place {
  static_assert(always_false<Table>,
                "tutti: the ids of an embedding are replicated along the axis that splits its words, and replicated or "
                "split along others, where the words are replicated.");
  using type = placement::whole;
};
template <>
struct lookup_place<placement::cut<0>, placement::whole> {
  using type = placement::terms<sum>;
};
template <>
struct lookup_place<placement::whole, placement::whole> {
  using type = placement::whole;
};
template <>
struct lookup_place<placement::whole, placement::cut<0>> {
  using type = placement::cut<0>;
};

template <class Table, class Ids>
struct lookup {
  static_assert(always_false<Table>, "tutti: the ids of an embedding are integers, placed on the axes of its table.");
};
template <class T, std::integral I, class... Axes, class... Tables, class... Ids>
struct lookup<placed<T, placement::along<Axes, Tables>...>, placed<I, placement::along<Axes, Ids>...>> {
  using type = placed<T, placement::along<Axes, typename lookup_place<Tables, Ids>::type>...>;
};

}  // namespace detail

/// Rows of a table (words x width), each rank along Axis with some of the words. Lookups are terms, zeros where the
/// word is another rank's; so one allreduce makes them whole. T as for column_linear.
template <class Axis, class T>
struct vocabulary_embedding {
  split<Axis, 0, T> table{};

  vocabulary_embedding() = default;
  template <class S, class... Axes>
  vocabulary_embedding(basic_grid<S, Axes...> const& g, std::size_t words, std::size_t width)
      : table(g, {words, width}) {}

  /// One row per id. Throws config for an id that is no word of the whole table, on every rank that has the id.
  template <class Ids>
  [[nodiscard]] auto forward(Ids const& ids) const {
    using result = typename detail::lookup<split<Axis, 0, T>, Ids>::type;
    std::size_t const width = table.shape()[1];
    tensor_layout at({ids.shape()[0], width});
    at.here[0] = ids.here(0);
    std::vector<typename result::value_type> rows(at.size());
    each_word(ids, [&](std::size_t i, std::size_t word) {
      std::copy_n(table.data() + word * width, width, rows.data() + i * width);
    });
    return detail::placed_access::make<result>(std::move(at), std::move(rows));
  }
  /// From the gradient by the sums of the terms, the same on every rank, to that by the table: a word that occurs twice
  /// has the sum of both.
  template <class Ids, class Y>
  [[nodiscard]] vocabulary_embedding<Axis, cotangent_t<T>> gradient(Ids const& ids, Y const& by_y) const {
    using result = split<Axis, 0, cotangent_t<T>>;
    std::size_t const width = table.shape()[1];
    if (by_y.here(0) != ids.here(0) || by_y.shape()[1] != width)
      throw error(error_kind::config, "vocabulary_embedding: a gradient of " + detail::shape_text(by_y.shape()) +
                                          " for " + std::to_string(ids.shape()[0]) + " ids of width " +
                                          std::to_string(width));
    std::vector<typename result::value_type> sums(table.size());
    each_word(ids, [&](std::size_t i, std::size_t word) {
      for (std::size_t j = 0; j < width; ++j) sums[word * width + j] += by_y.data()[i * width + j];
    });
    vocabulary_embedding<Axis, cotangent_t<T>> by_w;
    by_w.table = detail::placed_access::make<result>(table.layout(), std::move(sums));
    return by_w;
  }

  friend void tutti_visit(vocabulary_embedding& m, auto&& v) { v("table", m.table); }

 private:
  template <class Ids, class F>
  void each_word(Ids const& ids, F f) const {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (std::cmp_less(ids[i], 0) || std::cmp_greater_equal(ids[i], table.shape()[0]))
        throw error(error_kind::config, "vocabulary_embedding: id " + std::to_string(ids[i]) + " of " +
                                            std::to_string(table.shape()[0]) + " words");
      auto const word = static_cast<std::size_t>(ids[i]);
      if (word >= table.here(0).begin && word < table.here(0).end) f(i, word - table.here(0).begin);
    }
  }
};

}  // namespace tutti::inline TUTTI_ABI
