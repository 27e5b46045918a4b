// SPDX-License-Identifier: BSL-1.0
// The communicators of one rank as the referee sees them: what they are doing, and which verdicts have hit them.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/engine/watch.hpp>
#include <tutti/group/rulings.hpp>
#include <tutti/group/sighting.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// Safe from any thread.
template <class Use = on_use>
class basic_enrolled {
  using watch = engine::basic_watch<Use>;

 public:
  /// A communicator that a verdict of the past concerns is revoked at once.
  void add(std::shared_ptr<watch> const& communicator) {
    std::lock_guard const hold(guard_);
    watches_.erase(std::remove_if(watches_.begin(), watches_.end(), [](auto const& w) { return w.expired(); }),
                   watches_.end());
    watches_.push_back(communicator);
    for (auto const& v : past_)
      if (concerns(v, *communicator)) communicator->revoke(v.what);
    communicator->ring();  // a lane may have come between its making and this
  }
  void apply(verdict const& v) {
    {
      std::lock_guard const hold(guard_);
      past_.push_back(v);
      for (auto const& w : watches_)
        if (auto const live = w.lock(); live && concerns(v, *live)) live->revoke(v.what);
    }
    ruled_.notify_all();
  }
  /// True once `one` is revoked; waits for that until `until`.
  bool wait_for_verdict(watch const& one, clock::time_point until) {
    std::unique_lock hold(guard_);
    return ruled_.wait_until(hold, until, [&] { return one.revoked(); });
  }
  void ring(std::uint64_t communicator) {
    std::lock_guard const hold(guard_);
    for (auto const& w : watches_)
      if (auto const live = w.lock(); live && live->communicator() == communicator) live->ring();
  }
  [[nodiscard]] std::vector<sighting> running() const {
    std::lock_guard const hold(guard_);
    std::vector<sighting> all;
    for (auto const& w : watches_)
      if (auto const live = w.lock(); live && !live->revoked())
        if (auto const r = live->latest(); r.running) all.push_back(see(r));
    return all;
  }
  [[nodiscard]] answer ask(std::uint64_t communicator, std::uint64_t sequence) const {
    std::lock_guard const hold(guard_);
    answer a;
    for (auto const& w : watches_) {
      auto const live = w.lock();
      if (!live || live->communicator() != communicator) continue;
      a.member = true;
      if (engine::record r; live->find(sequence, r)) a.asked = see(r);
      a.latest = see(live->latest());
      a.members = to_bits(live->members());
    }
    return a;
  }
  void left(int rank) {
    std::lock_guard const hold(guard_);
    left_.push_back(rank);
  }
  [[nodiscard]] bool has_left(int rank) const {
    std::lock_guard const hold(guard_);
    return gone(rank);
  }
  /// True once per call that waits.
  bool newly_waiting(watch const& one) {
    auto const sequence = one.latest().what.sequence;
    std::lock_guard const hold(guard_);
    return std::exchange(waiting_[one.communicator()].sequence, sequence) != sequence;
  }
  /// True if `one` has waited for the same rank, which has left, in the same call at the last call of this, too.
  bool waits_in_vain(watch const& one) {
    auto const r = one.latest();
    std::lock_guard const hold(guard_);
    wait const state{r.what.sequence, r.waiting_for};
    if (!r.running || !gone(r.waiting_for)) return false;
    return std::exchange(vain_[one.communicator()], state) == state;
  }

 private:
  [[nodiscard]] bool gone(int rank) const { return std::find(left_.begin(), left_.end(), rank) != left_.end(); }
  static bool concerns(verdict const& v, watch const& w) {
    if (v.everywhere) return w.has(v.what.rank);
    return w.communicator() == v.communicator || w.communicator() == engine::twin(v.communicator);
  }

  struct wait {
    std::uint64_t sequence = 0;
    int peer = -1;
    friend bool operator==(wait const&, wait const&) = default;
  };

  mutable std::mutex guard_;
  std::condition_variable ruled_;
  std::vector<std::weak_ptr<watch>> watches_;
  std::vector<later<verdict, Use>> past_;
  std::vector<int> left_;
  std::unordered_map<std::uint64_t, wait> vain_;     // by communicator
  std::unordered_map<std::uint64_t, wait> waiting_;  // by communicator
};
using enrolled = basic_enrolled<>;

}  // namespace tutti::inline TUTTI_ABI::group
