// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "workload.hpp"

using namespace faults;

namespace {

constexpr auto heartbeat = 100ms;

void stop_inside(collective what, int runs_of_it) {
  latencies times;
  std::string const name(to_string(what));
  for (int run = 0; run < runs_of_it; ++run) {
    unsigned const seed = 100'000 + 1000 * static_cast<unsigned>(what) + static_cast<unsigned>(run);
    CAPTURE(name);
    CAPTURE(seed);
    std::mt19937 random(seed);
    job j(run % 5 == 4 ? 2 + run / 5 % 2 : 4);
    int const victim = run % j.size();
    j.how.heartbeat = heartbeat;
    j.ranks_abort = run % 2 == 0;
    j.start_all([what](tutti::communicator& world, seat& self) {
      workload work;
      self.ready();
      for (;;) work(world, what, self);
    });
    REQUIRE(j.wait_all_ready());
    pass_time(
        std::chrono::microseconds(std::uniform_int_distribution<int>(0, random() % 2 == 0 ? 300 : 20'000)(random)));
    j.strike(victim, SIGSTOP);
    for (int r = 0; r < j.size(); ++r)
      if (r != victim) CHECK(j.wait_end(r));
    check_survivors(j, {error_kind::peer_hung, victim, 3 * heartbeat + 100ms, {"rank " + std::to_string(victim)}},
                    &times);
    if (run % 3 == 0) {  // back from the dead, it is told so
      j.signal(victim, SIGCONT);
      CHECK(j.wait_end(victim));
      INFO(text(j.said(victim)));
      CHECK(j.said(victim).what == record::news::threw);
      CHECK(j.said(victim).leaked == 0);
    } else {
      j.signal(victim, SIGKILL);
    }
    CHECK(j.wait_all_end());
    CHECK(!j.strays);
  }
  times.print("SIGSTOP in " + name, 400);
}

}  // namespace

TEST_CASE("every survivor names the stopped rank and its own call, whichever the collective and the moment") {
  int const n = runs(25);
  std::printf("SIGSTOP, heartbeat 100 ms, %d runs each, seeds 100000 + 1000 x collective + run\n", n);
  for (auto const what : eight) stop_inside(what, n);
}
