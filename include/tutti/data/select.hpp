// SPDX-License-Identifier: BSL-1.0
// Finds the q-th smallest of keys that lie on all ranks, of many groups at once, without moving one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/scan.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// Cuts a group so that `before` of its keys come before it. Equal keys count by rank, then in the order in which they
/// are asked about.
struct key_cut {
  std::size_t group = 0;
  std::uint64_t before = 0;
  std::uint64_t key = 0;      ///< found: the keys below it come before, those above it behind
  std::uint64_t smaller = 0;  ///< keys below it, on all ranks
  std::uint64_t equal = 0;    ///< keys equal to it, on lower ranks, and those asked about

  /// To be asked once about each local key of the group.
  [[nodiscard]] bool is_behind(std::uint64_t k) noexcept {
    return k > key || (k == key && smaller + equal++ >= before);
  }
};

// How     as many halvings of [0, 2^bits) as there are bits; in each, all ranks say how many of their keys are at most
//         the middle.
// Cost    bits + 2 reductions of one number per cut, whatever the number of keys; none if there is no cut.
/// `keys`: this rank's of each group, sorted, below 2^bits. All ranks give the same cuts.
template <class Comm>
void select(Comm& comm, std::vector<std::vector<std::uint64_t>> const& keys, std::vector<key_cut>& cuts, int bits) {
  if (cuts.empty()) return;
  auto const at_most = [&](key_cut const& c, std::uint64_t key) {
    auto const& all = keys[c.group];
    return static_cast<std::uint64_t>(std::upper_bound(all.begin(), all.end(), key) - all.begin());
  };
  std::vector<std::uint64_t> counts(cuts.size());
  for (int bit = bits - 1; bit >= 0; --bit) {
    std::uint64_t const half = std::uint64_t{1} << static_cast<unsigned>(bit);
    for (std::size_t j = 0; j < cuts.size(); ++j) counts[j] = at_most(cuts[j], cuts[j].key + (half - 1));
    tutti::TUTTI_ABI::allreduce(comm, counts);
    for (std::size_t j = 0; j < cuts.size(); ++j)
      if (counts[j] <= cuts[j].before) cuts[j].key += half;
  }
  std::vector<std::uint64_t> equal(cuts.size());
  for (std::size_t j = 0; j < cuts.size(); ++j) {
    counts[j] = cuts[j].key == 0 ? 0 : at_most(cuts[j], cuts[j].key - 1);
    equal[j] = at_most(cuts[j], cuts[j].key) - counts[j];
  }
  tutti::TUTTI_ABI::allreduce(comm, counts);
  tutti::TUTTI_ABI::exscan(comm, equal);
  for (std::size_t j = 0; j < cuts.size(); ++j) {
    cuts[j].smaller = counts[j];
    cuts[j].equal = comm.rank() == 0 ? 0 : equal[j];
  }
}

}  // namespace tutti::inline TUTTI_ABI::detail
