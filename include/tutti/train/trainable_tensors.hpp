// SPDX-License-Identifier: BSL-1.0
// Pairs the weights of a model with its gradient and with an optimiser's memory of them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <tutti/core/element.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/signature.hpp>
#include <tutti/model/tensor.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/train/kernels.hpp>

namespace tutti::inline TUTTI_ABI {

/// One number per weight, in tensor order, separately for each element type. A plain aggregate, hence a model itself:
/// an optimiser can be saved, sent and compared like the model it belongs to.
struct per_weight {
  std::vector<float> f32{};
  std::vector<double> f64{};

  template <trainable T>
  [[nodiscard]] std::vector<T>& of() noexcept {
    if constexpr (std::same_as<T, float>) {
      return f32;
    } else {
      return f64;
    }
  }
};

namespace detail {

/// Calls f(tensor) for every tensor with the role parameter; throws `config`, naming `who`, on one that holds neither
/// float nor double.
template <class Model, class F>
void for_each_parameter(char const* who, Model&& model, F f) {
  for_each_tensor(model, [&](auto const& t) {
    if (t.kind != role::parameter) return;
    using T = std::remove_cv_t<typename decltype(t.data)::element_type>;
    if constexpr (trainable<T>) {
      f(t);
    } else {
      throw error(error_kind::config, std::string(who) + ": tensor '" + std::string(t.name) + "' holds " +
                                          element_name(element_code<T>()) + ", only float and double can be trained");
    }
  });
}

/// Makes room for one number per weight: zeros before the first step; later a model of another size throws `config`.
template <class State, class Model>
void fit(char const* who, State& state, Model& model, bool first_step) {
  std::size_t floats = 0;
  std::size_t doubles = 0;
  for_each_parameter(who, model, [&](auto const& t) {
    using T = std::remove_cv_t<typename decltype(t.data)::element_type>;
    (std::is_same_v<T, float> ? floats : doubles) += t.data.size();
  });
  if (first_step) {
    state.f32.assign(floats, 0.0F);
    state.f64.assign(doubles, 0.0);
  } else if (state.f32.size() != floats || state.f64.size() != doubles) {
    throw error(error_kind::config, std::string(who) + ": the model has " + std::to_string(floats + doubles) +
                                        " weights, it had " + std::to_string(state.f32.size() + state.f64.size()) +
                                        " at the first step");
  }
}

/// Calls f(w, g, offset) for every parameter tensor: the spans of weights and gradient, and where its numbers begin in
/// the per_weight vectors of that element type. A gradient of another signature throws before anything is touched.
template <class Model, class Gradient, class F>
void for_each_weight(Model& model, Gradient const& gradient, F f) {
  std::size_t floats = 0;
  std::size_t doubles = 0;
  zip_tensors(model, gradient, [&](auto const& w, auto const& g) {
    using T = std::remove_cv_t<typename decltype(w.data)::element_type>;
    if constexpr (trainable<T>) {
      if (w.kind != role::parameter) return;
      std::size_t& offset = std::is_same_v<T, float> ? floats : doubles;
      f(w.data, std::span<T const>(g.data), offset);
      offset += w.data.size();
    }
  });
}

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
