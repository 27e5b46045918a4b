// SPDX-License-Identifier: BSL-1.0
// merge: the operation of everything that knows how to take another of its kind into itself.
#pragma once

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// A summary that takes in another: `a.merge(b)` makes a what it would be had it seen all that b saw as well. Such a
/// type is combined whole, never number by number as a model is.
template <class T>
concept mergeable = requires(T& a, T const& b) {
  a.merge(b);
};

/// `allreduce(comm, state, merge)`: a mergeable, or any type with `a += b` (Boost.Histogram).
struct merge_op {
  template <mergeable T>
  constexpr T operator()(T const& a, T const& b) const {
    T both = a;
    both.merge(b);
    return both;
  }
  template <class T>
  requires(!mergeable<T> && requires(T & a, T const& b) { a += b; }) constexpr T operator()(T const& a,
                                                                                            T const& b) const {
    T both = a;
    both += b;
    return both;
  }
};
inline constexpr merge_op merge{};

}  // namespace tutti::inline TUTTI_ABI
