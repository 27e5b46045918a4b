// SPDX-License-Identifier: BSL-1.0
// Adam: steps scaled by running means of the gradient and of its square.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <tutti/core/version.hpp>
#include <tutti/train/kernels.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// `adam opt{1e-3f}; opt.step(model, gradient);` Formulas: see adam_kernel.
struct adam {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  std::uint64_t steps = 0;       ///< steps taken
  per_weight mean{};             ///< running mean of the gradient
  per_weight mean_of_squares{};  ///< running mean of its square

  /// One step down the gradient, an object with the signature of the model. Buffers are left alone. Throws `config`,
  /// and then has changed nothing, if the gradient does not match or the model changed its size since the first step.
  template <class Model, class Gradient>
  void step(Model& model, Gradient const& gradient) {
    detail::fit("adam", mean, model, steps == 0);
    detail::fit("adam", mean_of_squares, model, steps == 0);
    adam_scalars const scalars = adam_scalars::at(steps + 1, lr, beta1, beta2, epsilon);
    detail::for_each_weight(model, gradient, [&]<class T>(std::span<T> w, std::span<T const> g, std::size_t offset) {
      adam_kernel(w, g, std::span<T>(mean.of<T>()).subspan(offset, w.size()),
                  std::span<T>(mean_of_squares.of<T>()).subspan(offset, w.size()), scalars);
    });
    ++steps;
  }
};

}  // namespace tutti::inline TUTTI_ABI
