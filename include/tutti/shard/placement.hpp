// SPDX-License-Identifier: BSL-1.0
// Tensors whose type says how ranks share them: whole on each, cut along a dimension, or as terms of a sum. Receives a
// grid and a shape, and hands down the elements that are here.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/element.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/grid.hpp>
#include <tutti/shard/layout.hpp>
#include <tutti/shard/part.hpp>

namespace tutti::inline TUTTI_ABI {

/// How the ranks along one axis of a grid share a tensor.
namespace placement {
struct whole {};  ///< each has all of it, with the same bits
template <std::size_t Dim>
struct cut {};  ///< each has a run of the indices of dimension Dim
template <auto Op>
struct terms {};  ///< each has a term of the shape of the whole; it is what Op makes of all terms
template <class Axis, class How>
struct along {};

template <class How>
inline constexpr bool is_terms = false;
template <auto Op>
inline constexpr bool is_terms<terms<Op>> = true;
inline constexpr std::size_t no_dimension = static_cast<std::size_t>(-1);
template <class How>
inline constexpr std::size_t cut_dimension = no_dimension;
template <std::size_t Dim>
inline constexpr std::size_t cut_dimension<cut<Dim>> = Dim;
}  // namespace placement

/// A row-major tensor of T on a grid. Spelt by its aliases `replicated`, `split` and `partial`, one per axis it knows;
/// along the other axes of the grid ranks may have what they like. A range of the elements that are here, hence a
/// buffer and a model; what is a term has no elements to read.
template <class T, class... Places>
class placed;

namespace detail {

template <class Axis, class How, class T>
struct place {
  using type = placed<T, placement::along<Axis, How>>;
};
template <class Axis, class How, class T, class... Inner>
struct place<Axis, How, placed<T, Inner...>> {
  using type = placed<T, placement::along<Axis, How>, Inner...>;
};

}  // namespace detail

/// T is a type of elements; or another placement, for a tensor on several axes; or left out where a value says it, as
/// in `redistribute<replicated<axis>>(grid, x)`.
template <class Axis, class T = void>
using replicated = typename detail::place<Axis, placement::whole, T>::type;
template <class Axis, std::size_t Dim, class T = void>
using split = typename detail::place<Axis, placement::cut<Dim>, T>::type;
template <class Axis, auto Op = sum, class T = void>
using partial = typename detail::place<Axis, placement::terms<Op>, T>::type;

namespace detail {

template <class Axis, class How, class Other, class OtherHow>
constexpr bool may_stand_together(placement::along<Axis, How>, placement::along<Other, OtherHow>) {
  return !std::same_as<Axis, Other> && (placement::cut_dimension<How> == placement::no_dimension ||
                                        placement::cut_dimension<How> != placement::cut_dimension<OtherHow>);
}
template <class... Places>
inline constexpr bool no_conflict = true;
template <class First, class... Rest>
inline constexpr bool no_conflict<First, Rest...> =
    (detail::may_stand_together(First{}, Rest{}) && ...) && no_conflict<Rest...>;

template <class Grid, class Axis, class How>
void cut_along(Grid const& g, tensor_layout& at, placement::along<Axis, How>) {
  if constexpr (placement::cut_dimension<How> != placement::no_dimension)
    at.cut(placement::cut_dimension<How>, g.template size<Axis>(), g.template rank<Axis>());
}
template <class... Places, class Grid>
[[nodiscard]] tensor_layout layout_on(Grid const& g, std::vector<std::size_t> shape) {
  tensor_layout at(std::move(shape));
  (detail::cut_along(g, at, Places{}), ...);
  return at;
}

template <class Place>
inline constexpr bool is_readable_place = true;
template <class Axis, auto Op>
inline constexpr bool is_readable_place<placement::along<Axis, placement::terms<Op>>> = false;

struct placed_access;

}  // namespace detail

template <class T, class... Places>
class placed {
  static_assert(element<T>, "tutti: the elements of a placed tensor are trivially copyable numbers or structs.");
  static_assert(detail::no_conflict<Places...>,
                "tutti: a tensor is placed once along each axis, and each dimension is split along one axis only.");

 public:
  using value_type = T;
  static constexpr bool readable = (detail::is_readable_place<Places> && ...);

  placed() = default;
  /// This rank's part of a tensor of that shape, every element `fill`. Sends nothing.
  template <class S, class... Axes>
  placed(basic_grid<S, Axes...> const& g, std::vector<std::size_t> shape, T fill = T{})
      : layout_(detail::layout_on<Places...>(g, std::move(shape))), values_(layout_.size(), fill) {}
  /// The same with its elements, row by row. Throws config unless they are as many as belong here.
  template <class S, class... Axes>
  placed(basic_grid<S, Axes...> const& g, std::vector<std::size_t> shape, std::vector<T> here)
      : layout_(detail::layout_on<Places...>(g, std::move(shape))), values_(std::move(here)) {
    if (values_.size() != layout_.size())
      throw error(error_kind::config, "a placed tensor got " + std::to_string(values_.size()) +
                                          " elements, and has room for " + std::to_string(layout_.size()) + " here");
  }

  /// Of the whole tensor.
  [[nodiscard]] std::vector<std::size_t> const& shape() const noexcept { return layout_.shape; }
  /// Which of it is here.
  [[nodiscard]] tensor_layout const& layout() const noexcept { return layout_; }
  /// The indices of a dimension that are here. Needs dim < shape().size().
  [[nodiscard]] index_run here(std::size_t dim) const noexcept { return layout_.here[dim]; }

  /// The elements that are here, row by row; of none if a share is empty.
  [[nodiscard]] T* data() noexcept { return check_read(), values_.data(); }
  [[nodiscard]] T const* data() const noexcept { return check_read(), values_.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }
  [[nodiscard]] T* begin() noexcept { return data(); }
  [[nodiscard]] T const* begin() const noexcept { return data(); }
  [[nodiscard]] T* end() noexcept { return data() + size(); }
  [[nodiscard]] T const* end() const noexcept { return data() + size(); }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data()[i]; }
  [[nodiscard]] T const& operator[](std::size_t i) const noexcept { return data()[i]; }

 private:
  friend detail::placed_access;
  placed(tensor_layout at, std::vector<T> here) : layout_(std::move(at)), values_(std::move(here)) {}

  static constexpr void check_read() noexcept {
    static_assert(readable,
                  "tutti: a partial tensor holds one term of a sum, not its value; make the sum first, with "
                  "redistribute<replicated<Axis>>(grid, x) or redistribute<split<Axis, Dim>>(grid, x).");
  }

  tensor_layout layout_{};
  std::vector<T> values_{};
};

/// What is here, as a checkpoint takes it: of the whole tensor, whatever grid it was on. Throws config if the tensor is
/// split along two dimensions, into shares that are not even runs of numbers.
template <class T, class... Places>
[[nodiscard]] checkpoint::part<T> part_of(placed<T, Places...>& x) {
  auto const& shape = x.shape();
  auto which = checkpoint::slice::range(0, x.size());
  bool cut = false;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (x.here(d).size() == shape[d]) continue;
    if (std::exchange(cut, true))
      throw error(
          error_kind::config,
          "a checkpoint takes a tensor that is split along one dimension; redistribute<replicated<Axis>> it first");
    which = checkpoint::slice::along(shape, d, x.here(d).begin, x.here(d).size());
  }
  return {std::span<T>(x.data(), x.size()), shape, which};
}

namespace detail {

/// For what computes terms and makes sums of them.
struct placed_access {
  template <class P>
  [[nodiscard]] static auto& values(P& x) noexcept {
    return x.values_;
  }
  template <class P>
  [[nodiscard]] static P make(tensor_layout at, std::vector<typename P::value_type> here) {
    return P(std::move(at), std::move(here));
  }
};

template <class How>
struct cotangent_of_place {
  static_assert(!placement::is_terms<How>, "tutti: only sums have a derivative that ranks can share.");
  using type = How;
};
template <>
struct cotangent_of_place<placement::whole> {
  using type = placement::terms<sum>;
};
template <>
struct cotangent_of_place<placement::terms<sum>> {
  using type = placement::whole;
};

template <class T>
struct cotangent {
  using type = T;
};
template <class T, class... Axes, class... Hows>
struct cotangent<placed<T, placement::along<Axes, Hows>...>> {
  using type = placed<T, placement::along<Axes, typename cotangent_of_place<Hows>::type>...>;
};

}  // namespace detail

/// Where the derivative of a sum by a tensor of type T stands after a backward pass without communication. What is
/// whole on every rank enters the work of each, which finds a term; what was a term gets the derivative of the sum
/// whole; what was split stays split. A number is its own. So what must be sent backward follows from forward types.
template <class T>
using cotangent_t = typename detail::cotangent<T>::type;

}  // namespace tutti::inline TUTTI_ABI
