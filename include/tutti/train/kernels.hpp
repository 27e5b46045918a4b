// SPDX-License-Identifier: BSL-1.0
// One optimiser step over one span of weights: the arithmetic alone, element by element.
//
// Each element is computed from its own weight, gradient and state by the same operations in the same order, so any cut
// of the spans (shards, tensors) gives the same bits as the whole. Every expression has at most one product that can be
// fused with its sum, so it does not matter to the bits which loop a compiler vectorises.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <tutti/core/math.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// The element types that optimisers train.
template <class T>
concept trainable = std::same_as<T, float> || std::same_as<T, double>;

/// w -= lr g. Equal sizes.
template <trainable T>
void sgd_kernel(std::span<T> w, std::span<T const> g, double lr) noexcept {
  T const rate = static_cast<T>(lr);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] -= rate * g[i];
}

/// With v = momentum v + g: w -= lr v, or w -= lr (g + momentum v) for Nesterov. As in PyTorch's SGD (dampening 0),
/// whose first step, v = g, is this one with v = 0. Equal sizes.
template <trainable T>
void sgd_momentum_kernel(std::span<T> w, std::span<T const> g, std::span<T> velocity, double lr, double momentum,
                         bool nesterov) noexcept {
  T const rate = static_cast<T>(lr);
  T const kept = static_cast<T>(momentum);
  for (std::size_t i = 0; i < w.size(); ++i) {
    T const v = kept * velocity[i] + g[i];
    T const direction = nesterov ? kept * v + g[i] : v;
    velocity[i] = v;
    w[i] -= rate * direction;
  }
}

/// The scalars of one Adam step, the same for every element.
struct adam_scalars {
  double rate = 0;            ///< lr / (1 - beta1^t)
  double root = 0;            ///< sqrt(1 - beta2^t)
  double one_less_beta1 = 0;  ///< 1 - beta1
  double one_less_beta2 = 0;  ///< 1 - beta2
  double epsilon = 0;

  /// For step t = 1, 2, …. The powers are multiplied out: the same bits wherever doubles are IEEE, which pow() is not.
  [[nodiscard]] static adam_scalars at(std::uint64_t t, double lr, double beta1, double beta2,
                                       double epsilon) noexcept {
    auto const power = [](double base, std::uint64_t exponent) {
      double result = 1;
      for (; exponent > 0; exponent >>= 1U, base *= base) {
        if ((exponent & 1U) != 0) result *= base;
      }
      return result;
    };
    return {lr / (1 - power(beta1, t)), math::sqrt(1 - power(beta2, t)), 1 - beta1, 1 - beta2, epsilon};
  }
};

/// Kingma & Ba 2015 as PyTorch computes it: m += (1 - beta1)(g - m), v += (1 - beta2)(g g - v),
/// w -= rate m / (sqrt(v) / root + epsilon). Equal sizes; m and v start at 0.
template <trainable T>
void adam_kernel(std::span<T> w, std::span<T const> g, std::span<T> m, std::span<T> v,
                 adam_scalars const& step) noexcept {
  T const rate = static_cast<T>(step.rate);
  T const root = static_cast<T>(step.root);
  T const share1 = static_cast<T>(step.one_less_beta1);
  T const share2 = static_cast<T>(step.one_less_beta2);
  T const epsilon = static_cast<T>(step.epsilon);
  for (std::size_t i = 0; i < w.size(); ++i) {
    m[i] += share1 * (g[i] - m[i]);
    v[i] += share2 * (g[i] * g[i] - v[i]);
    w[i] -= rate * (m[i] / (math::sqrt(v[i]) / root + epsilon));
  }
}

}  // namespace tutti::inline TUTTI_ABI
