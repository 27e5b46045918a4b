// SPDX-License-Identifier: BSL-1.0
// Which items a rank evaluates, so that a metric over all ranks counts each of them once.
#pragma once

#include <cstdint>

#include <tutti/core/version.hpp>
#include <tutti/data/block.hpp>
#include <tutti/data/item_range.hpp>
#include <tutti/data/sampler.hpp>

namespace tutti::inline TUTTI_ABI {

/// This rank's run of the items [0, n): each item on exactly one rank, none padded or dropped, run sizes differing by
/// at most one; empty on some ranks where n < comm.size(). Sends nothing. Sum the hits and the counts over the ranks,
/// then divide: the metric is that of one process.
template <ranked C>
[[nodiscard]] item_range exactly_once(std::uint64_t n, C const& comm) {
  auto const size = static_cast<std::uint64_t>(comm.size());
  auto const rank = static_cast<std::uint64_t>(comm.rank());
  std::uint64_t const first = block{}.item(n, size, rank, 0);
  return {first, first + block{}.count(n, size, rank)};
}

}  // namespace tutti::inline TUTTI_ABI
