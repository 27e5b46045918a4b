// SPDX-License-Identifier: BSL-1.0
// redistribute<To>: a tensor placed another way. Receives a tensor and the type of its new place, and picks the one
// collective that leads there.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/alltoall.hpp>
#include <tutti/collective/reduce_scatter.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/grid.hpp>
#include <tutti/shard/layout.hpp>
#include <tutti/shard/placement.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// The elements here of a tensor that lies as `from` along the ranks of `comm`, as it shall lie: `to`. Both boxes
/// differ along that axis only.
template <class T, class Comm>
struct reshard {
  Comm& comm;
  tensor_layout const& from;
  tensor_layout const& to;
  options const& how;

  using values = std::vector<T>;

  [[nodiscard]] index_run share(std::size_t dim, int r) const { return share_of(from.shape[dim], comm.size(), r); }
  /// How many elements rank r has to do with, where it has its share of dimension `dim` and all else is as in `box`.
  [[nodiscard]] std::vector<std::uint64_t> counts(tensor_layout const& box, std::size_t dim) const {
    slab const seen(box, dim);
    std::vector<std::uint64_t> all;
    for (int r = 0; r < comm.size(); ++r) all.push_back(seen.elements(share(dim, r)));
    return all;
  }
  /// The tensor `all`, cut along `dim` into one dense block per rank. Along dimension 0 it lies like that already.
  [[nodiscard]] values blocks(tensor_layout const& box, values all, std::size_t dim) const {
    slab const seen(box, dim);
    if (seen.outer == 1) return all;
    values packed(all.size());
    T* next = packed.data();
    for (int r = 0; r < comm.size(); next += seen.elements(share(dim, r)), ++r)
      seen.take(std::span<T const>(all), share(dim, r), next);
    return packed;
  }
  /// The inverse.
  [[nodiscard]] values joined(tensor_layout const& box, values packed, std::size_t dim) const {
    slab const seen(box, dim);
    if (seen.outer == 1) return packed;
    values all(packed.size());
    T const* next = packed.data();
    for (int r = 0; r < comm.size(); next += seen.elements(share(dim, r)), ++r)
      seen.put(next, share(dim, r), std::span<T>(all));
    return all;
  }

  template <class How>
  [[nodiscard]] values operator()(How, How, values x) const {
    return x;
  }
  template <auto Op>
  [[nodiscard]] values operator()(placement::terms<Op>, placement::whole, values x) const {
    detail::allreduce_span(comm, std::span<T>(x), Op, how);
    return x;
  }
  template <auto Op, std::size_t Dim>
  [[nodiscard]] values operator()(placement::terms<Op>, placement::cut<Dim>, values x) const {
    x = blocks(from, std::move(x), Dim);
    values mine(to.size());
    detail::reduce_scatter_span(comm, std::span<T const>(x), counts(from, Dim), std::span<T>(mine), x.size(), Op, how);
    return mine;
  }
  template <std::size_t Dim>
  [[nodiscard]] values operator()(placement::cut<Dim>, placement::whole, values x) const {
    values all(to.size());
    auto const sizes = counts(to, Dim);
    engine::operation op = detail::operation_on<T>(plan::collective::allgather, -1);
    op.count = all.size();
    comm.engine().call_once(op, how, [&] {
      detail::run_allgather(comm, op, sizes, std::as_bytes(std::span(x)), std::as_writable_bytes(std::span(all)), 0);
    });
    return joined(to, std::move(all), Dim);
  }
  template <std::size_t Old, std::size_t New>
  [[nodiscard]] values operator()(placement::cut<Old>, placement::cut<New>, values x) const {
    x = blocks(from, std::move(x), New);
    values arrived(to.size());
    auto const sent = counts(from, New);
    auto const received = counts(to, Old);
    engine::operation op = detail::operation_on<T>(plan::collective::alltoall, -1);
    op.count = tensor_layout(from.shape).size();
    comm.engine().call_once(op, how, [&] {
      detail::run_alltoall(comm, op, sent, received, std::as_bytes(std::span(x)),
                           std::as_writable_bytes(std::span(arrived)), 0);
    });
    return joined(to, std::move(arrived), Old);
  }
  template <std::size_t Dim>
  [[nodiscard]] values operator()(placement::whole, placement::cut<Dim>, values x) const {
    values mine(to.size());
    slab(from, Dim).take(std::span<T const>(x), to.here[Dim], mine.data());
    return mine;
  }
  [[nodiscard]] values operator()(placement::whole, placement::terms<sum>, values x) const {
    if (comm.rank() != 0) std::fill(x.begin(), x.end(), T{});
    return x;
  }
  template <std::size_t Dim>
  [[nodiscard]] values operator()(placement::cut<Dim>, placement::terms<sum>, values x) const {
    values term(to.size());
    slab(to, Dim).put(x.data(), from.here[Dim], std::span<T>(term));
    return term;
  }
};

template <class From, class To, class T, class Step>
concept leads = requires(Step const& step, From from, To to, std::vector<T> x) {
  step(from, to, std::move(x));
};

/// How a placed type lies along Axis; and that type, lying along Axis as How.
template <class Axis, class P>
struct on_axis;
template <class Axis, class T, class... Axes, class... Hows>
struct on_axis<Axis, placed<T, placement::along<Axes, Hows>...>> {
  static_assert((std::same_as<Axis, Axes> || ...), "tutti: this tensor is not placed along that axis.");
  template <class A, class H>
  static constexpr auto pick(placement::along<A, H>, auto... rest) {
    if constexpr (std::same_as<A, Axis>) {
      return H{};
    } else {
      return pick(rest...);
    }
  }
  using how = decltype(pick(placement::along<Axes, Hows>{}...));
  template <class How>
  using placed_as = placed<T, placement::along<Axes, std::conditional_t<std::same_as<Axis, Axes>, How, Hows>>...>;
};

/// The tensor with its place along one axis changed to How.
template <class Axis, class How, class Grid, class T, class... Places>
[[nodiscard]] auto moved_along(Grid& g, placed<T, Places...> x, options const& how) {
  using axis = on_axis<Axis, placed<T, Places...>>;
  using before = typename axis::how;
  if constexpr (std::same_as<before, How>) {
    return x;
  } else {
    using result = typename axis::template placed_as<How>;
    tensor_layout to = x.layout();
    if constexpr (placement::cut_dimension<before> != placement::no_dimension) {
      constexpr std::size_t old = placement::cut_dimension<before>;
      to.here[old] = {0, to.shape[old]};
    }
    detail::cut_along(g, to, placement::along<Axis, How>{});
    auto& comm = g.template along<Axis>();
    using step = reshard<T, std::remove_reference_t<decltype(comm)>>;
    static_assert(leads<before, How, T, step>,
                  "tutti: nothing leads from this placement to that one: only a sum can be taken apart into terms, and "
                  "terms of one operation are no terms of another.");
    auto here = step{comm, x.layout(), to, how}(before{}, How{}, std::move(placed_access::values(x)));
    return placed_access::make<result>(std::move(to), std::move(here));
  }
}

/// What a type asks for, axis by axis.
template <class To>
struct destination;
template <class T, class... Axes, class... Hows>
struct destination<placed<T, placement::along<Axes, Hows>...>> {
  template <class Grid, class X, class... Places>
  [[nodiscard]] static auto bring(Grid& g, placed<X, Places...> x, options const& how) {
    static_assert(std::is_void_v<T> || std::same_as<T, X>, "tutti: redistribute keeps the type of the elements.");
    return next<placement::along<Axes, Hows>...>(g, std::move(x), how);
  }

 private:
  template <class Place, class... Rest, class Grid, class P>
  [[nodiscard]] static auto next(Grid& g, P x, options const& how) {
    auto there = step(Place{}, g, std::move(x), how);
    if constexpr (sizeof...(Rest) == 0) {
      return there;
    } else {
      return next<Rest...>(g, std::move(there), how);
    }
  }
  template <class Axis, class How, class Grid, class P>
  [[nodiscard]] static auto step(placement::along<Axis, How>, Grid& g, P x, options const& how) {
    return detail::moved_along<Axis, How>(g, std::move(x), how);
  }
};

}  // namespace detail

/// Collective over the axes that To names: the same tensor, placed as To says along these; along others it stays as it
/// is. `redistribute<replicated<axis>>(grid, std::move(x))` of terms is one allreduce, in place; terms to split one
/// reduce_scatter, split to replicated one allgather, from one dimension to another one alltoall. Replicated to split,
/// and anything to terms of a sum, sends nothing. Several axes are done one after another, in the order of To. Blocks
/// until all that is to be here has arrived. Throws config if x was made on another grid.
template <class To, class S, class... Axes, class T, class... Places>
[[nodiscard]] auto redistribute(basic_grid<S, Axes...>& g, placed<T, Places...> x, options how = {}) {
  if (detail::layout_on<Places...>(g, x.shape()) != x.layout())
    throw error(failure{error_kind::config, -1, "redistribute",
                        "the tensor was made on another grid, or by another rank; give the grid it was made on"});
  return detail::destination<To>::bring(g, std::move(x), how);
}

}  // namespace tutti::inline TUTTI_ABI
