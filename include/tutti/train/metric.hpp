// SPDX-License-Identifier: BSL-1.0
// Metrics: how good a model is, as sums that add up over ranks.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <utility>

#include <tutti/core/version.hpp>
#include <tutti/train/loss.hpp>
#include <tutti/train/summed.hpp>

namespace tutti::inline TUTTI_ABI::metric {

/// One sample: sum is 1 if `scores[label]` is the largest score (the first of equal ones wins), else 0; count is 1.
/// A NaN anywhere is a wrong answer. Throws `config` if label is no class.
template <detail::numbers Z>
[[nodiscard]] summed accuracy(Z const& scores, std::size_t label) {
  std::span const z(scores);
  detail::check_label("metric::accuracy", label, z.size());
  bool right = true;
  for (std::size_t j = 0; j < z.size(); ++j) {
    if (j != label) right = right && (j < label ? z[j] < z[label] : z[j] <= z[label]);
  }
  if (z.size() == 1) right = z[0] <= z[0];
  return {right ? 1.0 : 0.0, 1};
}

/// Many samples: how many predicted classes equal their labels (integers). Both ranges have the same size; it may
/// be 0.
template <detail::numbers P, detail::numbers L>
[[nodiscard]] summed accuracy(P const& predicted, L const& labels) {
  std::span const p(predicted);
  std::span const l(labels);
  detail::check_sizes("metric::accuracy", p.size(), l.size());
  summed right{0, static_cast<double>(p.size())};
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (std::cmp_equal(p[i], l[i])) right.sum += 1;
  }
  return right;
}

}  // namespace tutti::inline TUTTI_ABI::metric
