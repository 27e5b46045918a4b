// SPDX-License-Identifier: BSL-1.0
// The bounds scheme: contiguous runs, cut where the caller says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/runs.hpp>

namespace tutti::inline TUTTI_ABI {

/// Rank r holds the items [cuts[r], cuts[r + 1]): size + 1 numbers that begin with 0, never decrease and end with n.
struct bounds {
  std::vector<std::uint64_t> cuts;

  [[nodiscard]] detail::runs prepare(std::uint64_t n, std::uint64_t size) const {
    if (cuts.size() != size + 1)
      throw error(error_kind::config, "bounds: " + std::to_string(cuts.size()) + " cuts for " + std::to_string(size) +
                                          " ranks; give one more than there are ranks");
    if (cuts.front() != 0 || cuts.back() != n || !std::is_sorted(cuts.begin(), cuts.end()))
      throw error(error_kind::config,
                  "bounds: the cuts must begin with 0, never decrease and end with " + std::to_string(n));
    return {"bounds", cuts};
  }
};

}  // namespace tutti::inline TUTTI_ABI
