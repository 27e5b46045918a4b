// SPDX-License-Identifier: BSL-1.0
// Slots: the fixed pieces of a training step, and which rank computes which of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {
/// Where part `at` of `parts` begins when n things are cut as evenly as can be: floor(at * n / parts), without
/// overflow. 0 <= at <= parts < 2^32. Runs of parts are then as even as the parts themselves.
[[nodiscard]] constexpr std::uint64_t even_cut(std::uint64_t n, std::uint64_t parts, std::uint64_t at) noexcept {
  return n / parts * at + n % parts * at / parts;
}
}  // namespace detail

/// Rank r of `size` computes the slots [slot_cut(r), slot_cut(r + 1)), where slot_cut(r) = floor(r * slots / size).
/// With fewer slots than ranks, some ranks have none. Needs slots >= 0, size >= 1, 0 <= r <= size.
[[nodiscard]] constexpr int slot_cut(int slots, int size, int r) noexcept {
  return static_cast<int>(detail::even_cut(static_cast<std::uint64_t>(slots), static_cast<std::uint64_t>(size),
                                           static_cast<std::uint64_t>(r)));
}

/// The size + 1 cuts of all ranks: 0, slot_cut(1), …, slots; in the form a plan takes them.
template <class = on_use>
[[nodiscard]] std::vector<std::uint32_t> slot_cuts(int slots, int size) {
  std::vector<std::uint32_t> cuts;
  for (int r = 0; r <= size; ++r) cuts.push_back(static_cast<std::uint32_t>(slot_cut(slots, size, r)));
  return cuts;
}

/// The same for ranks of unequal speed: rank r computes slots in proportion to shares[r], to less than one slot; more
/// slots, finer shares. A share of 0 gives none. All ranks give the same shares. Throws config if one is negative or
/// not finite, or all are 0.
template <class = on_use>
[[nodiscard]] std::vector<std::uint32_t> slot_cuts(int slots, std::span<double const> shares) {
  double total = 0;
  for (std::size_t r = 0; r < shares.size(); ++r) {
    if (!(shares[r] >= 0 && shares[r] <= 1e300))
      throw error(error_kind::config, "the share of rank " + std::to_string(r) + " is " + std::to_string(shares[r]) +
                                          ": give positive numbers in proportion to the speeds of the ranks");
    total += shares[r];
  }
  if (!(total > 0 && total <= 1e300))
    throw error(error_kind::config, "the shares of the ranks add up to " + std::to_string(total) +
                                        ": give positive numbers in proportion to their speeds");
  std::vector<std::uint32_t> cuts{0};
  double before = 0;
  for (double const share : shares) {
    before += share;
    cuts.push_back(static_cast<std::uint32_t>(before / total * slots + 0.5));
  }
  return cuts;
}

}  // namespace tutti::inline TUTTI_ABI
