// SPDX-License-Identifier: BSL-1.0
// The parameters of any model in one row of numbers, and back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>

#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/version.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// `to` becomes as long as the parameters are many. Throws `config`, naming `who`, on one that is no float or double.
template <class M>
void copy_weights(char const* who, M const& model, per_weight& to) {
  to.f32.clear();
  to.f64.clear();
  detail::for_each_parameter(who, model, [&](auto const& t) {
    auto& row = to.of<std::remove_cv_t<typename decltype(t.data)::element_type>>();
    row.insert(row.end(), t.data.begin(), t.data.end());
  });
}

/// The way back. Throws `config` if the model has another number of parameters.
template <class M>
void copy_weights(char const* who, per_weight& from, M& model) {
  detail::fit(who, from, model, false);
  std::size_t floats = 0;
  std::size_t doubles = 0;
  detail::for_each_parameter(who, model, [&](auto const& t) {
    using T = typename decltype(t.data)::element_type;
    std::size_t& at = std::is_same_v<T, float> ? floats : doubles;
    std::copy_n(from.of<T>().begin() + static_cast<std::ptrdiff_t>(at), t.data.size(), t.data.begin());
    at += t.data.size();
  });
}

/// Sums over `weight` samples become their mean; those over none stay as they are.
template <class G>
void divide(char const* who, G& gradient, double weight) {
  if (!(weight >= 0) || math::isinf(weight))
    throw error(error_kind::config, std::string(who) + ": a weight must be a number, zero or more");
  if (weight == 0 || weight == 1) return;
  detail::for_each_parameter(who, gradient, [&](auto const& t) {
    using T = typename decltype(t.data)::element_type;
    for (T& g : t.data) g /= static_cast<T>(weight);
  });
}

}  // namespace tutti::inline TUTTI_ABI::detail
