// SPDX-License-Identifier: BSL-1.0
// Clips a gradient number by number.
#pragma once

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// Every number of the gradient is brought into [-limit, limit], limit > 0; NaN stays. Of a shard as good as of the
/// whole. Call it after sync(): the mean of clipped numbers is not the clipped mean.
template <class Gradient>
void clip_by_value(Gradient& gradient, double limit) {
  if (!(limit > 0)) throw error(error_kind::config, "clip_by_value: the limit must be positive");
  detail::for_each_parameter("clip_by_value", gradient, [&](auto const& t) {
    using T = typename decltype(t.data)::element_type;
    T const most = static_cast<T>(limit);
    for (T& g : t.data) g = g > most ? most : g < -most ? -most : g;
  });
}

}  // namespace tutti::inline TUTTI_ABI
