// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "workload.hpp"

using namespace faults;

namespace {

/// Anywhere: while lanes are being opened, in the first calls, or well inside the loop.
std::chrono::nanoseconds moment(std::mt19937& random) {
  constexpr int reach[] = {300, 3'000, 20'000};
  return std::chrono::microseconds(std::uniform_int_distribution<int>(0, reach[random() % 3])(random));
}

void kill_inside(collective what, int runs_of_it) {
  latencies times;
  std::string const name(to_string(what));
  for (int run = 0; run < runs_of_it; ++run) {
    unsigned const seed = 1000 * static_cast<unsigned>(what) + static_cast<unsigned>(run);
    CAPTURE(name);
    CAPTURE(seed);
    std::mt19937 random(seed);
    job j(run % 5 == 4 ? 2 + run % 2 : 4);
    int const victim = run % j.size();
    j.ranks_abort = run % 2 == 0;
    j.start_all([what](tutti::communicator& world, seat& self) {
      workload work;
      self.ready();
      for (;;) work(world, what, self);
    });
    REQUIRE(j.wait_all_ready());
    pass_time(moment(random));
    j.strike(victim, SIGKILL);
    CHECK(j.wait_all_end());
    CHECK(!j.strays);
    CHECK(WIFSIGNALED(j.status(victim)));
    check_survivors(j, {error_kind::peer_lost, victim, 100ms, {"rank " + std::to_string(victim) + " is gone"}}, &times);
  }
  times.print("kill -9 in " + name, 100);
}

}  // namespace

TEST_CASE("every survivor names the killed rank and its own call, whichever the collective and the moment") {
  int const n = runs(25);
  std::printf("kill -9, %d runs each, seeds 1000 x collective + run\n", n);
  for (auto const what : eight) kill_inside(what, n);
  for (auto const what : others) kill_inside(what, n);
}

TEST_CASE("all but one may be killed at once") {
  for (int survivor : {0, 2}) {
    CAPTURE(survivor);
    job j(4);
    j.start_all([](tutti::communicator& world, seat& self) {
      workload work;
      self.ready();
      for (;;) work(world, collective::allreduce, self);
    });
    REQUIRE(j.wait_all_ready());
    pass_time(2ms);
    for (int r = 0; r < 4; ++r)
      if (r != survivor) j.strike(r, SIGKILL);
    CHECK(j.wait_all_end());
    record const& r = j.said(survivor);
    INFO(text(r));
    CHECK(r.blamed >= 0);
    CHECK(r.blamed != survivor);
    check_survivor(j, survivor, {error_kind::peer_lost, r.blamed, 100ms});
  }
}
