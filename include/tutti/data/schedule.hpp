// SPDX-License-Identifier: BSL-1.0
// Hands out n tasks in chunks while the ranks work on them: rank 0 keeps the list, and works like the others.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <tutti/collective/send.hpp>
#include <tutti/engine/messages.hpp>

namespace tutti::inline TUTTI_ABI {

/// Whoever is free takes the next `chunk` tasks: for tasks that take long, each another time.
struct dynamic {
  std::uint64_t chunk = 1;
};
/// As `dynamic`, but a chunk is a quarter of an even share of what is left, and at least `least`: few messages at
/// first, single tasks at the end (Polychronopoulos & Kuck 1987).
struct guided {
  std::uint64_t least = 1;
};

namespace detail {

struct chunk {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  [[nodiscard]] bool empty() const noexcept { return first == last; }
};

/// The tasks nobody has yet, in order.
class task_list {
 public:
  task_list(std::uint64_t n, int /*ranks*/, dynamic rule) : n_(n), fixed_((std::max)(rule.chunk, std::uint64_t{1})) {}
  task_list(std::uint64_t n, int ranks, guided rule)
      : n_(n), fixed_((std::max)(rule.least, std::uint64_t{1})), divisor_(4 * static_cast<std::uint64_t>(ranks)) {}

  chunk next() noexcept {
    std::uint64_t const left = n_ - head_;
    std::uint64_t const wanted = divisor_ == 0 ? fixed_ : (std::max)(fixed_, left / divisor_);
    std::uint64_t const first = std::exchange(head_, head_ + (std::min)(wanted, left));
    return {first, head_};
  }

 private:
  std::uint64_t n_;
  std::uint64_t head_ = 0;
  std::uint64_t fixed_;
  std::uint64_t divisor_ = 0;
};

// Self-scheduling with two chunks in hand.
// Why     rank 0 answers only between two of its own tasks, so a rank asks early: it always holds one chunk beyond the
//         one it works on. The first two chunks of each rank are known to all, and take no message.
// Trace   p=2: chunks 0 2 are rank 0's, 1 3 rank 1's. Rank 1 begins 1 and asks; rank 0, done with a task, grants chunk
//         4; rank 1 begins 3 and asks … until a grant is empty.
// Cost    2 messages per chunk that is not rank 0's
// Limits  a task of rank 0 that takes longer than two chunks elsewhere makes those wait; dedicating rank 0 would cost a
//         whole rank, a second thread a core.
template <class Comm>
class self_scheduling {
 public:
  self_scheduling(Comm& comm, task_list tasks, options const& how) : comm_(comm), tasks_(tasks), how_(how) {
    owed_.resize(static_cast<std::size_t>(comm.size()));
    for (int round = 0; round < ahead; ++round)
      for (int r = 0; r < comm.size(); ++r) {
        chunk const c = tasks_.next();
        if (c.empty()) continue;
        ++owed_[static_cast<std::size_t>(r)];
        if (r == comm.rank()) held_.push_back(c);
      }
  }

  /// Calls work(i) for every task i of this rank, once. Returns this rank's chunks, in the order it did them.
  template <class Work>
  std::vector<chunk> run(Work work) {
    std::vector<chunk> done;
    for (chunk c = take(); !c.empty(); c = take()) {
      for (std::uint64_t i = c.first; i < c.last; ++i) {
        work(i);
        if (comm_.rank() == 0) answer_all();
      }
      done.push_back(c);
    }
    if (comm_.rank() == 0)
      for (int r = 1; r < comm_.size(); ++r)
        while (owed_[static_cast<std::size_t>(r)] > 0) answer(r);
    return done;
  }

 private:
  static constexpr int ahead = 2;
  static constexpr int tag = -3;
  static constexpr std::chrono::microseconds between_looks{20};

  /// This rank's next chunk; empty: there is none.
  chunk take() {
    if (comm_.rank() == 0 && at_ == held_.size()) return tasks_.next();
    for (; at_ == held_.size() && asked_ > 0; --asked_)
      if (chunk const c = receive<chunk>(0); !c.empty()) held_.push_back(c);
    if (at_ == held_.size()) return {};
    if (comm_.rank() != 0) {
      send(std::uint8_t{1}, 0);
      ++asked_;
    }
    return held_[at_++];
  }
  void answer_all() {
    clock::time_point const now = comm_.now();
    if (now - looked_ < between_looks) return;
    looked_ = now;
    for (int r = 1; r < comm_.size(); ++r)
      while (owed_[static_cast<std::size_t>(r)] > 0 && comm_.messages().arrived(r, tag)) answer(r);
  }
  void answer(int r) {
    (void)receive<std::uint8_t>(r);
    chunk const c = tasks_.next();
    if (c.empty()) --owed_[static_cast<std::size_t>(r)];  // else the rank will ask again when it begins this one
    send(c, r);
  }

  template <class T>
  void send(T const& what, int to) {
    outgoing_message<T> m(what, to, tag);
    comm_.messages().run(plan::message::send, {&m.get(), 1}, {}, how_);
  }
  template <class T>
  T receive(int from) {
    T what{};
    incoming_message<T> m(what, from, tag);
    comm_.messages().run(plan::message::recv, {}, {&m.get(), 1}, how_);
    return what;
  }

  Comm& comm_;
  task_list tasks_;  // of rank 0; the others' only tells the first chunks
  options how_;
  std::vector<chunk> held_;
  std::size_t at_ = 0;               // in held_: the next one to begin
  int asked_ = 0;                    // grants on their way here
  std::vector<std::uint64_t> owed_;  // of rank 0: requests each rank will still make
  clock::time_point looked_{};
};

}  // namespace detail

}  // namespace tutti::inline TUTTI_ABI
