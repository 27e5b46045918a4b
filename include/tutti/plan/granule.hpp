// SPDX-License-Identifier: BSL-1.0
// How much the engine moves and folds at once. It stands here because whoever predicts the engine must know it too.
#pragma once

#include <algorithm>
#include <cstddef>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// Of one read or write.
inline constexpr std::size_t longest_piece = std::size_t{1} << 20U;

/// Bytes of every source that a plan's folds read at once, and that a window holds: with all `most_sources` of them
/// half of L2, whole elements.
[[nodiscard]] constexpr std::size_t granule(std::size_t most_sources, std::size_t element) noexcept {
  constexpr std::size_t cache = std::size_t{512} << 10U;  // L2 of the smallest machine we care for
  std::size_t const fit = cache / (2 * (most_sources + 1));
  std::size_t const wanted = std::clamp(fit, std::size_t{4} << 10U, std::size_t{64} << 10U);
  return (std::max)(wanted / element, std::size_t{1}) * element;
}

}  // namespace tutti::inline TUTTI_ABI::plan
