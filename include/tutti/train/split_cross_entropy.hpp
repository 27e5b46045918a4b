// SPDX-License-Identifier: BSL-1.0
// Softmax cross-entropy over logits of which each rank has some classes: one allreduce of three numbers per sample.
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/grid.hpp>
#include <tutti/shard/placement.hpp>
#include <tutti/train/matmul.hpp>
#include <tutti/train/summed.hpp>

namespace tutti::inline TUTTI_ABI {
namespace detail {

/// What some classes say of one sample; joined over disjoint ones it is what all of them say.
struct softmax_terms {
  double largest = -std::numeric_limits<double>::infinity();
  double total = 0;  ///< of exp(z - largest)
  double label = 0;  ///< the label's logit, where it is among them

  friend softmax_terms operator+(softmax_terms const& a, softmax_terms const& b) {
    if (a.largest < b.largest) return b + a;
    double const scale = b.largest == a.largest ? 1 : math::exp(b.largest - a.largest);
    return {a.largest, a.total + b.total * scale, a.label + b.label};
  }
};

/// Where the labels must be.
template <class How>
struct label_place {
  using type = placement::whole;
};
template <>
struct label_place<placement::cut<0>> {
  using type = placement::cut<0>;
};

template <class Logits, class Labels>
struct classes_of {
  static_assert(always_false<Logits>,
                "tutti: the labels are integers, placed on the axes of the logits: replicated along the axis that "
                "splits the classes, split along one that splits the samples.");
};
template <class T, std::integral I, class... Axes, class... Zs, class... Ls>
requires(std::same_as<Ls, typename label_place<Zs>::type>&&...) struct classes_of<
    placed<T, placement::along<Axes, Zs>...>, placed<I, placement::along<Axes, Ls>...>> {
  template <class Grid>
  static void sum_over(Grid& g, std::span<softmax_terms> terms, options const& how) {
    (over<Axes, Zs>(g, terms, how), ...);
  }

 private:
  template <class Axis, class How, class Grid>
  static void over(Grid& g, std::span<softmax_terms> terms, options const& how) {
    if constexpr (std::same_as<How, placement::cut<1>>)
      detail::allreduce_span(g.template along<Axis>(), terms, sum, how);
  }
};

}  // namespace detail

namespace loss {

template <class Logits>
struct with_gradient {
  summed loss;      ///< over the samples that are here
  Logits gradient;  ///< of the sum, by the logits
};

/// Sums log(sum_j exp(logits[i, j])) - logits[i, label i] over the samples i that are here, for logits of samples x
/// classes, split 1 along an axis or not, and one label per sample. The logits become the gradient:
/// softmax(logits) - onehot(label). Collective over the axis that splits the classes, one allreduce; along an axis that
/// splits the samples each rank has its own sum. Throws config for a label that is no class.
template <class S, class... Axes, class T, class... Places, class Labels>
[[nodiscard]] with_gradient<placed<T, Places...>> softmax_cross_entropy(basic_grid<S, Axes...>& g,
                                                                        placed<T, Places...> logits,
                                                                        Labels const& labels, options how = {}) {
  using classes = detail::classes_of<placed<T, Places...>, Labels>;
  detail::check_matrix("loss::softmax_cross_entropy", logits.layout());
  if (labels.shape().size() != 1 || labels.here(0) != logits.here(0))
    throw error(error_kind::config, "loss::softmax_cross_entropy: " + detail::shape_text(labels.shape()) +
                                        " labels for logits of " + detail::shape_text(logits.shape()));
  index_run const here = logits.here(1);
  std::size_t const n = here.size();
  std::vector<detail::softmax_terms> rows(logits.here(0).size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (std::cmp_less(labels[i], 0) || std::cmp_greater_equal(labels[i], logits.shape()[1]))
      throw error(error_kind::config, "loss::softmax_cross_entropy: label " + std::to_string(labels[i]) + " of " +
                                          std::to_string(logits.shape()[1]) + " classes");
    T const* const z = logits.data() + i * n;
    auto& row = rows[i];
    for (std::size_t j = 0; j < n; ++j)
      if (static_cast<double>(z[j]) > row.largest) row.largest = static_cast<double>(z[j]);
    for (std::size_t j = 0; j < n; ++j) row.total += math::exp(static_cast<double>(z[j]) - row.largest);
    auto const label = static_cast<std::size_t>(labels[i]);
    if (label >= here.begin && label < here.end) row.label = static_cast<double>(z[label - here.begin]);
  }
  classes::sum_over(g, rows, how);
  summed loss{0, static_cast<double>(rows.size())};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto const& row = rows[i];
    loss.sum += math::log(row.total) - (row.label - row.largest);
    auto const label = static_cast<std::size_t>(labels[i]);
    for (std::size_t j = 0; j < n; ++j) {
      T& z = logits[i * n + j];
      double const probability = math::exp(static_cast<double>(z) - row.largest) / row.total;
      z = static_cast<T>(probability - (here.begin + j == label ? 1.0 : 0.0));
    }
  }
  return {loss, std::move(logits)};
}

}  // namespace loss
}  // namespace tutti::inline TUTTI_ABI
