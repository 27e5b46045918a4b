// SPDX-License-Identifier: BSL-1.0
// Code that is compiled where it is used, not wherever it is included: what keeps a header-only library cheap to
// include.
#pragma once

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// The parameter of a template that has none: `template <class = on_use> void f();`, `using c = basic_c<>;`. An
/// ordinary inline function is compiled, with every container and socket operation it mentions, in each file that
/// includes it.
struct on_use;

namespace detail {
template <class T, class>
struct known_with {
  using type = T;
};
}  // namespace detail

/// T, but in a template on Use looked into only where that is used: what is done with a variable of a plain type is
/// compiled, with the members of every container it touches, as soon as the template is read.
template <class T, class Use>
using later = typename detail::known_with<T, Use>::type;

}  // namespace tutti::inline TUTTI_ABI
