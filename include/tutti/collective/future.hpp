// SPDX-License-Identifier: BSL-1.0
// The outcome of one asynchronous call, and the future that waits for it: by driving the call itself, so that nobody is
// woken on its behalf.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <tutti/engine/background.hpp>
#include <tutti/engine/strand.hpp>
#include <tutti/engine/watch.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

struct nothing {};

/// What a call returned or threw, and the wish to cancel it.
template <class T>
class outcome : public engine::started {
 public:
  explicit outcome(std::shared_ptr<engine::watch> seen) : seen_(std::move(seen)) {}

  void refuse(std::exception_ptr why) noexcept override { thrown = std::move(why); }
  void complete() noexcept override {}
  [[nodiscard]] bool stop_requested() const noexcept override { return stop_.load(std::memory_order_relaxed); }
  void request_stop() {
    if (!stop_.exchange(true)) seen_->ring();
  }

  std::exception_ptr thrown;
  std::optional<std::conditional_t<std::is_void_v<T>, nothing, T>> result;

 private:
  std::shared_ptr<engine::watch> seen_;
  std::atomic<bool> stop_{false};
};

}  // namespace detail

/// The result of an asynchronous call, to be taken once. May be dropped at any time: the call goes on. Not safe to be
/// used by two threads at once, but by any thread.
template <class T = void>
class [[nodiscard]] future {
 public:
  future() = default;
  future(std::shared_ptr<detail::outcome<T>> call, std::shared_ptr<engine::started_operations> by)
      : call_(std::move(call)), by_(std::move(by)) {}

  /// False after get().
  [[nodiscard]] bool valid() const noexcept { return call_ != nullptr; }
  /// Never blocks.
  [[nodiscard]] bool ready() const noexcept { return call_->done(); }
  /// Blocks until the call has ended, and drives it, and those started before it on the same communicator, meanwhile.
  void wait() const {
    if (!call_->done()) by_->finish(*call_);
  }
  /// Waits; returns what the call returned, or throws what it threw.
  T get() {
    wait();
    auto const call = std::exchange(call_, nullptr);
    if (call->thrown) std::rethrow_exception(call->thrown);
    if constexpr (!std::is_void_v<T>) return std::move(*call->result);
  }
  /// Asks for an end. A call that has not begun ends with `cancelled`, and keeps its place: all ranks must cancel it. A
  /// call that has begun revokes its communicator on every rank, with `cancelled` as the reason.
  void cancel() { call_->request_stop(); }

 private:
  std::shared_ptr<detail::outcome<T>> call_;
  std::shared_ptr<engine::started_operations> by_;
};

/// The completion token that makes an asynchronous call return a tutti::future: the default.
struct as_future_t {};
inline constexpr as_future_t as_future{};

}  // namespace tutti::inline TUTTI_ABI
