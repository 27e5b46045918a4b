// SPDX-License-Identifier: BSL-1.0
// LARS: momentum whose step in each tensor is in proportion to the tensor's own size, for very large batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <tutti/core/math.hpp>
#include <tutti/core/version.hpp>
#include <tutti/train/kernels.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// You, Gitman & Ginsburg 2017: trust |w| / (|g| + decay |w|) of one tensor, norms in double; 1 where either is 0, so
/// that a tensor of zeros can leave them.
template <trainable T>
[[nodiscard]] double lars_ratio(std::span<T const> w, std::span<T const> g, double trust, double decay) noexcept {
  double weights = 0;
  double slopes = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    weights += static_cast<double>(w[i]) * static_cast<double>(w[i]);
    slopes += static_cast<double>(g[i]) * static_cast<double>(g[i]);
  }
  if (!(weights > 0) || !(slopes > 0)) return 1;
  return trust * math::sqrt(weights) / (math::sqrt(slopes) + decay * math::sqrt(weights));
}

/// v = momentum v + rate (g + decay w), w -= v, where rate is lr times the tensor's ratio. Equal sizes.
template <trainable T>
void lars_kernel(std::span<T> w, std::span<T const> g, std::span<T> velocity, double rate, double momentum,
                 double decay) noexcept {
  T const scale = static_cast<T>(rate);
  T const kept = static_cast<T>(momentum);
  T const shrink = static_cast<T>(decay);
  for (std::size_t i = 0; i < w.size(); ++i) {
    velocity[i] = kept * velocity[i] + scale * (g[i] + shrink * w[i]);
    w[i] -= velocity[i];
  }
}

/// `lars opt{.lr = 2}; opt.step(model, gradient);` It needs whole tensors: of a tensor that lies on several ranks it
/// would see the norm of a part only. Shards made of whole tensors are fine.
struct lars {
  static constexpr bool whole_tensors = true;
  double lr = 1;
  double momentum = 0.9;
  double weight_decay = 1e-4;
  double trust = 1e-3;
  std::uint64_t steps = 0;  ///< steps taken
  per_weight velocity{};

  /// As sgd::step().
  template <class Model, class Gradient>
  void step(Model& model, Gradient const& gradient) {
    detail::fit("lars", velocity, model, steps == 0);
    detail::for_each_weight(model, gradient, [&]<class T>(std::span<T> w, std::span<T const> g, std::size_t offset) {
      double const ratio = lars_ratio<T>(w, g, trust, weight_decay);
      lars_kernel(w, g, std::span<T>(velocity.of<T>()).subspan(offset, w.size()), lr * ratio, momentum, weight_decay);
    });
    ++steps;
  }
};

}  // namespace tutti::inline TUTTI_ABI
