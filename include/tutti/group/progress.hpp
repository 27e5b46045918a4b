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
  basic_progress() = default;
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

  /// The loop, with a thread that runs it: started if there is none. Throws std::system_error if the system has none.
  [[nodiscard]] net::io_context& loop() {
    std::lock_guard const hold(guard_);
    work_to_do_ = true;
    wanted_.notify_one();
    if (!alive_) {
      if (thread_.joinable()) thread_.join();  // it has left its last lock
      thread_ = start_thread([this] { serve(); });
      alive_ = true;
    }
    return io_;
  }

 private:
  static constexpr std::chrono::seconds patience{5};

  void serve() {
    std::unique_lock hold(guard_);
    while (work_to_do_ && !ending_) {
      work_to_do_ = false;
      io_.restart();
      hold.unlock();
      io_.run();  // until no communicator has an operation under way; what throws in a handler is caught there
      hold.lock();
      (void)wanted_.wait_for(hold, patience, [&] { return work_to_do_ || ending_; });
    }
    alive_ = false;
  }

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
