// SPDX-License-Identifier: BSL-1.0
// Operations that were started, in a queue, and the fiber on which they run one after another. Whoever derives from it
// says which thread enters the fiber, and when.
#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/engine/background.hpp>
#include <tutti/engine/engine.hpp>
#include <tutti/engine/fiber.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// One started operation. Everything but done() is called by the strand.
class started {
 public:
  started() = default;
  started(started const&) = delete;
  started& operator=(started const&) = delete;
  virtual ~started() = default;

  /// Makes the blocking call and keeps what it returned or threw.
  virtual void run() noexcept = 0;
  /// Keeps `why` instead: the operation never begins.
  virtual void refuse(std::exception_ptr why) noexcept = 0;
  /// Hands the outcome over. Runs user code elsewhere, never here.
  virtual void complete() noexcept = 0;
  /// Whether its user has asked for it to stop.
  [[nodiscard]] virtual bool stop_requested() const noexcept { return false; }

  [[nodiscard]] bool done() const noexcept { return done_.load(std::memory_order_acquire); }
  void set_done() noexcept { done_.store(true, std::memory_order_release); }

 private:
  std::atomic<bool> done_{false};
};

/// The operations of one communicator. One thread at a time is on the fiber; `guard_` is held to change the queue.
template <transport::streams T>
class started_queue : public background<T> {
 public:
  [[nodiscard]] engine<T>& of() const noexcept { return engine_; }

 protected:
  explicit started_queue(engine<T>& of)
      : engine_(of), fiber_([](void* self) { static_cast<started_queue*>(self)->serve(); }, this) {}

  /// Under guard_. Throws `revoked` if the communicator has ended.
  void append(std::shared_ptr<started> one) {
    if (closed_) throw error(error_kind::revoked, "the communicator of this operation has ended");
    queue_.push_back(std::move(one));
  }
  /// Whether a call on the fiber can wait for `one`; throws config if it would wait for ever.
  void check_outside() const {
    if (fiber_.inside())
      throw error(error_kind::config, "a started operation cannot wait for another one of its communicator");
  }
  /// From the fiber: true if the user has just asked the operation to stop. Half a frame cannot be taken back: the
  /// communicator ends, on every rank.
  [[nodiscard]] bool stops() {
    if (!current_->stop_requested() || std::exchange(stopped_, true)) return false;
    int const me = engine_.seen()->members()[static_cast<std::size_t>(engine_.rank())];
    (void)engine_.judge()->judge(
        *engine_.seen(), {error_kind::cancelled, me, {}, "rank " + std::to_string(me) + " cancelled this operation"});
    return true;
  }

 private:
  [[noreturn]] void serve() {
    for (;;) {
      while ((current_ = next()) != nullptr) {
        if (current_->stop_requested()) {
          engine_.skip_call();
          current_->refuse(
              std::make_exception_ptr(error(error_kind::cancelled, "this operation was cancelled before it began")));
        } else {
          stopped_ = false;
          current_->run();
        }
        bool const was_wanted = current_.get() == target_;
        current_->set_done();
        current_->complete();
        current_.reset();
        if (was_wanted) break;
      }
      fiber_.pause();
    }
  }
  std::shared_ptr<started> next() {
    std::lock_guard const hold(guard_);
    if (queue_.empty()) return nullptr;
    auto one = std::move(queue_.front());
    queue_.pop_front();
    return one;
  }

  bool stopped_ = false;  // of current_: its stop has been judged

 protected:
  engine<T>& engine_;
  later<tutti::TUTTI_ABI::engine::fiber, T> fiber_;
  std::mutex guard_;
  std::deque<std::shared_ptr<started>> queue_;
  bool closed_ = false;

  // Of whoever is on the fiber:
  std::shared_ptr<started> current_;
  started const* target_ = nullptr;  // pause when this one is done
  bool taken_over_ = false;          // by a thread that waits: it may sleep
};

}  // namespace tutti::inline TUTTI_ABI::engine
