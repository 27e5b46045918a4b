// SPDX-License-Identifier: BSL-1.0
// What a transport is: ordered byte streams between the members of one communicator, moved without blocking.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>

#include <tutti/core/bytes.hpp>

namespace tutti::inline TUTTI_ABI {

using clock = std::chrono::steady_clock;

namespace transport {

/// What one attempt to move bytes did. Zero bytes and not `lost`: it would have blocked.
struct moved {
  std::size_t bytes = 0;
  bool lost = false;  ///< the other side is gone; no byte will ever move again
};

/// The directions in which a stream must become able to move before the caller can go on.
struct interest {
  int peer = 0;
  bool read = false;
  bool write = false;
};

/// A model of `streams` connects the members 0 … size-1 of one communicator. Streams keep order and lose nothing.
/// All but wake() are called by one thread at a time. Peers are never the rank itself.
template <class T>
concept streams = requires(T t, T const& c, int peer, const_bytes from, bytes to, std::span<interest const> wanted,
                           clock::time_point until) {
  { c.rank() }
  noexcept->std::same_as<int>;
  { c.size() }
  noexcept->std::same_as<int>;
  /// Sends some of `head` then `body` (either may be empty), opening the stream if it must.
  { t.write_some(peer, from, from) } -> std::same_as<moved>;
  /// Receives into `head`, then `body`; never more than both hold.
  { t.read_some(peer, to, to) } -> std::same_as<moved>;
  /// Sleeps until a wanted direction can move, wake() is called, or `until` has come. May return early for no reason.
  { t.wait(wanted, until) } -> std::same_as<void>;
  /// Ends the wait under way, or else the next one. From any thread.
  { t.wake() }
  noexcept->std::same_as<void>;
  /// Ends all streams; the other sides see `lost` after the bytes that were sent.
  { t.close() }
  noexcept->std::same_as<void>;
};

/// Whom a wait without a thread tells that it is worth trying again: from any thread, perhaps twice, perhaps too early.
class listener {
 public:
  listener() = default;
  listener(listener const&) = delete;
  listener& operator=(listener const&) = delete;
  virtual ~listener() = default;
  virtual void ready() noexcept = 0;
};

/// Streams on which one can wait without a thread that sleeps, in an event loop `Loop` (Asio's io_context).
template <class T, class Loop>
concept asynchronous = streams<T> && requires(T t, Loop& loop, std::span<interest const> wanted,
                                              clock::time_point until, std::shared_ptr<listener> const& whom) {
  /// Tells `whom` once a wanted direction can move, or was able to already. The listener itself comes back at the time
  /// returned, `until` or earlier.
  { t.async_wait(loop, wanted, until, whom) } -> std::same_as<clock::time_point>;
  /// Leaves nothing in the loop that would keep it running; `for_good`: and nothing at all.
  { t.stop_waiting(true) }
  noexcept->std::same_as<void>;
};

/// Streams with a clock of their own, on which time passes only by what ranks and network are charged for.
template <class T>
concept timed = streams<T> &&
    requires(T t, T const& c, std::size_t bytes, std::chrono::nanoseconds duration, listener& whom) {
  { c.now() } -> std::same_as<clock::time_point>;
  /// This rank copies and folds that many bytes.
  { t.work(bytes, bytes) } -> std::same_as<void>;
  /// This rank computes for that long.
  { t.compute(duration) } -> std::same_as<void>;
  /// From now on, or no longer, `whom` is told time and again while this rank computes or waits.
  { t.attend(whom, true) } -> std::same_as<void>;
};

/// The time as a rank with these streams sees it.
template <streams T>
[[nodiscard]] clock::time_point now(T const& t) {
  if constexpr (timed<T>)
    return t.now();
  else
    return clock::now();
}

}  // namespace transport
}  // namespace tutti::inline TUTTI_ABI
