// SPDX-License-Identifier: BSL-1.0
#include <tutti/engine/watch.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace te = tutti::engine;

te::call call(std::uint64_t sequence) {
  te::call c;
  c.what = tutti::plan::collective::allreduce;
  c.sequence = sequence;
  return c;
}

TEST_CASE("watch: an operation reads as its name, number, label and line") {
  te::record r;
  r.what = call(41);
  r.where = {"/home/me/src/train.cpp", 88};
  CHECK(te::describe_operation(r) == "allreduce #41 (train.cpp:88)");
  r.label = {'g', 'r', 'a', 'd'};
  CHECK(te::describe_operation(r) == "allreduce #41 'grad' (train.cpp:88)");
}

TEST_CASE("watch: a call is running between begin and end, and remembered afterwards") {
  te::watch w(7, {3, 5});
  CHECK(w.communicator() == 7);
  CHECK(w.has(5));
  CHECK_FALSE(w.has(0));
  w.begin(call(1), {"a.cpp", 10}, "first");
  CHECK(w.latest().running);
  CHECK(w.latest().waiting_for == -1);
  w.waiting_for(5);
  CHECK(w.latest().waiting_for == 5);
  auto const later = w.latest().since + std::chrono::seconds(1);
  w.waiting_for(3, later);
  CHECK(w.latest().since == later);
  w.waiting_for(-1);
  CHECK(w.latest().waiting_for == -1);
  CHECK(w.latest().since == later);
  w.end();
  CHECK_FALSE(w.latest().running);
  CHECK(w.latest().waiting_for == -1);
  CHECK(te::describe_operation(w.latest()) == "allreduce #1 'first' (a.cpp:10)");
  w.begin(call(2), {"a.cpp", 11}, {});
  te::record found;
  REQUIRE(w.find(1, found));
  CHECK(found.where.line == 10);
  CHECK_FALSE(w.find(3, found));
  CHECK_FALSE(w.find(0, found));
}

TEST_CASE("watch: the last calls are remembered, not all of them") {
  te::watch w(1, {0});
  for (std::uint64_t i = 1; i <= te::watch::kept + 2; ++i) w.begin(call(i), {"a.cpp", static_cast<unsigned>(i)}, {});
  te::record found;
  CHECK_FALSE(w.find(2, found));
  CHECK(w.find(3, found));
  CHECK(w.find(te::watch::kept + 2, found));
}

TEST_CASE("watch: a label of any length is kept as far as there is room") {
  te::watch w(1, {0});
  w.begin(call(1), {"a.cpp", 1}, std::string(500, 'x'));
  CHECK(te::describe_operation(w.latest()) == "allreduce #1 '" + std::string(39, 'x') + "' (a.cpp:1)");
}

TEST_CASE("watch: the first reason for revoking stays, and every doorbell rings once for it") {
  te::watch w(1, {0});
  int rung = 0;
  w.on_ring([&] { ++rung; });
  CHECK_FALSE(w.revoked());
  w.revoke({tutti::error_kind::timeout, 4, "reduce #2", "late"});
  w.revoke({tutti::error_kind::peer_lost, 5, "", "lost"});
  CHECK(w.revoked());
  CHECK(w.why().kind == tutti::error_kind::timeout);
  CHECK(w.why().rank == 4);
  CHECK(w.why().cause == "late");
  CHECK(rung == 1);
  w.ring();
  CHECK(rung == 2);
  w.on_ring(nullptr);
  w.ring();
  CHECK(rung == 2);
}

TEST_CASE("watch: who sees it revoked sees the reason, from any thread") {
  for (int i = 0; i < 200; ++i) {
    te::watch w(1, {0});
    std::thread other([&] { w.revoke({tutti::error_kind::aborted, 2, {}, "enough"}); });
    while (!w.revoked()) std::this_thread::yield();
    CHECK(w.why().cause == "enough");
    other.join();
  }
}

}  // namespace
