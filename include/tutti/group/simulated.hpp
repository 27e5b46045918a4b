// SPDX-License-Identifier: BSL-1.0
// A world on a virtual clock: the user's function on every rank, each a thread, one at a time. Takes the model of the
// machine, hands down simulated streams and a referee that lives on the same clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <tutti/core/network.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/group/join.hpp>
#include <tutti/group/local_world.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/group/threads.hpp>
#include <tutti/plan/simulate.hpp>
#include <tutti/transport/sim.hpp>

namespace tutti::inline TUTTI_ABI {

/// One rank's view of a simulated world.
using sim_communicator = basic_communicator<transport::sim>;

/// What a simulated world did, by its own clock.
struct sim_report {
  std::vector<std::chrono::nanoseconds> finished;  ///< by rank: when its function ended
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  ///< sent in all, headers included
  /// When the last rank was done.
  [[nodiscard]] std::chrono::nanoseconds time() const {
    std::chrono::nanoseconds latest{};
    for (auto t : finished) latest = (std::max)(latest, t);
    return latest;
  }
};

namespace group {

template <class T = on_use>
class basic_sim_world final : public basic_local_world<T> {
 public:
  basic_sim_world(std::shared_ptr<transport::sim_hub> hub, int size)
      : basic_local_world<T>(size, std::chrono::nanoseconds{}), hub_(std::move(hub)) {}

 protected:
  [[nodiscard]] clock::time_point now() const override { return clock::time_point(hub_->now()); }
  void pause(int rank, engine::watch const&, clock::time_point until) override {
    hub_->sleep(rank, until.time_since_epoch());
  }

 private:
  std::shared_ptr<transport::sim_hub> hub_;
};

/// The world of one rank of a simulated world.
template <class = on_use>
[[nodiscard]] sim_communicator make_world(std::shared_ptr<basic_sim_world<>> const& world,
                                          std::shared_ptr<transport::sim_hub> const& hub, sim const& model, int rank,
                                          join_options const& how) {
  auto from = std::make_shared<origin<transport::sim>>();
  from->streams = [hub](std::uint64_t id, std::vector<int> const& members, int place) {
    return transport::sim(hub, id, members, place);
  };
  from->judge = world->referee(rank);
  from->around = {.call_timeout = how.call_timeout, .costs = plan::machine_of(model, world->size())};
  tutti::TUTTI_ABI::detail::network const places(model, world->size());
  for (int r = 0; r < world->size(); ++r) from->hosts.push_back(places.host(r));
  return {std::move(from), world_id, group::everyone(world->size()), rank};
}

}  // namespace group

namespace testing {

/// Calls fn(sim_communicator&) on n ranks of a simulated world. `ended` is told how each ended. A rank that throws
/// aborts the others. The same function, model and seed give the same results, times and order in every run, as long
/// as ranks wait for each other through the communicator only. Of `how`, call_timeout counts, in virtual time.
template <class Function>
sim_report try_ranks(int n, Function fn, sim const& model, std::vector<outcome>& ended, join_options how = {}) {
  auto const hub = std::make_shared<transport::sim_hub>(model, n);
  auto const world = std::make_shared<group::basic_sim_world<>>(hub, n);
  ended.assign(static_cast<std::size_t>(n), {});
  auto const call = [&](sim_communicator mine, int rank) {
    try {
      fn(mine);
      hub->settle(rank);
    } catch (std::exception const& problem) {
      hub->settle(rank);
      mine.give_up(problem.what());
      throw;
    }
  };
  auto const body = [&](int rank) {
    hub->enter(rank);
    try {
      call(group::make_world<>(world, hub, model, rank, how), rank);
    } catch (...) {
      ended[static_cast<std::size_t>(rank)].thrown = std::current_exception();
    }
    hub->leave(rank);
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < n; ++rank) threads.push_back(group::start_thread([&body, rank] { body(rank); }));
  for (std::thread& t : threads) t.join();
  sim_report report{{}, hub->traffic().messages, hub->traffic().bytes};
  for (int rank = 0; rank < n; ++rank) report.finished.push_back(hub->finished(rank));
  return report;
}

/// Calls fn(sim_communicator&) on n ranks of a simulated world, and throws what the first rank that was itself at fault
/// threw.
template <class Function>
sim_report run_ranks(int n, Function fn, sim const& model, join_options how = {}) {
  std::vector<outcome> ended;
  auto report = testing::try_ranks(n, std::move(fn), model, ended, std::move(how));
  testing::rethrow_first(ended);
  return report;
}

}  // namespace testing
}  // namespace tutti::inline TUTTI_ABI
