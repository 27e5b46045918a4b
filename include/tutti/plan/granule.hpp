// SPDX-License-Identifier: BSL-1.0
// How much the engine moves and folds at once. It stands here because whoever predicts the engine must know it too.
#pragma once

#include <algorithm>
#include <cstddef>

#include <tutti/core/version.hpp>
#include <tutti/plan/machine.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// Of one read or write.
inline constexpr std::size_t longest_piece = std::size_t{1} << 20U;

/// Bytes of every source that a plan's folds read at once, and that a window holds, whole elements: those of all
/// `most_sources` together take 1 MiB. Smaller ones cost more system calls than a closer cache saves, since bytes are
/// folded as they arrive, however far the window goes.
[[nodiscard]] constexpr std::size_t granule(std::size_t most_sources, std::size_t element) noexcept {
  std::size_t const fit = (std::size_t{1} << 20U) / (std::max)(most_sources, std::size_t{2});
  std::size_t const wanted = (std::max)(fit, std::size_t{4} << 10U);
  return (std::max)(wanted / element, std::size_t{1}) * element;
}

/// Bytes that one lane between hosts shall keep waiting in the system: what the link carries in a millisecond and two
/// round trips, or 0 for as many as the system likes. Where a slow link is shared by several lanes, those that have
/// filled a large buffer first leave the others, and all ranks that wait for those, behind: a reduce took a fifth
/// longer.
[[nodiscard]] constexpr std::size_t unsent(machine const& m) noexcept {
  constexpr double least = 65536, most = 200e3;  // above this, systems do not give what is asked, but did by themselves
  double const carried = m.link > 0 ? (1e6 + 4e3 * (m.latency + m.distance)) / m.link : most;
  return carried < most ? static_cast<std::size_t>((std::max)(carried, least)) : 0;
}

}  // namespace tutti::inline TUTTI_ABI::plan
