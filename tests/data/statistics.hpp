// SPDX-License-Identifier: BSL-1.0
// Numbers for the tests of statistics, and how ranks share them: unevenly, some ranks with none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tutti/tutti.hpp>

namespace statistics {

/// offset + U(0, 1), the same everywhere.
inline std::vector<double> numbers(std::size_t n, double offset, std::uint64_t seed = 1) {
  std::vector<double> all(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::uint64_t const bits = tutti::detail::mix64(seed * 0x9e3779b97f4a7c15U + i);
    all[i] = offset + static_cast<double>(bits >> 11U) * 0x1p-53;
  }
  return all;
}

/// Rank r's: shares grow with the square of the rank, so rank 0 has none where there are two or more.
inline std::span<double const> share(std::vector<double> const& all, int ranks, int r) {
  auto const cut = [&](int at) {
    auto const part = static_cast<std::size_t>(at) * static_cast<std::size_t>(at > 0 ? at - 1 : 0);
    auto const whole = static_cast<std::size_t>(ranks) * static_cast<std::size_t>(ranks - 1);
    return at == 0 ? std::size_t{0} : at == ranks ? all.size() : all.size() * part / (whole == 0 ? 1 : whole);
  };
  return std::span(all).subspan(cut(r), cut(r + 1) - cut(r));
}

}  // namespace statistics
