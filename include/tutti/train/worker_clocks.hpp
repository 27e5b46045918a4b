// SPDX-License-Identifier: BSL-1.0
// Who may go on: how many steps each worker has asked for and been given. Takes the bound on how far they may be
// apart, hands out turns. Knows no messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Stale synchronous parallel (Ho et al. 2013): no worker begins a step while another is more than `ahead` steps
/// behind.
struct ssp {
  std::uint64_t ahead = 0;
};
/// Bulk synchronous: every step of all workers is one step of the weights. The same as ssp{0}.
struct bsp {
  constexpr operator ssp() const noexcept { return {0}; }
};
/// Asynchronous: nobody waits for another worker.
struct asp {
  constexpr operator ssp() const noexcept { return {~std::uint64_t{0}}; }
};

namespace detail {

/// A worker's clock is the step it computes. It begins at 0 unasked, and moves when grant() names the worker.
class worker_clocks {
 public:
  worker_clocks(std::size_t workers, ssp rule) : ahead_(rule.ahead), all_(workers), present_(workers) {}

  /// Worker k is done with its step and wants the next.
  void ask(std::size_t k) { ++all_[k].asked; }
  /// Worker k makes no more steps; nobody waits for it from now on.
  void leave(std::size_t k) {
    all_[k].left = true;
    --present_;
  }
  [[nodiscard]] std::size_t present() const noexcept { return present_; }

  /// Moves the clock of the worker that is furthest behind among those that may go on, and names it; size(): nobody
  /// may. Those named one after another go on at the same time.
  [[nodiscard]] std::size_t grant() noexcept {
    std::size_t first = all_.size();
    std::uint64_t slowest = ~std::uint64_t{0};
    for (std::size_t k = 0; k < all_.size(); ++k) {
      worker const& w = all_[k];
      if (w.left) continue;
      slowest = (std::min)(slowest, w.asked);
      if (w.asked > w.clock && (first == all_.size() || w.asked < all_[first].asked)) first = k;
    }
    if (first != all_.size() && all_[first].asked - slowest <= ahead_) {
      all_[first].clock = all_[first].asked;
      return first;
    }
    if (present_ > 0) widest_ = (std::max)(widest_, spread());
    return all_.size();
  }
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  /// The widest that the clocks of those present have ever been apart.
  [[nodiscard]] std::uint64_t widest() const noexcept { return widest_; }

 private:
  struct worker {
    std::uint64_t asked = 0;
    std::uint64_t clock = 0;
    bool left = false;
  };
  [[nodiscard]] std::uint64_t spread() const noexcept {
    std::uint64_t least = ~std::uint64_t{0};
    std::uint64_t most = 0;
    for (worker const& w : all_) {
      if (w.left) continue;
      least = (std::min)(least, w.clock);
      most = (std::max)(most, w.clock);
    }
    return most - least;
  }

  std::uint64_t ahead_;
  std::vector<worker> all_;
  std::size_t present_;
  std::uint64_t widest_ = 0;
};

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
