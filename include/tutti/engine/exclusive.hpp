// SPDX-License-Identifier: BSL-1.0
// One thread at a time: the second one is refused, not made to wait.
#pragma once

#include <atomic>

#include <tutti/core/error.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// Holds `busy` while it lives; throws config if it is held.
class exclusive {
 public:
  explicit exclusive(std::atomic<bool>& busy) : busy_(busy) {
    if (busy.exchange(true, std::memory_order_acquire))
      throw error(error_kind::config,
                  "two threads are inside calls on the same communicator; give each thread its own (dup or split)");
  }
  exclusive(exclusive const&) = delete;
  exclusive& operator=(exclusive const&) = delete;
  ~exclusive() { busy_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool>& busy_;
};

}  // namespace tutti::inline TUTTI_ABI::engine
