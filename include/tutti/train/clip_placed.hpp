// SPDX-License-Identifier: BSL-1.0
// Clips a gradient of placed tensors by its norm. What each rank has to count is read off the types: of a split tensor
// its part, of a replicated one nothing but on the first rank.
#pragma once

#include <string_view>
#include <type_traits>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/grid.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/shard/placement.hpp>
#include <tutti/train/clip.hpp>
#include <tutti/train/kernels.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// Whether the ranks along Axis have different parts of an M. Along an axis that M does not name they have the same, as
/// have those of a tensor without a placement.
template <class M, class Axis>
inline constexpr bool is_cut_along = false;
template <class T, class... Axes, class... Hows, class Axis>
inline constexpr bool is_cut_along<placed<T, placement::along<Axes, Hows>...>, Axis> =
    ((std::same_as<Axes, Axis> && placement::cut_dimension<Hows> != placement::no_dimension) || ...);

/// Adds up the squares that this rank counts.
template <class Grid>
class placed_squares;
template <class S, class... Axes>
class placed_squares<basic_grid<S, Axes...>> {
 public:
  explicit placed_squares(basic_grid<S, Axes...> const& g) : grid_(g) {}
  template <class M>
  void enter(std::string_view, tier) {
    mine_ = ((is_cut_along<M, Axes> || grid_.template rank<Axes>() == 0) && ...);
  }
  template <class T>
  void leaf(tensor<T> const& t) {
    if constexpr (trainable<std::remove_const_t<T>>)
      if (mine_ && t.kind == role::parameter)
        for (T const g : t.data) total += static_cast<double>(g) * static_cast<double>(g);
  }
  double total = 0;

 private:
  basic_grid<S, Axes...> const& grid_;
  bool mine_ = false;
};

}  // namespace detail

/// Collective over the grid. The Euclidean norm of the whole gradient: eight bytes along each axis. Tensors without a
/// placement are the same on all ranks. A partial tensor does not compile: its sum comes first.
template <class S, class... Axes, class Gradient>
[[nodiscard]] double global_norm(basic_grid<S, Axes...>& g, Gradient const& gradient, options how = {}) {
  detail::placed_squares<basic_grid<S, Axes...>> squares(g);
  detail::walker<decltype(squares)>(squares).node(gradient);
  ((squares.total = allreduce(g.template along<Axes>(), squares.total, how)), ...);
  return math::sqrt(squares.total);
}

/// As clip_by_global_norm(strategy, gradient, limit), by the norm of the whole gradient. The same bits on every rank.
template <class S, class... Axes, class Gradient>
double clip_by_global_norm(basic_grid<S, Axes...>& g, Gradient& gradient, double limit, options how = {}) {
  double const norm = global_norm(g, gradient, how);
  detail::clip_to(gradient, norm, limit);
  return norm;
}

}  // namespace tutti::inline TUTTI_ABI
