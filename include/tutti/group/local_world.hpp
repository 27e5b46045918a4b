// SPDX-License-Identifier: BSL-1.0
// The referee of ranks that are threads of one process: the rulings of TCP, with every rank's calls in plain sight.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/engine/referee.hpp>
#include <tutti/group/enrolled.hpp>
#include <tutti/group/rulings.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// Shared by the rank threads; no thread of its own: whoever complains, waits or leaves drives the rulings.
template <class Use = on_use>
class basic_local_world : public std::enable_shared_from_this<basic_local_world<Use>> {
  using enrolled = basic_enrolled<Use>;
  using rulings = basic_rulings<Use>;

 public:
  basic_local_world(basic_local_world const&) = delete;
  basic_local_world& operator=(basic_local_world const&) = delete;
  virtual ~basic_local_world() = default;

  /// `say` gets the lines of the stall report; empty: stderr.
  explicit basic_local_world(int size, std::chrono::nanoseconds stall_report = std::chrono::seconds(10),
                             std::function<void(std::string const&)> say = {})
      : say_(std::move(say)), rulings_(size, -1, settings(stall_report), clock::now()) {
    for (int k = 0; k < size; ++k) ranks_.push_back(std::make_unique<enrolled>());
  }

  [[nodiscard]] int size() const noexcept { return static_cast<int>(ranks_.size()); }
  /// The referee of one rank; it keeps the world alive. A rank whose function threw calls abort() on it; letting go of
  /// it is leaving in good order.
  [[nodiscard]] std::shared_ptr<engine::referee> referee(int rank) {
    return std::make_shared<seat>(this->shared_from_this(), rank);
  }

 protected:
  /// The clock of the ranks, and how one of them waits on it for a verdict about `where`: in a simulated world its own.
  [[nodiscard]] virtual clock::time_point now() const { return clock::now(); }
  virtual void pause(int rank, engine::watch const& where, clock::time_point until) {
    (void)ranks_[static_cast<std::size_t>(rank)]->wait_for_verdict(where, until);
  }

 private:
  /// Nobody is hung here, and what all ranks do is seen at once.
  [[nodiscard]] static typename rulings::settings settings(clock::duration stall_report) {
    typename rulings::settings s;
    s.heartbeat = clock::duration::zero();
    s.stall_report = stall_report;
    s.mismatch_grace = std::chrono::milliseconds(40);
    return s;
  }

  class seat final : public engine::referee {
   public:
    seat(std::shared_ptr<basic_local_world> world, int rank) : world_(std::move(world)), rank_(rank) {}
    ~seat() override { leave(); }

    void enroll(std::shared_ptr<engine::watch> communicator) override { mine().add(communicator); }
    failure judge(engine::watch& where, failure seen, engine::frame const* theirs = nullptr) override {
      complaint c{rank_, where.communicator(), where.latest().what.sequence, seen, {}};
      if (engine::call other; theirs != nullptr && engine::decode(*theirs, other)) c.theirs = other;
      auto next = world_->hear([&](auto& r) { r.complain(c, world_->now()); });
      for (auto const deadline = world_->now() + std::chrono::milliseconds(50);
           !where.revoked() && world_->now() < deadline;) {
        world_->pause(rank_, where, (std::min)(next, deadline));
        if (where.revoked()) break;
        next = world_->hear([](auto&) {});
      }
      if (!where.revoked()) {
        failure own = seen;
        own.operation.clear();
        where.revoke(std::move(own));
      }
      failure what = where.why();
      what.operation = std::move(seen.operation);
      return what;
    }
    void tick(engine::watch& where) override {
      auto const r = where.latest();
      bool const in_vain = mine().waits_in_vain(where);
      (void)world_->hear([&](auto& all) {
        if (in_vain)
          all.complain(
              {rank_, where.communicator(), r.what.sequence, {error_kind::peer_left, r.waiting_for, {}, {}}, {}},
              world_->now());
      });
    }
    void abort(std::string reason) override {
      (void)world_->hear([&](auto& r) { r.aborted(rank_, reason); });
    }
    void leave() noexcept override {
      if (std::exchange(left_, true)) return;
      try {
        for (auto const& r : world_->ranks_) r->left(rank_);
        (void)world_->hear([&](auto& r) { r.left(rank_); });
      } catch (...) {  // out of memory: the others find out by their deadlines
      }
    }

   private:
    [[nodiscard]] enrolled& mine() { return *world_->ranks_[static_cast<std::size_t>(rank_)]; }
    std::shared_ptr<basic_local_world> world_;
    int rank_;
    bool left_ = false;
  };

  /// Lets the rulings hear `news` and what all ranks are doing, carries out what follows, and says when to come again.
  template <class News>
  clock::time_point hear(News news) {
    std::lock_guard const hold(guard_);
    auto const now = this->now();
    news(rulings_);
    for (int k = 0; k < size(); ++k) rulings_.sees(k, ranks_[static_cast<std::size_t>(k)]->running(), now);
    for (auto o = rulings_.decide(now);; o = rulings_.decide(now)) {
      for (auto const& v : o.verdicts)
        for (auto const& r : ranks_) r->apply(v);
      for (auto const& q : o.questions)
        for (int k = 0; k < size(); ++k)
          rulings_.answers(k, q.token, ranks_[static_cast<std::size_t>(k)]->ask(q.communicator, q.sequence));
      for (auto const& line : o.stalls) {
        if (say_)
          say_(line);
        else
          std::fprintf(stderr, "tutti: %s\n", line.c_str());
      }
      if (o.verdicts.empty() && o.questions.empty()) break;
    }
    return rulings_.next(now);
  }

  std::function<void(std::string const&)> say_;
  std::mutex guard_;
  rulings rulings_;
  std::vector<std::unique_ptr<enrolled>> ranks_;
};
using local_world = basic_local_world<>;

}  // namespace tutti::inline TUTTI_ABI::group
