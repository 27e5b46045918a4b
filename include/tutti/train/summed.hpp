// SPDX-License-Identifier: BSL-1.0
// A sum together with the number of things in it: what a loss or a metric returns, and what ranks may add.
#pragma once

#include <type_traits>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Means do not add up over uneven shards; pairs (sum, count) do: `allreduce(world, s).mean()` is the mean over all
/// ranks' samples. Sums of whole numbers (accuracy) are exact up to 2^53, so any order of adding gives the same bits.
struct summed {
  double sum = 0;
  double count = 0;

  /// NaN where nothing was counted.
  [[nodiscard]] constexpr double mean() const noexcept { return sum / count; }

  friend constexpr summed operator+(summed const& a, summed const& b) noexcept {
    return {a.sum + b.sum, a.count + b.count};
  }
  constexpr summed& operator+=(summed const& other) noexcept { return *this = *this + other; }
  friend bool operator==(summed const&, summed const&) = default;
};
static_assert(std::is_trivially_copyable_v<summed>);

}  // namespace tutti::inline TUTTI_ABI
