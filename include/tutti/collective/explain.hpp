// SPDX-License-Identifier: BSL-1.0
// explain: which algorithm a call would take on this communicator, and why.
#pragma once

#include <cstddef>
#include <string>

#include <tutti/group/communicator.hpp>
#include <tutti/plan/explain.hpp>

namespace tutti::inline TUTTI_ABI {

/// Not collective: every rank gets the same text. One line for each algorithm of the collective, with the time
/// predicted for a call that moves `length` bytes in all (its longest buffer), the one that is taken marked, and what
/// forbids the others.
template <class S>
[[nodiscard]] std::string explain(basic_communicator<S>& comm, plan::collective what, std::size_t length,
                                  options const& how = {}) {
  auto const& around = comm.engine().around();
  auto const index = static_cast<std::size_t>(what);
  auto wish = how.algorithm;
  if (wish == algorithm::automatic && index < around.preferred.size()) wish = around.preferred[index];
  return plan::explain(what, comm.size(), length, around.costs, wish, {.order = how.order});
}

}  // namespace tutti::inline TUTTI_ABI
