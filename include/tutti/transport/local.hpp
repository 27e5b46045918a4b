// SPDX-License-Identifier: BSL-1.0
// Ranks as threads of one process: a pipe of fixed size for each direction of each pair. The reference model of a
// transport, and what tests and a world of one run on.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::transport {

/// Wakes one sleeper. Ringing costs one load while nobody sleeps.
template <class = on_use>
class basic_doorbell {
 public:
  void ring() noexcept {
    if (!sleeping_.load()) return;
    std::shared_ptr<listener> told;
    {
      std::lock_guard const hold(guard_);
      rung_ = true;
      bell_.notify_one();
      told = std::move(listening_);
    }
    if (told) told->ready();  // without the lock: it may well ring another bell
  }
  /// Like ring(), but kept for the next sleep if nobody sleeps now.
  void ring_always() noexcept {
    std::lock_guard const hold(guard_);
    rung_ = true;
    bell_.notify_one();
  }
  template <class Ready>
  void sleep(clock::time_point until, Ready ready) {
    sleeping_.store(true);
    if (!ready()) {  // looked at after sleeping_ is seen: whoever makes it true from now on rings
      std::unique_lock hold(guard_);
      bell_.wait_until(hold, until, [&] { return rung_; });
      rung_ = false;
    }
    sleeping_.store(false);
  }
  /// The next ring goes to `whom`, at once if it is ready() already.
  template <class Ready>
  void listen(std::shared_ptr<listener> const& whom, Ready ready) {
    {
      std::lock_guard const hold(guard_);
      listening_ = whom;
    }
    sleeping_.store(true);
    if (ready()) ring();
  }
  void stop_listening() noexcept {
    sleeping_.store(false);
    std::lock_guard const hold(guard_);
    listening_.reset();
  }

 private:
  std::mutex guard_;
  std::condition_variable bell_;
  std::shared_ptr<listener> listening_;
  std::atomic<bool> sleeping_{false};
  bool rung_ = false;
};
using doorbell = basic_doorbell<>;

/// One direction of one pair: one thread writes, one reads.
template <class Use = on_use>
class basic_pipe {
  using doorbell = basic_doorbell<Use>;

 public:
  static constexpr std::size_t capacity = std::size_t{1} << 16U;
  basic_pipe(std::shared_ptr<doorbell> reader, std::shared_ptr<doorbell> writer)
      : reader_(std::move(reader)), writer_(std::move(writer)) {}

  moved write_some(const_bytes head, const_bytes body) {
    if (closed_.load()) return {0, true};
    std::size_t const tail = tail_.load(std::memory_order_relaxed);
    std::size_t const room = capacity - (tail - head_.load(std::memory_order_acquire));
    std::size_t const first = (std::min)(room, head.size());
    std::size_t const second = (std::min)(room - first, body.size());
    put(tail, head.first(first));
    put(tail + first, body.first(second));
    if (first + second == 0) return {};
    tail_.store(tail + first + second);
    reader_->ring();
    return {first + second, false};
  }
  moved read_some(bytes head, bytes body) {
    bool const ended = closed_.load();
    std::size_t const from = head_.load(std::memory_order_relaxed);
    std::size_t const there = tail_.load() - from;
    if (there == 0) return {0, ended};
    std::size_t const first = (std::min)(there, head.size());
    std::size_t const second = (std::min)(there - first, body.size());
    get(from, head.first(first));
    get(from + first, body.first(second));
    head_.store(from + first + second);
    writer_->ring();
    return {first + second, false};
  }
  [[nodiscard]] bool can_read() const noexcept { return closed_.load() || tail_.load() != head_.load(); }
  [[nodiscard]] bool can_write() const noexcept { return closed_.load() || tail_.load() - head_.load() < capacity; }
  void close() noexcept {
    closed_.store(true);
    reader_->ring();
    writer_->ring();
  }

 private:
  void put(std::size_t at, const_bytes data) noexcept {
    if (data.empty()) return;
    std::size_t const start = at % capacity;
    std::size_t const first = (std::min)(data.size(), capacity - start);
    std::memcpy(data_.data() + start, data.data(), first);
    if (first < data.size()) std::memcpy(data_.data(), data.data() + first, data.size() - first);
  }
  void get(std::size_t at, bytes data) const noexcept {
    if (data.empty()) return;
    std::size_t const start = at % capacity;
    std::size_t const first = (std::min)(data.size(), capacity - start);
    std::memcpy(data.data(), data_.data() + start, first);
    if (first < data.size()) std::memcpy(data.data() + first, data_.data(), data.size() - first);
  }

  alignas(64) std::atomic<std::size_t> head_{0};  // read so far
  alignas(64) std::atomic<std::size_t> tail_{0};  // written so far
  alignas(64) std::atomic<bool> closed_{false};
  std::shared_ptr<doorbell> reader_;
  std::shared_ptr<doorbell> writer_;
  std::array<std::byte, capacity> data_;
};
using pipe = basic_pipe<>;

/// What the ranks of one in-process world share: the pipes and doorbells of all its communicators.
template <class Use = on_use>
class basic_local_hub {
  using doorbell = basic_doorbell<Use>;
  using pipe = basic_pipe<Use>;

 public:
  [[nodiscard]] std::shared_ptr<doorbell> bell(std::uint64_t communicator, int rank) {
    std::lock_guard const hold(guard_);
    return bell_of(communicator, rank);
  }
  [[nodiscard]] std::shared_ptr<pipe> between(std::uint64_t communicator, int from, int to) {
    std::lock_guard const hold(guard_);
    auto& p = pipes_[{communicator, from, to}];
    if (!p) p = std::make_shared<pipe>(bell_of(communicator, to), bell_of(communicator, from));
    return p;
  }

 private:
  struct place {
    std::uint64_t communicator;
    int from;
    int to;
    friend bool operator==(place const&, place const&) = default;
  };
  struct hash {
    std::size_t operator()(place const& p) const noexcept {  // the communicator is a hash itself
      return static_cast<std::size_t>(p.communicator + 65536 * static_cast<std::uint64_t>(p.from)) +
             static_cast<std::size_t>(p.to);
    }
  };

  std::shared_ptr<doorbell> bell_of(std::uint64_t communicator, int rank) {
    auto& b = bells_[{communicator, rank, rank}];
    if (!b) b = std::make_shared<doorbell>();
    return b;
  }
  std::mutex guard_;
  std::unordered_map<place, std::shared_ptr<doorbell>, hash> bells_;
  std::unordered_map<place, std::shared_ptr<pipe>, hash> pipes_;
};
using local_hub = basic_local_hub<>;

template <class Use = on_use>
class basic_local {
  using doorbell = basic_doorbell<Use>;
  using pipe = basic_pipe<Use>;
  using local_hub = basic_local_hub<Use>;

 public:
  basic_local(std::shared_ptr<local_hub> hub, std::uint64_t communicator, std::vector<int> const& members, int rank)
      : rank_(rank), in_(members.size()), out_(members.size()) {
    int const me = members[static_cast<std::size_t>(rank)];
    bell_ = hub->bell(communicator, me);
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i] == me) continue;
      in_[i] = hub->between(communicator, members[i], me);
      out_[i] = hub->between(communicator, me, members[i]);
    }
  }

  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return static_cast<int>(in_.size()); }
  moved write_some(int peer, const_bytes head, const_bytes body) {
    return out_[static_cast<std::size_t>(peer)]->write_some(head, body);
  }
  moved read_some(int peer, bytes head, bytes body) {
    return in_[static_cast<std::size_t>(peer)]->read_some(head, body);
  }
  void wait(std::span<interest const> wanted, clock::time_point until) {
    bell_->sleep(until, [&] { return can_move(wanted); });
  }
  void wake() noexcept { bell_->ring_always(); }
  /// Whoever moves the other end tells the listener: no loop is needed.
  template <class Loop>
  clock::time_point async_wait(Loop&, std::span<interest const> wanted, clock::time_point until,
                               std::shared_ptr<listener> const& whom) {
    bell_->listen(whom, [&] { return can_move(wanted); });
    return until;
  }
  void stop_waiting(bool) noexcept { bell_->stop_listening(); }
  void close() noexcept {
    bell_->stop_listening();
    for (auto const& ends : {&in_, &out_})
      for (auto const& p : *ends)
        if (p) p->close();
  }

 private:
  [[nodiscard]] bool can_move(std::span<interest const> wanted) const {
    return std::any_of(wanted.begin(), wanted.end(), [&](interest const& i) {
      auto const peer = static_cast<std::size_t>(i.peer);
      return (i.read && in_[peer]->can_read()) || (i.write && out_[peer]->can_write());
    });
  }

  int rank_;
  std::shared_ptr<doorbell> bell_;
  std::vector<std::shared_ptr<pipe>> in_;
  std::vector<std::shared_ptr<pipe>> out_;
};
using local = basic_local<>;

}  // namespace tutti::inline TUTTI_ABI::transport
