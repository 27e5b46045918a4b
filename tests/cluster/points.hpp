// SPDX-License-Identifier: BSL-1.0
// Points for the tests of clustering, and how ranks share them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tutti/tutti.hpp>

namespace points {

/// U(0, 1), the same everywhere.
inline double uniform(std::uint64_t i) { return static_cast<double>(tutti::detail::mix64(i) >> 11U) * 0x1p-53; }

/// Rank r's part of `all`, one run in order; `skewed`: rank 0 has none, later ones more and more.
template <class Row>
std::vector<Row> part(std::vector<Row> const& all, int ranks, int r, bool skewed = false) {
  auto const cut = [&](int at) {
    auto const a = static_cast<std::size_t>(at), p = static_cast<std::size_t>(ranks);
    return static_cast<std::ptrdiff_t>(skewed && p > 1 ? all.size() * a * (a - (a > 0 ? 1U : 0U)) / (p * (p - 1))
                                                       : all.size() * a / p);
  };
  return {all.begin() + cut(r), all.begin() + cut(r + 1)};
}

}  // namespace points
