// SPDX-License-Identifier: BSL-1.0
#include <tutti/group/calibrate.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/explain.hpp>
#include <tutti/group/join.hpp>

namespace tg = tutti::group;
using namespace std::chrono_literals;

namespace {

// Joins `size` ranks as threads, each with what `how` makes of its options; what each threw, or nothing.
template <class How, class Body>
std::vector<std::string> join_all(int size, How how, Body body) {
  tutti::net::io_context io;
  tutti::net::ip::tcp::acceptor listener(io, {tutti::net::ip::address_v4::loopback(), 0});
  std::string const root = "127.0.0.1:" + std::to_string(listener.local_endpoint().port());
  std::vector<std::string> said(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    tutti::join_options mine;
    mine.root = root;
    mine.rank = rank;
    mine.size = size;
    mine.job = "calibrate";
    if (rank == 0) mine.listener = listener.release();
    how(mine);
    threads.emplace_back([&said, &body, mine] {
      try {
        auto world = tutti::join(mine);
        body(world);
      } catch (std::exception const& e) {
        said[static_cast<std::size_t>(mine.rank)] = e.what();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  return said;
}

}  // namespace

TEST_CASE("calibrate: noise changes nothing; what is twice as slow counts twice") {
  tutti::machine const m;
  tg::findings found;
  CHECK(tg::corrected(m, found, false) == m);
  found.exchange *= 1.4;
  found.stream /= 1.4;
  found.fold *= 1.4;
  CHECK(tg::corrected(m, found, false) == m);
  found = {};
  found.exchange *= 2.2;
  found.stream /= 2;
  tutti::machine const now = tg::corrected(m, found, false);
  CHECK(now.latency == 2 * m.latency);
  CHECK(now.overhead == 2 * m.overhead);
  CHECK(now.copy == m.copy / 2);
  CHECK(now.fold == m.fold);
  found.exchange = 1e9;  // a rank that was not scheduled is no measurement
  CHECK(tg::corrected(m, found, false).latency == 4 * m.latency);
}

TEST_CASE("calibrate: between hosts, the link is what was measured") {
  tutti::machine const gigabit = tg::corrected({}, {70, 8.4, 0.019}, true);
  CHECK(gigabit.distance == 64);
  CHECK(gigabit.link == 8);
  CHECK(gigabit.overhead == tutti::machine{}.overhead);
}

TEST_CASE("calibrate: every rank of a joined world has the same constants, and they are not the world's first call") {
  std::vector<tutti::machine> costs(3);
  std::vector<std::string> text(3);
  auto const said = join_all(
      3, [](tutti::join_options&) {},
      [&](tutti::communicator& world) {
        auto const r = static_cast<std::size_t>(world.rank());
        costs[r] = world.engine().around().costs;
        text[r] = explain(world, tutti::plan::collective::allreduce, 1000);
        CHECK(world.stats().calls == 0);
        CHECK(allreduce(world, 1) == 3);
      });
  CHECK(said == std::vector<std::string>(3));
  CHECK(costs[0] == costs[1]);
  CHECK(costs[0] == costs[2]);
  CHECK(costs[0].per_host == 3);
  CHECK(text[0] == text[2]);
  CHECK(text[0].find("  * ") != std::string::npos);
}

TEST_CASE("calibrate: given constants and algorithms are taken as they are") {
  auto const said = join_all(
      2,
      [](tutti::join_options& o) {
        o.machine = "latency=50,cores=7";
        o.algorithm = "allreduce:halving";
      },
      [](tutti::communicator& world) {
        CHECK(world.engine().around().costs.latency == 50);
        CHECK(world.engine().around().costs.cores == 7);
        CHECK(world.engine().around().costs.copy == tutti::machine{}.copy);
        CHECK(explain(world, tutti::plan::collective::allreduce, 4).find("  * halving ") != std::string::npos);
        CHECK(allreduce(world, 1) == 2);
      });
  CHECK(said == std::vector<std::string>(2));
}

TEST_CASE("calibrate: a rank that was told another algorithm than rank 0 is turned away, and told so") {
  auto const said = join_all(
      2,
      [](tutti::join_options& o) {
        o.timeout = 1s;
        o.algorithm = o.rank == 0 ? "allreduce:star" : "allreduce:ring";
      },
      [](tutti::communicator&) { FAIL("joined"); });
  CHECK(said[0].find("missing 1") != std::string::npos);
  CHECK(said[1].find("algorithm \"allreduce:ring\"") != std::string::npos);
  CHECK(said[1].find("start all ranks with the same TUTTI_ALGORITHM") != std::string::npos);
}

TEST_CASE("calibrate: an algorithm that does not exist is refused before anyone is met") {
  CHECK_THROWS_WITH((void)tutti::join({.root = "127.0.0.1:9", .rank = 1, .size = 2, .algorithm = "gather:ring"}),
                    doctest::Contains("gather has no ring"));
}
