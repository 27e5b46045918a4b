// SPDX-License-Identifier: BSL-1.0
// How a rank waits: try, then spin or yield for a moment, then sleep. The one place that decides.
//
// A wake-up of an idle core costs as much as ten messages, so it pays not to sleep for longer than one message takes,
// and while every rank has a core of its own, to spin as long as one should. From then on something else may have the
// peer's core, or two ranks one core: yield. When ranks share cores a spinning rank keeps its peer from running: yield
// at once.
#pragma once

#include <chrono>
#include <span>
#include <thread>

#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::engine {

class waiting {
 public:
  /// `crowded`: more ranks on this host than cores.
  explicit waiting(bool crowded = true) : crowded_(crowded) {}

  /// Something moved: the next wait starts afresh.
  void moved() noexcept { patience_ = 0; }

  /// Nothing could move. Returns when the caller should try again. True if it slept.
  template <transport::streams T>
  bool idle(T& streams, std::span<transport::interest const> wanted, clock::time_point now, clock::time_point until) {
    if constexpr (transport::timed<T>) {  // trying again takes no time there: nothing would ever change
      streams.wait(wanted, until);
      return true;
    }
    if (patience_++ == 0) since_ = now;
    if (now - since_ < awake) {
      if (crowded_ || now - since_ > spinning) std::this_thread::yield();
      return false;
    }
    streams.wait(wanted, until);
    return true;
  }

 private:
  static constexpr std::chrono::microseconds spinning{4};
  static constexpr std::chrono::microseconds awake{50};
  bool crowded_;
  unsigned patience_ = 0;
  clock::time_point since_{};
};

}  // namespace tutti::inline TUTTI_ABI::engine
