// SPDX-License-Identifier: BSL-1.0
// Penalties on large weights (l1, l2, both: elastic net), added to a gradient that is already the mean over all ranks.
#pragma once

#include <cstddef>
#include <span>

#include <tutti/core/version.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// l1 sum |w| + l2 / 2 sum w^2, so that l2 is what PyTorch's SGD calls weight_decay.
struct penalty {
  double l1 = 0;
  double l2 = 0;
};

/// Adds the derivative of the penalty to `gradient` and returns the penalty. Call it after sync(), once: added to a sum
/// over samples, or by every rank, it would count as often as there are samples, or ranks. No communication. The
/// derivative of |w| at 0 is taken as 0. Buffers have no penalty.
template <class Model, class Gradient>
double add_penalty(Model const& model, Gradient& gradient, penalty const& p) {
  double linear = 0;
  double squares = 0;
  zip_tensors(model, gradient, [&](auto const& weights, auto const& slopes) {
    using T = std::remove_cv_t<typename decltype(weights.data)::element_type>;
    if constexpr (trainable<T>) {
      if (weights.kind != role::parameter) return;
      for (std::size_t i = 0; i < weights.data.size(); ++i) {
        double const w = static_cast<double>(weights.data[i]);
        double const sign = w > 0 ? 1 : w < 0 ? -1 : 0;
        slopes.data[i] += static_cast<T>(p.l1 * sign + p.l2 * w);
        linear += sign * w;
        squares += w * w;
      }
    }
  });
  return p.l1 * linear + p.l2 / 2 * squares;
}

}  // namespace tutti::inline TUTTI_ABI
