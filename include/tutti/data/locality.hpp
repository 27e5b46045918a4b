// SPDX-License-Identifier: BSL-1.0
// The locality scheme: each item to a rank on whose host a copy of it lies already, as far as there is room.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/owner_table.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

// An auction: each item bids for a place on the cheapest rank that is near, and who is outbid bids again.
// Why     places as many items near as any assignment can: a rank's price never exceeds the number of moves that would
//         free a place there, so an item gives up only when no chain of moves could help it.
// Trace   two ranks of one place; item a is near 0 and 1, b near 0 only. a takes 0; b outbids it; a takes 1.
// Cost    about n (log n) when there is some room; at worst n size (log n).
// See     Bertsekas & Castañón 1989; Khosla 2013.
class auction {
 public:
  auction(std::uint64_t size, std::uint64_t capacity)
      : places_(static_cast<std::size_t>(size)), capacity_(capacity), too_dear_(size + 1) {}

  static constexpr std::uint32_t nobody = ~std::uint32_t{0};

  /// `close_by(item, visit)` calls visit(rank) for each rank near it.
  template <class CloseBy>
  [[nodiscard]] std::vector<std::uint32_t> run(std::uint64_t items, CloseBy const& close_by) {
    std::vector<std::uint32_t> owners(static_cast<std::size_t>(items), nobody);
    for (std::uint64_t i = 0; i < items; ++i) {
      for (std::uint64_t bidder = i; bidder != none;) bidder = bid(bidder, close_by, owners);
    }
    return owners;
  }

 private:
  static constexpr std::uint64_t none = ~std::uint64_t{0};
  using placed = std::pair<std::uint64_t, std::uint64_t>;  // bid, item
  using places = std::priority_queue<placed, std::vector<placed>, std::greater<>>;

  [[nodiscard]] std::uint64_t price(std::size_t r) const {
    if (capacity_ == 0) return too_dear_;
    return places_[r].size() < capacity_ ? 0 : places_[r].top().first;
  }
  /// Places `item`, or not; returns the item that lost its place to it, if one did.
  template <class CloseBy>
  [[nodiscard]] std::uint64_t bid(std::uint64_t item, CloseBy const& close_by, std::vector<std::uint32_t>& owners) {
    std::uint64_t best_price = too_dear_, second_price = too_dear_;
    std::uint32_t best = nobody;
    close_by(item, [&](std::uint32_t r) {
      std::uint64_t const asked = price(r);
      bool const better =
          asked < best_price || (asked == best_price && best != nobody && places_[r].size() < places_[best].size());
      second_price = (std::min)(second_price, better ? best_price : asked);
      if (better) best_price = asked, best = r;
    });
    if (best == nobody) return none;
    places& there = places_[best];
    there.push({second_price + 1, item});
    owners[static_cast<std::size_t>(item)] = best;
    if (there.size() <= capacity_) return none;
    std::uint64_t const out = there.top().second;
    there.pop();
    owners[static_cast<std::size_t>(out)] = nobody;
    return out;
  }

  std::vector<places> places_;
  std::uint64_t capacity_;
  std::uint64_t too_dear_;
};

}  // namespace detail

/// hosts[i] names the hosts that have a copy of item i. As many items as possible, no more than `capacity` per rank, go
/// to a rank on one of them; the others to the ranks with fewest items. Balance comes from the capacity alone.
struct locality {
  std::vector<std::vector<int>> hosts;
  std::uint64_t capacity = 0;       ///< items of a rank, at most; 0: n / size, rounded up
  std::vector<int> host_of_rank{};  ///< empty: rank r is the only one on host r

  [[nodiscard]] detail::owner_table prepare(std::uint64_t n, std::uint64_t size) const {
    std::uint64_t const room = capacity > 0 ? capacity : n / size + (n % size != 0 ? 1 : 0);
    auto const refuse = [](std::string const& why) { throw error(error_kind::config, "locality: " + why); };
    if (hosts.size() != n)
      refuse("hosts of " + std::to_string(hosts.size()) + " items for " + std::to_string(n) + " items");
    if (!host_of_rank.empty() && host_of_rank.size() != size)
      refuse("host_of_rank names " + std::to_string(host_of_rank.size()) + " hosts for " + std::to_string(size) +
             " ranks");
    if (room < n / size + (n % size != 0 ? 1 : 0))
      refuse("a capacity of " + std::to_string(room) + " on " + std::to_string(size) + " ranks cannot hold " +
             std::to_string(n) + " items");

    std::vector<std::pair<int, std::uint32_t>> ranks;  // by host
    for (std::uint32_t r = 0; r < size; ++r)
      ranks.push_back({host_of_rank.empty() ? static_cast<int>(r) : host_of_rank[r], r});
    std::sort(ranks.begin(), ranks.end());
    auto const close_by = [&](std::uint64_t item, auto const& visit) {
      for (int h : hosts[static_cast<std::size_t>(item)]) {
        auto at = std::lower_bound(ranks.begin(), ranks.end(), std::pair<int, std::uint32_t>{h, 0});
        for (; at != ranks.end() && at->first == h; ++at) visit(at->second);
      }
    };
    auto owners = detail::auction(size, room).run(n, close_by);

    std::vector<std::uint64_t> held(static_cast<std::size_t>(size));
    for (std::uint32_t r : owners)
      if (r != detail::auction::nobody) ++held[r];
    using loaded = std::pair<std::uint64_t, std::uint32_t>;
    std::priority_queue<loaded, std::vector<loaded>, std::greater<>> least;
    for (std::uint32_t r = 0; r < size; ++r) least.push({held[r], r});
    for (std::uint32_t& owner : owners) {
      if (owner != detail::auction::nobody) continue;
      auto const [items, r] = least.top();
      least.pop();
      least.push({items + 1, r});
      owner = r;
    }
    return {"locality", std::move(owners), size};
  }
};

}  // namespace tutti::inline TUTTI_ABI
