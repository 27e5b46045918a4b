// SPDX-License-Identifier: BSL-1.0
// Losses: sums over samples with their gradients, computed in double whatever the element type.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>

#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/version.hpp>
#include <tutti/train/summed.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {
/// A contiguous range of numbers: whatever std::span understands.
template <class R>
concept numbers = requires(R& r) {
  requires std::is_arithmetic_v<std::remove_cv_t<typename decltype(std::span(r))::element_type>>;
};
template <class R>
concept writable_numbers = numbers<std::remove_reference_t<R>> && requires(R& r) {
  requires std::floating_point<typename decltype(std::span(r))::element_type>;  // not const
};

inline void check_sizes(char const* where, std::size_t a, std::size_t b) {
  if (a == b) return;
  throw error(error_kind::config, std::string(where) + ": " + std::to_string(a) + " values meet " + std::to_string(b));
}
inline void check_label(char const* where, std::size_t label, std::size_t classes) {
  if (label < classes) return;
  throw error(error_kind::config,
              std::string(where) + ": label " + std::to_string(label) + " of " + std::to_string(classes) + " classes");
}

struct softmax_scale {
  double largest;  // of the logits z
  double total;    // sum of exp(z - largest), at least 1
};
template <class Span>
[[nodiscard]] softmax_scale softmax_scale_of(Span logits) {
  softmax_scale scale{static_cast<double>(logits[0]), 0};
  for (auto z : logits) {
    if (static_cast<double>(z) > scale.largest) scale.largest = static_cast<double>(z);
  }
  for (auto z : logits) scale.total += math::exp(static_cast<double>(z) - scale.largest);
  return scale;
}
}  // namespace detail

namespace loss {

/// Squared error: sum of (prediction - target)^2, counted per value. Both ranges have the same size; it may be 0.
template <detail::numbers P, detail::numbers T>
[[nodiscard]] summed mse(P const& prediction, T const& target) {
  std::span const p(prediction);
  std::span const t(target);
  detail::check_sizes("loss::mse", p.size(), t.size());
  summed total{0, static_cast<double>(p.size())};
  for (std::size_t i = 0; i < p.size(); ++i) {
    double const difference = static_cast<double>(p[i]) - static_cast<double>(t[i]);
    total.sum += difference * difference;
  }
  return total;
}

/// As above; `gradient` (same size) receives the derivative of the *sum* by each prediction: 2 (prediction - target).
template <detail::numbers P, detail::numbers T, detail::writable_numbers G>
summed mse(P const& prediction, T const& target, G&& gradient) {
  summed const total = mse(prediction, target);
  std::span const p(prediction);
  std::span const t(target);
  std::span const g(gradient);
  detail::check_sizes("loss::mse", p.size(), g.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    double const difference = static_cast<double>(p[i]) - static_cast<double>(t[i]);
    g[i] = static_cast<typename decltype(g)::element_type>(2 * difference);
  }
  return total;
}

/// Cross-entropy of one sample: log(sum_j exp(logits[j])) - logits[label], with count 1. `logits` are raw scores: do
/// not put a softmax before it. Shifted by the largest logit, so logits of any finite size are fine.
/// Throws `config` if label is no class.
template <detail::numbers Z>
[[nodiscard]] summed softmax_cross_entropy(Z const& logits, std::size_t label) {
  std::span const z(logits);
  detail::check_label("loss::softmax_cross_entropy", label, z.size());
  auto const [largest, total] = detail::softmax_scale_of(z);
  return {math::log(total) - (static_cast<double>(z[label]) - largest), 1};
}

/// As above; `gradient` (same size, may be the logits themselves) receives softmax(logits) - onehot(label).
template <detail::numbers Z, detail::writable_numbers G>
summed softmax_cross_entropy(Z const& logits, std::size_t label, G&& gradient) {
  summed const cross_entropy = softmax_cross_entropy(logits, label);
  std::span const z(logits);
  std::span const g(gradient);
  detail::check_sizes("loss::softmax_cross_entropy", z.size(), g.size());
  auto const [largest, total] = detail::softmax_scale_of(z);
  for (std::size_t j = 0; j < z.size(); ++j) {
    double const probability = math::exp(static_cast<double>(z[j]) - largest) / total;
    g[j] = static_cast<typename decltype(g)::element_type>(probability - (j == label ? 1.0 : 0.0));
  }
  return cross_entropy;
}

}  // namespace loss
}  // namespace tutti::inline TUTTI_ABI
