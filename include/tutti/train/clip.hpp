// SPDX-License-Identifier: BSL-1.0
// Clips exploding gradients by the norm of all of them together.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/version.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// A training strategy after whose sync() every rank holds the whole gradient, the same everywhere; it says so by
/// `static constexpr bool replicates_gradients = true`. Each rank then counts every tensor once, and no rank need ask
/// another for its part of the norm.
template <class Strategy>
concept gradient_replicating = requires {
  requires static_cast<bool>(Strategy::replicates_gradients);
};

/// The Euclidean norm over all parameter tensors together, summed in double in tensor order.
template <class Gradient>
[[nodiscard]] double global_norm(Gradient const& gradient) {
  double squares = 0;
  detail::for_each_parameter("global_norm", gradient, [&](auto const& t) {
    for (auto g : t.data) squares += static_cast<double>(g) * static_cast<double>(g);
  });
  return math::sqrt(squares);
}

namespace detail {
/// Scales a gradient of this norm down to `limit`.
template <class Gradient>
void clip_to(Gradient& gradient, double norm, double limit) {
  if (!(limit > 0)) throw error(error_kind::config, "clip_by_global_norm: the limit must be positive");
  if (!(norm > limit) || math::isinf(norm)) return;
  double const scale = limit / norm;
  for_each_parameter("clip_by_global_norm", gradient, [&](auto const& t) {
    using T = typename decltype(t.data)::element_type;
    for (T& g : t.data) g = static_cast<T>(static_cast<double>(g) * scale);
  });
}
}  // namespace detail

/// Scales the gradient by limit / norm if its global norm exceeds `limit` (> 0), else leaves every bit alone; call it
/// between dp.sync() and the optimiser. Returns the norm before. A norm that is infinite or NaN is returned with the
/// gradient unchanged, for no scale would mend it: skip that step. No communication; the same bits on every rank.
template <gradient_replicating Strategy, class Gradient>
double clip_by_global_norm(Strategy const&, Gradient& gradient, double limit) {
  double const norm = global_norm(gradient);
  detail::clip_to(gradient, norm, limit);
  return norm;
}

}  // namespace tutti::inline TUTTI_ABI
