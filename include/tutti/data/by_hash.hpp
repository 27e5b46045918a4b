// SPDX-License-Identifier: BSL-1.0
// The by_hash scheme: equal keys meet on one rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/data/item_keys.hpp>
#include <tutti/data/owner_table.hpp>

namespace tutti::inline TUTTI_ABI {

/// The rank of a key is its hash, scaled to the ranks: a key is found without a table, `by_hash::rank(key, size)`.
/// Counts are as even as the keys are many and rare. At another number of ranks nearly every item moves: see
/// rendezvous_hash.
struct by_hash {
  item_keys keys{};

  template <class Key>
  [[nodiscard]] static int rank(Key const& key, int size) {
    return static_cast<int>(scaled(hash_key(key), static_cast<std::uint64_t>(size)));
  }

  [[nodiscard]] detail::owner_table prepare(std::uint64_t n, std::uint64_t size) const {
    keys.check("by_hash", n);
    std::vector<std::uint32_t> owners(static_cast<std::size_t>(n));
    for (std::uint64_t i = 0; i < n; ++i) owners[static_cast<std::size_t>(i)] = scaled(keys.hash(i), size);
    return {"by_hash", std::move(owners), size};
  }

 private:
  /// floor(hash size / 2^64) but for the last bits of the hash: size < 2^32.
  [[nodiscard]] static constexpr std::uint32_t scaled(std::uint64_t hash, std::uint64_t size) noexcept {
    return static_cast<std::uint32_t>((hash >> 32U) * size >> 32U);
  }
};

}  // namespace tutti::inline TUTTI_ABI
