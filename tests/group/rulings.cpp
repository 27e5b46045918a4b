// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <tutti/group/rulings.hpp>

using namespace std::chrono_literals;
using steady = tutti::clock;
using tutti::error_kind;
using namespace tutti::group;
namespace engine = tutti::engine;
namespace plan = tutti::plan;

namespace {

constexpr std::uint64_t world = 1;
constexpr std::uint64_t part = 2;

sighting call(std::uint64_t sequence, plan::collective what, bool running, int waiting_for, std::uint64_t count = 10,
              std::uint64_t communicator = world) {
  sighting s;
  s.what.communicator = communicator;
  s.what.sequence = sequence;
  s.what.what = what;
  s.what.count = count;
  s.running = running;
  s.waiting_for = waiting_for;
  s.site = "train.cpp:" + std::to_string(sequence);
  return s;
}
sighting in(std::uint64_t sequence, int waiting_for) {
  return call(sequence, plan::collective::allreduce, true, waiting_for);
}
sighting after(std::uint64_t sequence) { return call(sequence, plan::collective::allreduce, false, -1); }

bool has(std::string const& text, std::string const& part_of_it) { return text.find(part_of_it) != text.npos; }

/// A court of n ranks at a made-up time. Ranks answer questions from `truth`.
struct court {
  explicit court(int n) : judge(n, 0, {1s, 10s}, start), truth(static_cast<std::size_t>(n)) {}

  void complain(int reporter, error_kind kind, int suspect, std::uint64_t sequence = 5,
                std::uint64_t communicator = world) {
    complaint c{reporter, communicator, sequence, {kind, suspect, {}, "as seen"}, {}};
    judge.complain(c, now);
  }
  /// Who has the communicator, as those who answer say; empty: nobody says.
  std::vector<int> members{};

  /// Lets `later` pass in steps of 5 ms, everybody being alive unless silent.
  std::vector<verdict> pass(steady::duration later) {
    std::vector<verdict> all;
    for (auto const end = now + later;;) {
      auto o = judge.decide(now);
      for (auto& v : o.verdicts) all.push_back(v);
      for (auto& s : o.stalls) stalls.push_back(s);
      for (auto const& q : o.questions)
        for (std::size_t k = 0; k < truth.size(); ++k) {
          answer a;
          for (auto const& s : truth[k]) {
            if (s.what.communicator != q.communicator) continue;
            a.member = true;
            a.members = to_bits(members);
            if (s.what.sequence == q.sequence) a.asked = s;
            if (s.what.sequence >= a.latest.what.sequence) a.latest = s;
          }
          if (static_cast<int>(k) != mute) judge.answers(static_cast<int>(k), q.token, a);
        }
      if (now >= end && o.questions.empty() && o.verdicts.empty()) return all;
      if (now < end) now += 5ms;
      for (int k = 0; k < static_cast<int>(truth.size()); ++k)
        if (k != silent) judge.alive(k, now);
    }
  }

  steady::time_point start = steady::time_point(1h);
  steady::time_point now = start;
  rulings judge;
  std::vector<std::vector<sighting>> truth;
  std::vector<std::string> stalls;
  int silent = -1;
  int mute = -1;
};

}  // namespace

TEST_CASE("a connection that ends without a goodbye is a lost rank, at once, everywhere, once") {
  court c(4);
  c.judge.lost(2, "EOF");
  auto const v = c.pass(0ms);
  REQUIRE(v.size() == 1);
  CHECK(v[0].what.kind == error_kind::peer_lost);
  CHECK(v[0].what.rank == 2);
  CHECK(v[0].everywhere);
  c.judge.lost(2, "again");
  c.complain(1, error_kind::peer_lost, 2);
  CHECK(c.pass(5s).empty());
}

TEST_CASE("a rank that said goodbye is blamed only when someone waits for it") {
  court c(3);
  c.judge.left(1);
  c.judge.lost(1, "EOF");
  c.silent = 1;
  CHECK(c.pass(10s).empty());
  c.complain(2, error_kind::peer_lost, 1);
  auto const v = c.pass(0ms);
  REQUIRE(v.size() == 1);
  CHECK(v[0].what.kind == error_kind::peer_left);
  CHECK(v[0].what.rank == 1);
}

TEST_CASE("a lane that ends waits 20 ms for the goodbye") {
  SUBCASE("it comes: left") {
    court c(3);
    c.complain(2, error_kind::peer_lost, 1);
    CHECK(c.pass(10ms).empty());
    c.judge.left(1);
    auto const v = c.pass(0ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.kind == error_kind::peer_left);
  }
  SUBCASE("an abort comes: aborted") {
    court c(3);
    c.complain(2, error_kind::peer_lost, 1);
    CHECK(c.pass(10ms).empty());
    c.judge.aborted(1, "no such file");
    auto const v = c.pass(50ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.kind == error_kind::aborted);
    CHECK(has(v[0].what.cause, "no such file"));
  }
  SUBCASE("nothing comes: lost, after 20 ms") {
    court c(3);
    c.complain(2, error_kind::peer_lost, 1);
    CHECK(c.pass(15ms).empty());
    auto const v = c.pass(10ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.kind == error_kind::peer_lost);
    CHECK(v[0].what.rank == 1);
  }
}

TEST_CASE("three heartbeats of silence are a hung rank; two are not; a pause of the judge is forgiven") {
  court c(3);
  c.silent = 1;
  CHECK(c.pass(2900ms).empty());
  SUBCASE("hung") {
    auto const v = c.pass(200ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.kind == error_kind::peer_hung);
    CHECK(v[0].what.rank == 1);
    CHECK(v[0].everywhere);
  }
  SUBCASE("forgiven") {
    c.now += 1min;
    c.judge.forgive(c.now);
    c.silent = -1;
    CHECK(c.pass(1s).empty());
  }
}

TEST_CASE("a deadline follows who waits for whom to the rank that is not there") {
  court c(4);
  c.truth = {{in(5, 1)}, {in(5, 2)}, {after(4)}, {in(5, 0)}};
  c.complain(0, error_kind::timeout, 1);
  auto const v = c.pass(0ms);
  REQUIRE(v.size() == 1);
  CHECK(v[0].what.kind == error_kind::timeout);
  CHECK(v[0].what.rank == 2);
  CHECK_FALSE(v[0].everywhere);
  CHECK(v[0].communicator == world);
  CHECK(has(v[0].what.cause, "rank 2 has not arrived: it is in its own code since"));
  CHECK(has(v[0].what.cause, "last call allreduce #4 (train.cpp:4)"));
  c.complain(3, error_kind::timeout, 0);
  CHECK(c.pass(1s).empty());
}

TEST_CASE("a deadline in a circle blames who has not arrived, else whom the reporter waits for") {
  court c(3);
  SUBCASE("somebody has not arrived") {
    c.truth = {{in(5, 1)}, {in(5, 0)}, {after(3)}};
    c.complain(0, error_kind::timeout, 1);
    auto const v = c.pass(0ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.rank == 2);
  }
  SUBCASE("all are there") {
    c.truth = {{in(5, 1)}, {in(5, 2)}, {in(5, 0)}};
    c.complain(0, error_kind::timeout, 1);
    auto const v = c.pass(0ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.rank == 1);
    CHECK(has(v[0].what.cause, "in the same call"));
  }
  SUBCASE("who has left is left, for all communicators") {
    c.truth = {{in(5, 1)}, {in(5, 2)}, {}};
    c.judge.left(2);
    c.complain(0, error_kind::timeout, 1);
    auto const v = c.pass(0ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.kind == error_kind::peer_left);
    CHECK(v[0].what.rank == 2);
    CHECK(v[0].everywhere);
  }
  SUBCASE("who does not answer within 20 ms is where the trail ends") {
    c.truth = {{in(5, 1)}, {in(5, 2)}, {in(5, 0)}};
    c.mute = 2;
    c.complain(0, error_kind::timeout, 1);
    CHECK(c.pass(10ms).empty());
    auto const v = c.pass(20ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.rank == 2);
    CHECK(has(v[0].what.cause, "gives no answer"));
  }
}

TEST_CASE("of different calls the majority is right; a tie blames the higher rank") {
  auto const with = [](std::uint64_t count) { return call(5, plan::collective::allreduce, true, -1, count); };
  struct row {
    std::vector<std::uint64_t> counts;
    int reporter, peer, blamed;
  };
  for (row const& r : {row{{10, 10, 11, 10}, 0, 2, 2}, row{{10, 10, 11, 10}, 2, 0, 2}, row{{11, 10, 10}, 0, 1, 0},
                       row{{11, 10, 10}, 1, 0, 0}, row{{10, 11}, 0, 1, 1}, row{{10, 11}, 1, 0, 1},
                       row{{10, 10, 11, 11}, 3, 1, 3}, row{{10, 10, 11, 11}, 1, 2, 2}}) {
    court c(static_cast<int>(r.counts.size()));
    for (std::size_t k = 0; k < r.counts.size(); ++k) c.truth[k] = {with(r.counts[k])};
    c.complain(r.reporter, error_kind::mismatch, r.peer);
    auto const v = c.pass(0ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.kind == error_kind::mismatch);
    CHECK(v[0].what.rank == r.blamed);
    CHECK_FALSE(v[0].everywhere);
    CHECK(has(v[0].what.cause, "rank " + std::to_string(r.reporter) + " called allreduce"));
    CHECK(has(v[0].what.cause, "rank " + std::to_string(r.peer) + " called allreduce"));
    CHECK(has(v[0].what.cause, "train.cpp:5"));
  }
}

TEST_CASE("a rank that comes to the call after the question still has a vote; nobody is awaited for ever") {
  auto const with = [](std::uint64_t count) { return call(5, plan::collective::allreduce, true, -1, count); };
  for (bool const comes : {true, false}) {
    CAPTURE(comes);
    court c(3);
    c.truth = {{after(4)}, {with(11)}, {with(10)}};
    c.complain(1, error_kind::mismatch, 2);
    CHECK(c.pass(20ms).empty());
    if (comes) c.judge.sees(0, {with(10)}, c.now);
    auto const v = c.pass(comes ? 0ms : 300ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.rank == (comes ? 1 : 2));  // without the third vote a tie
  }
}

TEST_CASE("of a communicator's calls its members judge: they are awaited, others are not") {
  auto const with = [](std::uint64_t count) { return call(5, plan::collective::allreduce, true, -1, count, part); };
  for (std::vector<int> const& members : {std::vector<int>{1, 2}, std::vector<int>{1, 2, 11}}) {
    court c(12);
    c.truth[1] = {with(11)};
    c.truth[2] = {with(10)};
    c.members = members;  // rank 11 has yet to make its communicator
    c.complain(1, error_kind::mismatch, 2, 5, part);
    auto const at_once = c.pass(20ms);
    if (members.size() == 2) {
      REQUIRE(at_once.size() == 1);
      CHECK(at_once[0].what.rank == 2);
      continue;
    }
    CHECK(at_once.empty());
    c.judge.sees(11, {with(10)}, c.now);
    auto const v = c.pass(0ms);
    REQUIRE(v.size() == 1);
    CHECK(v[0].what.rank == 1);
  }
}

TEST_CASE("a rank that went on after a different call is blamed for that one") {
  court c(3);
  c.truth = {{call(5, plan::collective::broadcast, false, -1), in(6, 1)}, {in(5, 0)}, {in(5, 0)}};
  complaint seen{0, world, 6, {error_kind::mismatch, 1, {}, "as seen"}, in(5, 0).what};
  c.judge.complain(seen, c.now);
  auto const v = c.pass(0ms);
  REQUIRE(v.size() == 1);
  CHECK(v[0].what.rank == 0);
  CHECK(has(v[0].what.cause,
            "rank 0 called broadcast as call 5 at train.cpp:5, but rank 1 called allreduce as call 5 at train.cpp:5"));
}

TEST_CASE("calls that differ in number alone are both named") {
  court c(2);
  c.truth = {{after(5), in(6, 1)}, {in(5, 0)}};
  c.judge.complain({0, world, 6, {error_kind::mismatch, 1, {}, "as seen"}, in(5, 0).what}, c.now);
  auto const v = c.pass(0ms);
  REQUIRE(v.size() == 1);
  CHECK(v[0].what.rank == 1);
  CHECK(v[0].what.cause == "rank 1 called allreduce as call 5, but rank 0 called allreduce as call 6 at train.cpp:6");
}

TEST_CASE("different calls are found by the heartbeats too, same ones and different communicators are not") {
  court c(3);
  auto const show = [&](int rank, sighting s) {
    c.truth[static_cast<std::size_t>(rank)] = {s};
    c.judge.sees(rank, {s}, c.now);
  };
  show(0, in(5, 1));
  show(1, in(5, 0));
  show(2, call(5, plan::collective::broadcast, true, 0, 10, part));
  CHECK(c.pass(1s).empty());
  show(2, call(5, plan::collective::broadcast, true, 0));
  auto const v = c.pass(0ms);
  REQUIRE(v.size() == 1);
  CHECK(v[0].what.kind == error_kind::mismatch);
  CHECK(v[0].what.rank == 2);
  CHECK(has(v[0].what.cause, "broadcast"));
}

TEST_CASE("what no rule covers stands as it was seen, for that communicator alone") {
  court c(3);
  c.complain(1, error_kind::protocol, 2, 5, part);
  auto const v = c.pass(0ms);
  REQUIRE(v.size() == 1);
  CHECK(v[0].what.kind == error_kind::protocol);
  CHECK(v[0].communicator == part);
  CHECK_FALSE(v[0].everywhere);
  CHECK(v[0].what.cause == "as seen");
}

TEST_CASE("the stall report says who waits for whom, who is elsewhere, and comes again at doubling intervals") {
  court c(4);
  c.truth = {{in(5, 2)}, {in(5, 2)}, {after(4)}, {call(2, plan::collective::barrier, true, 1, 0, part), after(4)}};
  for (auto& rank : c.truth)
    for (auto& s : rank) s.since = c.start;
  for (int k = 0; k < 4; ++k) {
    std::vector<sighting> running;
    for (auto const& s : c.truth[static_cast<std::size_t>(k)])
      if (s.running) running.push_back(s);
    c.judge.sees(k, running, c.now);
  }
  CHECK(c.pass(9900ms).empty());
  CHECK(c.stalls.empty());
  CHECK(c.pass(200ms).empty());
  REQUIRE(c.stalls.size() == 2);  // one per communicator
  CHECK(has(c.stalls[0], "in allreduce #5 (train.cpp:5): ranks 0, 1 wait for rank 2"));
  CHECK(has(c.stalls[0],
            "rank 2 has not arrived: it is in its own code since 10.0 s, last call allreduce #4 (train.cpp:4)"));
  CHECK(has(c.stalls[0],
            "rank 3 has not arrived: it is in barrier #2 (train.cpp:2) on another communicator, waiting for rank 1"));
  CHECK(has(c.stalls[1], "in barrier #2 (train.cpp:2): rank 3 waits for rank 1"));
  c.pass(9s);
  CHECK(c.stalls.size() == 2);
  c.pass(2s);
  CHECK(c.stalls.size() == 4);
}

TEST_CASE("a call that ended since its rank's last status is not reported as a stall") {
  court c(2);
  c.truth = {{after(5)}, {after(5)}};
  sighting old = in(5, 1);
  old.since = c.start;
  c.judge.sees(0, {old}, c.now);
  CHECK(c.pass(11s).empty());
  CHECK(c.stalls.empty());
}
