// SPDX-License-Identifier: BSL-1.0
// An optimiser that sets its own learning rate: for where nobody stands beside it, such as on a parameter server.
#pragma once

#include <cstdint>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// `scheduled{sgd{}, learning_rate::cosine{0.1, 1000}}`: step k, from 0, has the rate `rate(k)`;
/// train/learning_rate.hpp has some. What else may be said of the optimiser is said to `optimizer`.
template <class Optimizer, class Rate>
struct scheduled {
  Optimizer optimizer;
  Rate rate;

  /// As the optimiser's.
  template <class Model, class Gradient>
  void step(Model& model, Gradient const& gradient) {
    optimizer.lr = rate(optimizer.steps);
    optimizer.step(model, gradient);
  }
};
template <class Optimizer, class Rate>
scheduled(Optimizer, Rate) -> scheduled<Optimizer, Rate>;

}  // namespace tutti::inline TUTTI_ABI
