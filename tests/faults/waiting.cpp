// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <fcntl.h>

#include <string>

#include "workload.hpp"

using namespace faults;

namespace {

/// Some good calls, then rank 2 is late for the next one, whose deadline is 300 ms.
void sleeper(tutti::communicator& world, seat& self) {
  workload work;
  for (int i = 0; i < 5; ++i) work(world, collective::allreduce, self);
  if (self.rank == 2) {
    self.fault_now();
    pass_time(1500ms);
  }
  std::vector<float> x(1000);
  self.begins(collective::allreduce);
  allreduce(world, x, {.timeout = 300ms, .label = "grads"});
}

expected const blames_the_sleeper{
    error_kind::timeout, 2, 400ms, {"rank 2 has not arrived", "in its own code", "allreduce #5"}};

}  // namespace

TEST_CASE("after its deadline a call blames the rank that did not come, on every waiting rank and on the late one") {
  latencies times;
  job j(4);
  j.start_all(sleeper);
  CHECK(j.wait_all_end());
  CHECK(!j.strays);
  check_survivors(j, blames_the_sleeper, &times);
  CHECK(j.said(2).what == record::news::threw);
  CHECK(to_string(j.said(2).kind) == to_string(error_kind::timeout));
  CHECK(j.said(2).blamed == 2);
  for (int r = 0; r < 4; ++r) CHECK(has(j.said(r).operation, "allreduce #6 'grads' (waiting.cpp:"));
  times.print("deadline of 300 ms", 400);
}

TEST_CASE("the same among threads") {
  board shared;
  auto const said = live_as_threads(4, {}, shared, sleeper);
  for (int r = 0; r < 4; ++r)
    if (r != 2) check_said(said[static_cast<std::size_t>(r)], r, shared.fault_at, blames_the_sleeper);
  CHECK(said[2].what == record::news::threw);
  CHECK(said[2].blamed == 2);
}

TEST_CASE("a rank that computes for five heartbeats, or comes late, is neither dead nor alarming") {
  auto const program = [](tutti::communicator& world, seat& self) {
    workload work;
    for (int i = 0; i < 12; ++i) {
      if (i % 4 == 3 && self.rank == (i / 4 + 1) % world.size()) {
        auto const until = now() + 1'000'000'000;
        while (now() < until) continue;
      }
      work(world, collective::allreduce, self);
    }
  };
  job j(3);
  j.how.heartbeat = 200ms;
  j.how.call_timeout = 5s;
  j.start_all(program);
  CHECK(j.wait_all_end());
  for (int r = 0; r < 3; ++r) check_unharmed(j, r);
  board shared;
  tutti::join_options how;
  how.call_timeout = 5s;
  for (auto const& r : live_as_threads(3, how, shared, program)) CHECK(r.what == record::news::returned);
}

TEST_CASE("after stall_report rank 0 says on stderr who waits for whom, in which call and where the late rank is") {
  for (int late : {2, 0}) {
    CAPTURE(late);
    auto [from, to] = tutti::detail::make_pipe();
    int const captured = to.get();
    job j(4);
    j.how.stall_report = 200ms;
    j.how.heartbeat = 300ms;
    j.start_all([late, captured](tutti::communicator& world, seat& self) {
      if (self.rank == 0) ::dup2(captured, STDERR_FILENO);
      workload work;
      for (int i = 0; i < 5; ++i) {
        if (i == 3 && self.rank == late) pass_time(20ms);  // who was waited for before must not hide who is now
        work(world, collective::allreduce, self);
      }
      if (self.rank == late) {
        self.ready();
        self.wait_for_go();
      }
      std::vector<float> x(1000);
      allreduce(world, x, {.label = "grads"});
      ::close(STDERR_FILENO);
      ::open("/dev/null", O_WRONLY);
    });
    to.reset();
    CHECK(j.wait_ready(late));
    std::string line;
    char c = 0;
    pollfd readable{from.get(), POLLIN, 0};
    while (line.find('\n') == line.npos && ::poll(&readable, 1, 10'000) == 1 && ::read(from.get(), &c, 1) == 1)
      line += c;
    j.go(late);
    CHECK(j.wait_all_end());
    for (int r = 0; r < 4; ++r) check_unharmed(j, r);
    INFO(line);
    CHECK(line.starts_with("tutti: waiting "));
    CHECK(has(line, " s in allreduce #6 'grads' (waiting.cpp:"));
    CHECK(has(line,
              late == 2 ? "ranks 1, 3 wait for rank 0; rank 0 waits for rank 2;" : "ranks 1, 2, 3 wait for rank 0;"));
    std::string const where = "rank " + std::to_string(late) + " has not arrived: it is in its own code since ";
    CHECK(has(line, where));
    CHECK(has(line, "last call allreduce #5 (workload.hpp:"));
    if (late == 2) std::printf("  %s", line.c_str());
  }
}
