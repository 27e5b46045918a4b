// SPDX-License-Identifier: BSL-1.0
// Clips a gradient that is spread over ranks (sharded, cut into stages) by the norm of all its parts together.
#pragma once

#include <string_view>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/clip.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {
struct counts_everything {
  bool operator()(std::string_view) const noexcept { return true; }
};
}  // namespace detail

/// Collective over the ranks that together hold the gradient. The Euclidean norm of all parts: each rank adds the
/// tensors for which counts(name) is true. A tensor of which several ranks have a copy must be counted by one of them
/// alone.
template <transport::streams S, class Gradient, class Counts = detail::counts_everything>
[[nodiscard]] double global_norm(basic_communicator<S>& comm, Gradient const& mine, Counts counts = {},
                                 options how = {}) {
  double squares = 0;
  detail::for_each_parameter("global_norm", mine, [&](auto const& t) {
    if (!counts(t.name)) return;
    for (auto g : t.data) squares += static_cast<double>(g) * static_cast<double>(g);
  });
  return math::sqrt(allreduce(comm, squares, how));
}

/// As clip_by_global_norm(strategy, gradient, limit) for a gradient of which this rank holds `mine`: one allreduce of
/// eight bytes. Not counted tensors are scaled as well.
template <transport::streams S, class Gradient, class Counts = detail::counts_everything>
double clip_by_global_norm(basic_communicator<S>& comm, Gradient& mine, double limit, Counts counts = {},
                           options how = {}) {
  double const norm = global_norm(comm, mine, counts, how);
  detail::clip_to(mine, norm, limit);
  return norm;
}

}  // namespace tutti::inline TUTTI_ABI
