// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <tutti/async.hpp>

#include <array>

#include "harness.hpp"

using namespace faults;

namespace {

using bytes_of_call = std::vector<std::uint8_t>;

/// Keeps twenty operations under way. Once one fails, all behind it must have failed with the same verdict.
void many_pending(tutti::communicator& world, seat& self) {
  self.ready();
  for (;;) {
    std::vector<tutti::future<bytes_of_call>> pending;
    for (int i = 0; i < 20; ++i)
      pending.push_back(async_allreduce(world, bytes_of_call(std::size_t{1} << (i % 18), 1)));
    for (std::size_t i = 0; i < pending.size(); ++i) {
      self.begins(collective::allreduce);
      try {
        if (pending[i].get().back() != world.size()) throw std::runtime_error("wrong result");
      } catch (tutti::error const& first) {
        for (std::size_t k = i + 1; k < pending.size(); ++k) {
          try {
            (void)pending[k].get();
            throw std::runtime_error("an operation behind a failed one returned");
          } catch (tutti::error const& later) {
            if (later.kind() != first.kind() || later.rank() != first.rank())
              throw std::runtime_error(std::string("another verdict: ") + later.what());
          }
        }
        throw;
      }
    }
  }
}

/// The same with nobody but the progress thread awake.
void many_told(tutti::communicator& world, seat& self) {
  self.ready();
  for (;;) {
    std::atomic<int> told{0};
    std::array<std::exception_ptr, 20> thrown;
    for (std::size_t i = 0; i < thrown.size(); ++i)
      async_allreduce(world, bytes_of_call(std::size_t{1} << (i % 18), 1), [&, i](std::exception_ptr e, bytes_of_call) {
        thrown[i] = e;
        ++told;
      });
    while (told < static_cast<int>(thrown.size())) pass_time(100us);
    for (auto const& one : thrown) {
      self.begins(collective::allreduce);
      if (one) std::rethrow_exception(one);
    }
  }
}

template <class Program>
void kill_inside(char const* name, Program program) {
  latencies times;
  for (int run = 0; run < runs(10); ++run) {
    CAPTURE(run);
    job j(3);
    j.prelude = [] { tutti::net::steady_timer const first(tutti::group::the_progress().loop()); };  // the process's own
    int const victim = run % 3;
    j.start_all(program);
    REQUIRE(j.wait_all_ready());
    pass_time(std::chrono::microseconds(997 * run % 7000));
    j.strike(victim, SIGKILL);
    CHECK(j.wait_all_end());
    check_survivors(j, {error_kind::peer_lost, victim, 100ms, {"rank " + std::to_string(victim) + " is gone"}}, &times);
  }
  times.print(name, 100);
}

}  // namespace

TEST_CASE("every pending operation ends with the verdict when a peer is killed, awaited by its thread or by nobody") {
  kill_inside("kill -9, operations awaited", many_pending);
  kill_inside("kill -9, operations told", many_told);
}
