// SPDX-License-Identifier: BSL-1.0
// How much the engine moves and folds at once. It stands here because whoever predicts the engine must know it too.
#pragma once

#include <algorithm>
#include <cstddef>

#include <tutti/core/version.hpp>

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

}  // namespace tutti::inline TUTTI_ABI::plan
