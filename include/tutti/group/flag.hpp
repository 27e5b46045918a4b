// SPDX-License-Identifier: BSL-1.0
// One thread tells another that something has happened.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include <tutti/core/on_use.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// Raised once by one thread, awaited by another. What std::promise<void> does, for a tenth of its cost to include.
template <class = on_use>
class basic_flag {
 public:
  void raise() {
    std::lock_guard const hold(guard_);
    raised_ = true;
    changed_.notify_one();
  }
  void wait_for(std::chrono::milliseconds time) {
    std::unique_lock hold(guard_);
    (void)changed_.wait_for(hold, time, [&] { return raised_; });
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  bool raised_ = false;
};

}  // namespace tutti::inline TUTTI_ABI::group
