// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include <tutti/group/local_world.hpp>

#include "worlds.hpp"

using namespace worlds;
using tutti::plan::collective;

namespace {

struct troupe {
  explicit troupe(int n, std::chrono::nanoseconds stall = 10s)
      : world(
            std::make_shared<group::local_world>(n, stall, [this](std::string const& line) { said.push_back(line); })) {
    for (int r = 0; r < n; ++r) {
      referees.push_back(world->referee(r));
      callers.push_back(std::make_unique<caller>(*referees.back(), 7, everyone(n)));
      at(r).begin(5, (r + 1) % n);
    }
  }
  caller& at(int r) { return *callers[static_cast<std::size_t>(r)]; }
  engine::referee& referee(int r) { return *referees[static_cast<std::size_t>(r)]; }
  tutti::failure agreed() {
    auto const first = at(0).verdict();
    for (auto const& c : callers) {
      CHECK(c->verdict().kind == first.kind);
      CHECK(c->verdict().rank == first.rank);
      CHECK(c->verdict().cause == first.cause);
    }
    return first;
  }
  std::vector<std::string> said;
  std::shared_ptr<group::local_world> world;
  std::vector<std::shared_ptr<engine::referee>> referees;
  std::vector<std::unique_ptr<caller>> callers;
};

}  // namespace

TEST_CASE("an abort of one thread reaches all") {
  troupe t(3);
  t.referee(2).abort("index 7 is out of range");
  auto const v = t.agreed();
  CHECK(v.kind == error_kind::aborted);
  CHECK(v.rank == 2);
  CHECK(v.cause == "rank 2 gave up: index 7 is out of range");
}

TEST_CASE("a thread that ended in good order is blamed by whoever waits for it") {
  troupe t(3);
  t.at(1).seen->end();
  t.referees[1].reset();
  CHECK(t.at(0).verdict(50ms).kind == error_kind::revoked);
  SUBCASE("at the end of its stream") {
    auto const v = t.referee(0).judge(*t.at(0).seen, {error_kind::peer_lost, 1, "op", "end of stream"});
    CHECK(v.operation == "op");
  }
  SUBCASE("while waiting") {
    t.referee(0).tick(*t.at(0).seen);
    t.referee(0).tick(*t.at(0).seen);
  }
  auto const v = t.agreed();
  CHECK(v.kind == error_kind::peer_left);
  CHECK(v.rank == 1);
}

TEST_CASE("different calls of threads are found, reported or not, and both are named") {
  troupe t(3);
  t.at(1).begin(5, 0, collective::broadcast);
  SUBCASE("reported") {
    engine::call theirs = t.at(1).seen->latest().what;
    auto const frame = engine::encode(theirs);
    (void)t.referee(0).judge(*t.at(0).seen, {error_kind::mismatch, 1, {}, {}}, &frame);
  }
  SUBCASE("noticed while waiting") { t.referee(2).tick(*t.at(2).seen); }
  auto const v = t.agreed();
  CHECK(v.kind == error_kind::mismatch);
  CHECK(v.rank == 1);
  CHECK(has(v.cause, "rank 1 called broadcast as call 5 'grads' at train.cpp:5"));
}

TEST_CASE("a deadline among threads blames the one that has not arrived") {
  troupe t(3);
  t.at(1).seen->end();
  t.at(0).begin(6, 1);
  t.at(2).begin(6, 0);
  (void)t.referee(2).judge(*t.at(2).seen, {error_kind::timeout, 0, {}, {}});
  auto const v = t.agreed();
  CHECK(v.kind == error_kind::timeout);
  CHECK(v.rank == 1);
  CHECK(has(v.cause, "rank 1 has not arrived"));
}

TEST_CASE("waiting threads report a stall") {
  troupe t(2, 1ms);
  t.at(1).seen->end();
  for (auto const end = steady::now() + 10s; t.said.empty() && steady::now() < end;) t.referee(0).tick(*t.at(0).seen);
  REQUIRE_FALSE(t.said.empty());
  CHECK(has(t.said[0], "allreduce #5 'grads' (train.cpp:5): rank 0 waits for rank 1; rank 1 has ended this call"));
}
