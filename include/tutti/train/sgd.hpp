// SPDX-License-Identifier: BSL-1.0
// Stochastic gradient descent, with momentum if asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <tutti/core/version.hpp>
#include <tutti/train/kernels.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// `sgd opt{.lr = 0.1, .momentum = 0.9}; opt.step(model, gradient);` Formulas: see sgd_momentum_kernel.
struct sgd {
  double lr = 0.01;
  double momentum = 0;
  bool nesterov = false;
  std::uint64_t steps = 0;  ///< steps taken
  per_weight velocity{};    ///< empty without momentum

  /// One step down the gradient, an object with the signature of the model. Buffers are left alone. Throws `config`,
  /// and then has changed nothing, if the gradient does not match or the model changed its size since the first step.
  template <class Model, class Gradient>
  void step(Model& model, Gradient const& gradient) {
    if (momentum != 0) detail::fit("sgd", velocity, model, steps == 0);
    detail::for_each_weight(model, gradient, [&]<class T>(std::span<T> w, std::span<T const> g, std::size_t offset) {
      if (momentum == 0) return sgd_kernel(w, g, lr);
      sgd_momentum_kernel(w, g, std::span<T>(velocity.of<T>()).subspan(offset, w.size()), lr, momentum, nesterov);
    });
    ++steps;
  }
};

}  // namespace tutti::inline TUTTI_ABI
