// SPDX-License-Identifier: BSL-1.0
// The rendezvous scheme: when a rank joins, only the items that it takes over move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/data/item_keys.hpp>
#include <tutti/data/owner_table.hpp>
#include <tutti/data/permutation.hpp>

namespace tutti::inline TUTTI_ABI {

// Every rank draws a number for every key, from a hash of both; the highest draw owns the key.
// Why     from size to size + 1 ranks, 1 / (size + 1) of the keys move, all to the new rank: the draws of the others
//         stay. Counts are as even as those of coin tosses, with no table of tokens.
// Trace   key k draws 17 5 9 on three ranks: rank 0. A fourth draws 12: no move. Another key draws 3 8 6 and 9: it
// moves. Cost    `size` hashes per key, once. See     Thaler & Ravishankar 1998.
struct rendezvous_hash {
  item_keys keys{};

  template <class Key>
  [[nodiscard]] static int rank(Key const& key, int size) {
    return static_cast<int>(highest(hash_key(key), static_cast<std::uint64_t>(size)));
  }

  [[nodiscard]] detail::owner_table prepare(std::uint64_t n, std::uint64_t size) const {
    keys.check("rendezvous_hash", n);
    std::vector<std::uint32_t> owners(static_cast<std::size_t>(n));
    for (std::uint64_t i = 0; i < n; ++i) owners[static_cast<std::size_t>(i)] = highest(keys.hash(i), size);
    return {"rendezvous_hash", std::move(owners), size};
  }

 private:
  [[nodiscard]] static constexpr std::uint32_t highest(std::uint64_t hash, std::uint64_t size) noexcept {
    std::uint64_t best = 0, draw = 0;
    for (std::uint64_t r = 0; r < size; ++r) {
      std::uint64_t const drawn = detail::mix64(hash + r * std::uint64_t{0x9e3779b97f4a7c15});
      if (drawn > draw) draw = drawn, best = r;
    }
    return static_cast<std::uint32_t>(best);
  }
};

}  // namespace tutti::inline TUTTI_ABI
