// SPDX-License-Identifier: BSL-1.0
// Streams of a simulated world: real bytes between rank threads, on a virtual clock. Takes what the engine sends, hands
// it to the hub, which decides when it arrives.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/transport/sim_hub.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::transport {

template <class = on_use>
class basic_sim {
 public:
  basic_sim(std::shared_ptr<sim_hub> hub, std::uint64_t communicator, std::vector<int> const& members, int rank)
      : hub_(std::move(hub)),
        rank_(rank),
        me_(members[static_cast<std::size_t>(rank)]),
        in_(members.size()),
        out_(members.size()) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (members[i] == me_) continue;
      in_[i] = hub_->between(communicator, members[i], me_);
      out_[i] = hub_->between(communicator, me_, members[i]);
    }
  }

  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return static_cast<int>(in_.size()); }
  moved write_some(int peer, const_bytes head, const_bytes body) {
    std::size_t const n = hub_->send(out(peer), head, body);
    return {n, n == 0 && in(peer).ended};
  }
  moved read_some(int peer, bytes head, bytes body) {
    std::size_t const n = hub_->receive(in(peer), head, body);
    return {n, n == 0 && in(peer).ended};
  }
  void wait(std::span<interest const> wanted, clock::time_point until) {
    hub_->settle(me_);
    bool const ready = std::any_of(wanted.begin(), wanted.end(), [&](interest const& i) {
      return (i.read && in(i.peer).arrived > 0) || (i.write && hub_->can_send(out(i.peer))) || in(i.peer).ended;
    });
    if (!woken_ && !ready) {
      asleep_ = true;
      mark(wanted, true);
      bool const attended = hub_->attended(me_);
      hub_->sleep(me_, attended ? (std::min)(until.time_since_epoch(), hub_->now(me_) + hub_->grain)
                                : until.time_since_epoch());
      mark(wanted, false);
      asleep_ = false;
      if (attended) hub_->tell(me_);
    }
    woken_ = false;
  }
  void wake() noexcept {
    woken_ = true;
    if (asleep_) hub_->rouse(me_, hub_->now());
  }
  void close() noexcept {
    for (auto const& s : out_)
      if (s) hub_->close(*s);
  }

  [[nodiscard]] clock::time_point now() const { return clock::time_point(hub_->now(me_)); }
  void work(std::size_t copied, std::size_t folded) { hub_->work(me_, copied, folded); }
  void compute(std::chrono::nanoseconds duration) { hub_->compute(me_, duration); }
  void attend(listener& whom, bool from_now_on) { hub_->attend(me_, whom, from_now_on); }

 private:
  [[nodiscard]] sim_stream& in(int peer) const { return *in_[static_cast<std::size_t>(peer)]; }
  [[nodiscard]] sim_stream& out(int peer) const { return *out_[static_cast<std::size_t>(peer)]; }
  void mark(std::span<interest const> wanted, bool waits) {
    for (interest const& i : wanted) {
      if (i.read) in(i.peer).reader_waits = waits;
      if (i.write) out(i.peer).writer_waits = waits;
    }
  }

  std::shared_ptr<sim_hub> hub_;
  int rank_;
  int me_;
  std::vector<std::shared_ptr<sim_stream>> in_;
  std::vector<std::shared_ptr<sim_stream>> out_;
  bool woken_ = false;
  bool asleep_ = false;
};
using sim = basic_sim<>;

static_assert(timed<sim>);

}  // namespace tutti::inline TUTTI_ABI::transport
