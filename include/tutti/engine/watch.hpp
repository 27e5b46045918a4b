// SPDX-License-Identifier: BSL-1.0
// The part of a communicator that others may look at while its caller works: which call it is in, whom it waits for,
// and whether it has been revoked.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/options.hpp>
#include <tutti/engine/frame.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// The messages of a communicator go over streams, and under a number, of their own: its twin's. What ends one of the
/// two ends both.
[[nodiscard]] constexpr std::uint64_t twin(std::uint64_t communicator) noexcept {
  return communicator ^ 0x6d65737361676573U;
}

/// One call of this rank, kept after it ended so that a peer's complaint can be answered.
struct record {
  call what;
  call_site where;
  std::array<char, 40> label{};
  clock::time_point since{};  ///< when the call began, or last moved as far as it was told, or ended
  int waiting_for = -1;       ///< world rank of the peer whose bytes are missing; -1: none
  bool running = false;
};

/// "allreduce #41 'grads' (train.cpp:88)".
template <class = on_use>
[[nodiscard]] std::string describe_operation(record const& r) {
  std::string text(to_string(r.what.what));
  if (r.what.sequence != 0) text += " #" + std::to_string(r.what.sequence);
  if (r.label[0] != '\0') text += " '" + std::string(r.label.data()) + "'";
  std::string_view const file(r.where.file);
  auto const slash = file.find_last_of("/\\");
  return text + " (" + std::string(slash == file.npos ? file : file.substr(slash + 1)) + ":" +
         std::to_string(r.where.line) + ")";
}

/// Shared by the caller's thread, which writes, and the control thread, which reads and may revoke.
template <class = on_use>
class basic_watch {
 public:
  static constexpr std::size_t kept = 64;

  basic_watch(std::uint64_t communicator, std::vector<int> members) : id_(communicator), members_(std::move(members)) {}

  [[nodiscard]] std::uint64_t communicator() const noexcept { return id_; }
  /// World ranks, in the order of the communicator.
  [[nodiscard]] std::vector<int> const& members() const noexcept { return members_; }
  [[nodiscard]] bool has(int world_rank) const noexcept {
    for (int m : members_)
      if (m == world_rank) return true;
    return false;
  }

  // --- the caller's side
  void begin(call const& what, call_site where, std::string_view label, clock::time_point now = clock::now()) {
    std::lock_guard const hold(guard_);
    record& r = ring_[what.sequence % kept];
    r = {what, where, {}, now, -1, true};
    for (std::size_t i = 0; i < label.size() && i + 1 < r.label.size(); ++i) r.label[i] = label[i];
    latest_ = what.sequence;
  }
  /// Nothing has moved since `quiet`, for want of that rank's bytes; -1: it moves again.
  void waiting_for(int world_rank, clock::time_point quiet = {}) {
    std::lock_guard const hold(guard_);
    record& r = ring_[latest_ % kept];
    r.waiting_for = world_rank;
    r.since = (std::max)(r.since, quiet);
  }
  void end(clock::time_point now = clock::now()) {
    std::lock_guard const hold(guard_);
    record& r = ring_[latest_ % kept];
    r.running = false;
    r.waiting_for = -1;
    r.since = now;
  }

  // --- anyone's side
  [[nodiscard]] record latest() const {
    std::lock_guard const hold(guard_);
    return ring_[latest_ % kept];
  }
  /// The call with that number; false if it is not remembered any more.
  [[nodiscard]] bool find(std::uint64_t sequence, record& found) const {
    std::lock_guard const hold(guard_);
    record const& r = ring_[sequence % kept];
    if (sequence == 0 || r.what.sequence != sequence) return false;
    found = r;
    return true;
  }

  [[nodiscard]] bool revoked() const noexcept { return revoked_.load(std::memory_order_acquire); }
  /// Why it was revoked; only after revoked().
  [[nodiscard]] failure why() const {
    std::lock_guard const hold(guard_);
    return why_;
  }
  /// Ends the communicator: the call under way and every later one throws `why`. The first reason stays.
  void revoke(failure why) {
    std::lock_guard const hold(guard_);
    if (revoked_.load(std::memory_order_relaxed)) return;
    why_ = std::move(why);
    revoked_.store(true, std::memory_order_release);
    if (wake_) wake_();
  }
  /// Rings the caller's doorbell: something came for it (a lane, a verdict).
  void ring() {
    std::lock_guard const hold(guard_);
    if (wake_) wake_();
  }
  /// How to wake the caller; set once by the communicator, and unset before its transport goes away.
  void on_ring(std::function<void()> wake) {
    std::lock_guard const hold(guard_);
    wake_ = std::move(wake);
  }

 private:
  std::uint64_t id_;
  std::vector<int> members_;
  mutable std::mutex guard_;
  std::array<record, kept> ring_{};
  std::uint64_t latest_ = 0;
  failure why_;
  std::atomic<bool> revoked_{false};
  std::function<void()> wake_;
};
using watch = basic_watch<>;

}  // namespace tutti::inline TUTTI_ABI::engine
