// SPDX-License-Identifier: BSL-1.0
// The token ring scheme: consistent hashing with copies, as distributed stores place their rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/item_keys.hpp>
#include <tutti/data/owner_table.hpp>
#include <tutti/data/permutation.hpp>

namespace tutti::inline TUTTI_ABI {

// Each rank puts `vnodes` tokens on a circle of 64-bit hashes; a key belongs to the next token clockwise.
// Why     a new rank takes over what lies before its tokens, and no other key moves; copies go to the next ranks.
// Trace   tokens 10:r0 40:r1 70:r0 90:r1; key 50 belongs to r0 (70), its second copy to r1 (90); key 95 to r0 (10).
// Cost    size vnodes tokens of 16 bytes; a search among them per key. Counts vary by about 1 / sqrt(vnodes).
// See     Karger et al. 1997; Lakshman & Malik 2010 (Cassandra).
class hash_ring {
 public:
  hash_ring() = default;
  hash_ring(int ranks, int vnodes) : ranks_(ranks) {
    if (ranks < 1 || vnodes < 1)
      throw error(error_kind::config, "a hash ring of " + std::to_string(ranks) + " ranks with " +
                                          std::to_string(vnodes) + " tokens each; both must be at least 1");
    auto const each = static_cast<std::uint64_t>(vnodes);
    for (std::uint64_t r = 0; r < static_cast<std::uint64_t>(ranks); ++r) {
      std::uint64_t const own = detail::mix64(r + 1);
      for (std::uint64_t v = 0; v < each; ++v)
        tokens_.push_back({detail::mix64(own + v), static_cast<std::uint32_t>(r)});
    }
    std::sort(tokens_.begin(), tokens_.end());
  }

  /// The rank that owns a key of this hash (see hash_key).
  [[nodiscard]] int owner(std::uint64_t hash) const { return static_cast<int>(next(hash)->second); }
  /// The first `replicas` different ranks from there on, the owner first; all ranks if there are not so many.
  [[nodiscard]] std::vector<int> holders(std::uint64_t hash, int replicas) const {
    std::vector<int> found;
    auto const wanted = static_cast<std::size_t>((std::min)(replicas, ranks_));
    for (auto at = next(hash); found.size() < wanted; at = at + 1 == tokens_.end() ? tokens_.begin() : at + 1) {
      int const rank = static_cast<int>(at->second);
      if (std::find(found.begin(), found.end(), rank) == found.end()) found.push_back(rank);
    }
    return found;
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return tokens_.size() * sizeof(token); }

 private:
  using token = std::pair<std::uint64_t, std::uint32_t>;  // place, rank
  [[nodiscard]] std::vector<token>::const_iterator next(std::uint64_t hash) const {
    auto const at = std::lower_bound(tokens_.begin(), tokens_.end(), token{hash, 0});
    return at == tokens_.end() ? tokens_.begin() : at;
  }

  int ranks_ = 0;
  std::vector<token> tokens_{};
};

namespace detail {
/// The table of owners, and the ring for what the table does not say.
class ring_table : public owner_table {
 public:
  ring_table() = default;
  ring_table(owner_table owners, std::shared_ptr<hash_ring const> ring, item_keys keys, int replicas)
      : owner_table(std::move(owners)), ring_(std::move(ring)), keys_(std::move(keys)), replicas_(replicas) {}
  [[nodiscard]] std::vector<int> holders(std::uint64_t, std::uint64_t, std::uint64_t i) const {
    return ring_->holders(keys_.hash(i), replicas_);
  }
  [[nodiscard]] table_size tables() const { return {"O(n)", owner_table::tables().bytes + ring_->bytes()}; }

 private:
  std::shared_ptr<hash_ring const> ring_{};
  item_keys keys_{};
  int replicas_ = 1;
};
}  // namespace detail

/// Items are placed by `hash_ring` with that many tokens per rank; `holders(i)` names `replicas` ranks. local() and
/// count() speak of owned items.
struct token_ring {
  int vnodes = 256;
  int replicas = 1;
  item_keys keys{};

  [[nodiscard]] detail::ring_table prepare(std::uint64_t n, std::uint64_t size) const {
    keys.check("token_ring", n);
    if (replicas < 1 || static_cast<std::uint64_t>(replicas) > size)
      throw error(error_kind::config, "token_ring: " + std::to_string(replicas) + " replicas on " +
                                          std::to_string(size) + " ranks; give 1 to as many as there are ranks");
    auto ring = std::make_shared<hash_ring const>(static_cast<int>(size), vnodes);
    std::vector<std::uint32_t> owners(static_cast<std::size_t>(n));
    for (std::uint64_t i = 0; i < n; ++i)
      owners[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(ring->owner(keys.hash(i)));
    return {{"token_ring", std::move(owners), size}, std::move(ring), keys, replicas};
  }
};

}  // namespace tutti::inline TUTTI_ABI
