// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <string>

#include "workload.hpp"

using namespace faults;

namespace {

void some_calls(tutti::communicator& world, seat& self) {
  workload work;
  for (int i = 0; i < 20; ++i) work(world, collective::allreduce, self);
}

/// What a rank that could not join was told.
void check_refused(job const& j, int slot, error_kind kind, int blamed, std::vector<std::string> const& words) {
  record const& r = j.said(slot);
  CAPTURE(slot);
  INFO("said: " << text(r));
  CHECK(r.what == record::news::threw);
  CHECK(to_string(r.kind) == to_string(kind));
  CHECK(r.blamed == blamed);
  CHECK(std::string(r.operation) == "join");
  for (auto const& w : words) {
    CAPTURE(w);
    CHECK(has(r.cause, w));
  }
  CHECK(r.leaked == 0);
  CHECK(j.status(slot) == 0);
}

/// Nobody reads what rank 0 says about strangers; the tests look at what the ranks were told.
void quiet() { (void)!std::freopen("/dev/null", "w", stderr); }

}  // namespace

TEST_CASE("a rank that starts late delays the join and nothing else") {
  for (int late : {2, 0}) {
    CAPTURE(late);
    job j(4);
    for (int r = 0; r < 4; ++r)
      if (r != late) j.start(r, some_calls);
    pass_time(700ms);
    j.start(late, some_calls);
    j.close_listener();
    CHECK(j.wait_all_end());
    for (int r = 0; r < 4; ++r) check_unharmed(j, r);
  }
}

TEST_CASE("ranks other than 0 may come before anybody listens") {
  job j(3);
  j.close_listener();  // the port is free now; rank 0 opens it itself
  for (int r : {1, 2}) j.start(r, some_calls);
  pass_time(300ms);
  j.start(0, some_calls);
  CHECK(j.wait_all_end());
  for (int r = 0; r < 3; ++r) check_unharmed(j, r);
}

TEST_CASE("a rank that never comes is named on every rank that is present, in time") {
  job j(4);
  j.how.timeout = 500ms;
  j.shared->fault_at = now();
  for (int r : {0, 1, 3}) j.start(r, some_calls);
  j.close_listener();
  CHECK(j.wait_all_end());
  CHECK(!j.strays);
  latencies times;
  for (int r : {0, 1, 3}) {
    check_refused(j, r, error_kind::timeout, 2, {"only 3 of 4 ranks joined in time: present 0, 1, 3; missing 2"});
    CHECK(j.took(r) > 450'000'000);
    CHECK(j.took(r) < 6'000'000'000);
    times.add(j.took(r));
  }
  times.print("missing at the join (500 ms)", 600);
}

TEST_CASE("the earliest deadline of all holds, wherever it was given") {
  job j(3);
  j.shared->fault_at = now();
  j.start(0, some_calls);
  auto hurried = j.how;
  hurried.rank = 1;
  hurried.timeout = 300ms;
  j.start(1, hurried, some_calls);
  j.close_listener();
  CHECK(j.wait_all_end());
  for (int r : {0, 1}) check_refused(j, r, error_kind::timeout, 2, {"missing 2"});
  for (int r : {0, 1}) CHECK(j.took(r) < 4'000'000'000);
}

TEST_CASE("if rank 0 never comes, the others name it and the link") {
  job j(3);
  j.how.timeout = 400ms;
  j.shared->fault_at = now();
  j.close_listener();
  for (int r : {1, 2}) j.start(r, some_calls);
  CHECK(j.wait_all_end());
  for (int r : {1, 2}) {
    check_refused(
        j, r, error_kind::timeout, 0,
        {"link rank " + std::to_string(r) + " -> rank 0 at " + j.how.root, "onnection refused", "tried for 0.4 s"});
    CHECK(j.took(r) < 5'000'000'000);
  }
}

TEST_CASE("a rank killed during the join may be started again; its seat is free") {
  job j(3);
  j.start(0, some_calls);
  j.start(1, some_calls);
  pass_time(100ms);
  j.signal(1, SIGKILL);
  CHECK(j.wait_end(1));
  auto again = j.how;
  again.rank = 1;
  job second(3);
  second.start(1, again, some_calls);
  second.close_listener();
  j.start(2, some_calls);
  j.close_listener();
  for (int r : {0, 2}) CHECK(j.wait_end(r));
  CHECK(second.wait_end(1));
  for (int r : {0, 2}) check_unharmed(j, r);
  check_unharmed(second, 1);
}

TEST_CASE("a second process of the same rank is refused, and the first one keeps its seat") {
  job j(4);
  j.prelude = quiet;
  j.start(0, some_calls);
  j.start(1, [](tutti::communicator& world, seat& self) { some_calls(world, self); });
  pass_time(200ms);
  auto twin = j.how;
  twin.rank = 1;
  j.start(3, twin, some_calls);  // slot 3 for now
  CHECK(j.wait_end(3));
  check_refused(j, 3, error_kind::config, -1, {"two processes claim to be rank 1: the first one came from 127.0.0.1:"});
  auto zero = j.how;
  zero.rank = 0;
  zero.root = j.how.root;
  j.close_listener();
  job other(4);
  other.close_listener();
  other.start(0, zero, some_calls);  // its port is taken
  CHECK(other.wait_end(0));
  INFO(text(other.said(0)));
  CHECK(other.said(0).what == record::news::threw);
  CHECK(to_string(other.said(0).kind) == to_string(error_kind::config));
  job rest(4);
  rest.close_listener();
  for (int r : {2, 3}) {
    auto mine = j.how;
    mine.rank = r;
    rest.start(r, mine, some_calls);
  }
  for (int r : {0, 1}) CHECK(j.wait_end(r));
  for (int r : {2, 3}) CHECK(rest.wait_end(r));
  for (int r : {0, 1}) check_unharmed(j, r);
  for (int r : {2, 3}) check_unharmed(rest, r);
}

TEST_CASE("a rank with another idea of the world's size is told so, and the others are unharmed") {
  for (int size : {3, 5}) {
    CAPTURE(size);
    job j(4);
    j.prelude = quiet;
    auto wrong = j.how;
    wrong.rank = 2;
    wrong.size = size;
    j.start(0, some_calls);
    j.start(2, wrong, some_calls);
    CHECK(j.wait_end(2));
    check_refused(j, 2, error_kind::config, -1,
                  {"rank 2 says the world has " + std::to_string(size) +
                   " ranks, but rank 0 says 4: start all ranks with the same size"});
    job right(4);
    right.close_listener();
    for (int r : {1, 2, 3}) {
      auto mine = j.how;
      mine.rank = r;
      right.start(r, mine, some_calls);
    }
    j.close_listener();
    CHECK(j.wait_end(0));
    for (int r : {1, 2, 3}) CHECK(right.wait_end(r));
    check_unharmed(j, 0);
    for (int r : {1, 2, 3}) check_unharmed(right, r);
  }
}

TEST_CASE("who comes when all have joined is refused, and the job goes on") {
  job j(2);
  j.prelude = quiet;
  j.start_all([](tutti::communicator& world, seat& self) {
    some_calls(world, self);
    self.ready();
    self.wait_for_go();
    some_calls(world, self);
  });
  REQUIRE(j.wait_all_ready());
  job late(2);
  late.close_listener();
  auto twin = j.how;
  twin.rank = 1;
  twin.timeout = 2s;
  late.start(1, twin, some_calls);
  CHECK(late.wait_end(1));
  check_refused(late, 1, error_kind::config, -1,
                {"rank 1 came too late: all 2 ranks of this world have joined already"});
  for (int r : {0, 1}) j.go(r);
  CHECK(j.wait_all_end());
  for (int r : {0, 1}) check_unharmed(j, r);
}
