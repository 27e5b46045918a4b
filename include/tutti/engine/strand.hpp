// SPDX-License-Identifier: BSL-1.0
// The operations started on one communicator, driven by an event loop. They run on a fiber, each written as the
// blocking call it is. Where such a call would sleep, the fiber gives its thread back, and an event loop enters it
// again when a stream can move.
//
// Why     every call becomes asynchronous without being written twice, and the blocking path pays for nothing.
// States  idle: no operation.  waiting: the loop will say when to go on.  posted: it has said so.  running: a thread is
//         on the fiber. Only that thread touches streams and engine; `guard_` is held to change state, never to run.
// Taking over: a thread that must wait for an operation (a blocking call, future::get) enters the fiber itself. There
//         the call sleeps as any blocking call does, so nobody is woken for another's sake.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/engine/started.hpp>
#include <tutti/transport/asio.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// The event loop that enters the fiber when no thread waits for it.
struct driver {
  net::io_context* loop = nullptr;
  /// Sees to it that somebody runs the loop, after it was given work. Null: the user does, and catches what completion
  /// handlers throw.
  void (*see_to_it)() = nullptr;
};

template <transport::streams T>
requires transport::asynchronous<T, net::io_context>
class strand final : public started_queue<T>,
                     public transport::listener,
                     public std::enable_shared_from_this<strand<T>> {
  using base = started_queue<T>;
  using base::closed_;
  using base::current_;
  using base::fiber_;
  using base::guard_;
  using base::queue_;
  using base::taken_over_;
  using base::target_;

 public:
  strand(engine<T>& of, driver by) : base(of), driver_(by) {}

  /// Appends an operation. Throws `revoked` if the communicator has ended.
  void start(std::shared_ptr<started> one) {
    std::lock_guard const hold(guard_);
    this->append(std::move(one));
    if (state_ == state::idle) begin();
  }
  void finish(started const& one) override {
    this->check_outside();
    if (!one.done()) take_over(&one);
  }
  void finish() override {
    if (!fiber_.inside()) take_over(nullptr);
  }
  void close() noexcept override {
    finish();
    std::lock_guard const hold(guard_);
    closed_ = true;
    leave_loop();
  }
  /// From now on another loop drives. Finishes what runs in the old one.
  void drive_by(driver other) {
    finish();
    std::lock_guard const hold(guard_);
    if (closed_) return;
    leave_loop();
    driver_ = other;
  }
  [[nodiscard]] driver const& driven_by() const noexcept { return driver_; }

  // --- from any thread
  void ready() noexcept override { ring(); }
  void ring() noexcept override {
    std::lock_guard const hold(guard_);
    again_ = true;  // if it runs, it may have looked too early
    if (state_ == state::waiting) post();
  }

  // --- from the fiber
  bool suspend(T& on, std::span<transport::interest const> wanted, clock::time_point until) override {
    if (!fiber_.inside()) return false;
    if (this->stops()) return true;
    if (taken_over_) return false;
    on_ = &on;
    wanted_ = wanted;
    until_ = until;
    fiber_.pause();
    return true;
  }

 private:
  enum class state : unsigned char { idle, waiting, posted, running };

  // --- in the loop
  void begin() {
    work_.emplace(driver_.loop->get_executor());
    post();
    if (driver_.see_to_it != nullptr) driver_.see_to_it();
  }
  void post() {
    state_ = state::posted;
    net::post(*driver_.loop, [self = this->shared_from_this()] { self->go_on(); });
  }
  void go_on() {
    {
      std::lock_guard const hold(guard_);
      if (state_ != state::posted || takers_ > 0) return;
      state_ = state::running;
      again_ = false;
    }
    fiber_.resume();
    if (current_ != nullptr) {
      auto const self = std::shared_ptr<transport::listener>(this->shared_from_this());
      if (std::find(used_.begin(), used_.end(), on_) == used_.end()) used_.push_back(on_);
      come_back_at(on_->async_wait(*driver_.loop, wanted_, until_, self));
    }
    std::lock_guard const hold(guard_);
    settle();
  }
  /// Leaves `running`.
  void settle() {
    if (current_ == nullptr && queue_.empty()) {
      state_ = state::idle;
      for (T* s : used_) s->stop_waiting(false);
      if (timer_) timer_->cancel();
      comes_back_ = {};
      work_.reset();
    } else if (again_ || current_ == nullptr) {
      post();
    } else {
      state_ = state::waiting;
    }
    if (takers_ > 0) free_.notify_all();
  }
  void leave_loop() {
    timer_.reset();
    for (T* s : used_) s->stop_waiting(true);
    used_.clear();
  }
  /// One timer, set anew only if it would ring too late.
  void come_back_at(clock::time_point when) {
    if (comes_back_ > clock::now() && comes_back_ <= when) return;
    comes_back_ = when;
    if (!timer_) timer_ = std::make_unique<net::steady_timer>(*driver_.loop);
    timer_->expires_at(when);
    timer_->async_wait([me = this->weak_from_this()](net_error) {
      if (auto const self = me.lock()) self->ring();
    });
  }

  // --- in a thread that must wait
  void take_over(started const* one) {
    std::unique_lock hold(guard_);
    ++takers_;
    while (state_ != state::idle && !(one != nullptr && one->done())) {
      if (state_ == state::running) {
        free_.wait(hold);
        continue;
      }
      state_ = state::running;
      hold.unlock();
      taken_over_ = true;
      target_ = one;
      fiber_.resume();
      taken_over_ = false;
      target_ = nullptr;
      hold.lock();
      settle();
    }
    if (--takers_ == 0 && state_ == state::posted) post();  // what the loop was told meanwhile, it passed over
  }

  driver driver_;
  std::optional<net::executor_work_guard<net::io_context::executor_type>> work_;
  std::unique_ptr<net::steady_timer> timer_;
  clock::time_point comes_back_{};  // when it rings

  std::condition_variable free_;
  state state_ = state::idle;
  int takers_ = 0;
  bool again_ = false;

  // Of whoever is running:
  std::vector<T*> used_;  // streams that the loop knows
  T* on_ = nullptr;       // what it waits for, while suspended
  std::span<transport::interest const> wanted_;
  clock::time_point until_{};
};

}  // namespace tutti::inline TUTTI_ABI::engine
