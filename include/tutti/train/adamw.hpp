// SPDX-License-Identifier: BSL-1.0
// AdamW: Adam whose weights shrink by themselves, not through the gradient and its running means.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <tutti/core/version.hpp>
#include <tutti/train/kernels.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// Loshchilov & Hutter 2019 as PyTorch computes it: w -= shrink w with shrink = lr decay, then adam_kernel(). Equal
/// sizes; m and v start at 0. (w *= 1 - shrink would round 1 - shrink the same way in every step.) The two are separate
/// loops over what stays in the nearest cache, so that no compiler fuses the two products.
template <trainable T>
void adamw_kernel(std::span<T> w, std::span<T const> g, std::span<T> m, std::span<T> v, double shrink,
                  adam_scalars const& step) noexcept {
  constexpr std::size_t chunk = 1024;
  T const lost = static_cast<T>(shrink);
  for (std::size_t at = 0; at < w.size(); at += chunk) {
    std::size_t const n = (std::min)(chunk, w.size() - at);
    auto const weights = w.subspan(at, n);
    for (std::size_t i = 0; i < n; ++i) weights[i] -= lost * weights[i];
    adam_kernel(weights, g.subspan(at, n), m.subspan(at, n), v.subspan(at, n), step);
  }
}

/// `adamw opt{1e-3}; opt.step(model, gradient);` Not the same as adam with an L2 penalty, whose share of the gradient
/// Adam would divide by its size again.
struct adamw {
  double lr = 1e-3;
  double weight_decay = 1e-2;  ///< per step each weight loses lr * weight_decay of itself
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  std::uint64_t steps = 0;       ///< steps taken
  per_weight mean{};             ///< running mean of the gradient
  per_weight mean_of_squares{};  ///< running mean of its square

  /// As adam::step().
  template <class Model, class Gradient>
  void step(Model& model, Gradient const& gradient) {
    detail::fit("adamw", mean, model, steps == 0);
    detail::fit("adamw", mean_of_squares, model, steps == 0);
    adam_scalars const scalars = adam_scalars::at(steps + 1, lr, beta1, beta2, epsilon);
    double const shrink = lr * weight_decay;
    detail::for_each_weight(model, gradient, [&]<class T>(std::span<T> w, std::span<T const> g, std::size_t offset) {
      adamw_kernel(w, g, std::span<T>(mean.of<T>()).subspan(offset, w.size()),
                   std::span<T>(mean_of_squares.of<T>()).subspan(offset, w.size()), shrink, scalars);
    });
    ++steps;
  }
};

}  // namespace tutti::inline TUTTI_ABI
