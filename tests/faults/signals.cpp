// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <sys/time.h>

#include "workload.hpp"

using namespace faults;

namespace {

volatile std::sig_atomic_t alarms = 0;

/// Interrupts every system call that can be interrupted.
void alarm_every_millisecond() {
  struct sigaction what {};
  what.sa_handler = [](int) { alarms = alarms + 1; };  // no SA_RESTART
  ::sigaction(SIGALRM, &what, nullptr);
  itimerval const often{{0, 1000}, {0, 1000}};
  ::setitimer(ITIMER_REAL, &often, nullptr);
}

}  // namespace

TEST_CASE("a signal every millisecond changes nothing: not the join, not a result, not the verdict") {
  job j(4);
  j.prelude = alarm_every_millisecond;
  j.start_all([](tutti::communicator& world, seat& self) {
    workload work;
    for (;;) {  // until no rank wants more: each alone would decide at a moment of its own
      for (auto const what : eight) work(world, what, self);
      int const more = alarms < 50 || self.calls < 200 ? 1 : 0;
      self.begins(collective::allreduce);
      if (allreduce(world, more, tutti::max) == 0) break;
    }
    self.ready();
    for (;;) work(world, collective::allreduce, self);
  });
  CHECK(j.wait_all_ready());
  j.strike(3, SIGKILL);
  CHECK(j.wait_all_end());
  check_survivors(j, {error_kind::peer_lost, 3, 100ms});
}

TEST_CASE("SIGPIPE never kills: a rank that floods a dead peer gets an error") {
  for (int run = 0; run < 10; ++run) {
    job j(2);
    int const victim = run % 2;
    j.start_all([victim](tutti::communicator& world, seat& self) {
      std::vector<std::uint8_t> x(std::size_t{4} << 20U);
      self.begins(collective::broadcast);
      broadcast(world, x, 1 - victim);
      self.ready();
      for (;;) {
        self.begins(collective::broadcast);
        broadcast(world, x, 1 - victim);
      }
    });
    REQUIRE(j.wait_all_ready());
    j.strike(victim, SIGKILL);
    CHECK(j.wait_all_end());
    CHECK(!j.strays);
    check_survivors(j, {error_kind::peer_lost, victim, 100ms});
  }
}
