// SPDX-License-Identifier: BSL-1.0
// The progress thread: one per process, however many operations are under way. It runs the event loop of all
// communicators that were given no other.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <tutti/core/on_use.hpp>
#include <tutti/group/threads.hpp>
#include <tutti/transport/asio.hpp>

namespace tutti::inline TUTTI_ABI::group {

template <class = on_use>
class basic_progress {
 public:
  /// `patience`: how long the thread outlives the last operation.
  explicit basic_progress(std::chrono::milliseconds patience = std::chrono::seconds(5)) : patience_(patience) {}
  basic_progress(basic_progress const&) = delete;
  basic_progress& operator=(basic_progress const&) = delete;
  ~basic_progress() {
    {
      std::lock_guard const hold(guard_);
      ending_ = true;
      io_.stop();
      wanted_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] net::io_context& loop() noexcept { return io_; }

  /// To be called after work was given to the loop: wakes the thread, or starts it. Throws std::system_error if the
  /// system has none left.
  void see_to_it() {
    std::lock_guard const hold(guard_);
    work_to_do_ = true;
    wanted_.notify_one();
    if (!alive_) {
      if (thread_.joinable()) thread_.join();  // it has left its last lock
      thread_ = start_thread([this] { serve(); });
      alive_ = true;
    }
  }

 private:
  void serve() {
    std::unique_lock hold(guard_);
    while (work_to_do_ && !ending_) {
      work_to_do_ = false;
      io_.restart();
      hold.unlock();
      io_.run();  // until no communicator has an operation under way; what throws in a handler is caught there
      hold.lock();
      (void)wanted_.wait_for(hold, patience_, [&] { return work_to_do_ || ending_; });
    }
    alive_ = false;
  }

  std::chrono::milliseconds patience_;
  net::io_context io_{1};
  std::mutex guard_;
  std::condition_variable wanted_;
  std::thread thread_;
  bool work_to_do_ = false;
  bool alive_ = false;
  bool ending_ = false;
};
using progress = basic_progress<>;

/// The process's one. Joined when the process exits.
template <class = on_use>
[[nodiscard]] progress& the_progress() {
  static progress one;
  return one;
}

}  // namespace tutti::inline TUTTI_ABI::group
