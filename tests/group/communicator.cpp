// SPDX-License-Identifier: BSL-1.0
#include <tutti/group/communicator.hpp>

#include <doctest/doctest.h>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/barrier.hpp>
#include <tutti/collective/broadcast.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;

TEST_CASE("communicator: split puts equal colours together, ordered by key, then by rank") {
  worlds::run({1, 2, 3, 4, 5, 7}, [](communicator& world) {
    // The oracle: sort everyone of this colour by (key, rank).
    auto const colour = [](int r) { return r % 2; };
    auto const key = [](int r) { return -(r / 3); };
    std::vector<std::pair<int, int>> mates;
    for (int r = 0; r < world.size(); ++r)
      if (colour(r) == colour(world.rank())) mates.emplace_back(key(r), r);
    std::sort(mates.begin(), mates.end());
    communicator part = world.split(colour(world.rank()), key(world.rank()));
    REQUIRE(part.size() == static_cast<int>(mates.size()));
    for (std::size_t i = 0; i < mates.size(); ++i) {
      CHECK(part.members()[i] == mates[i].second);
      if (mates[i].second == world.rank()) CHECK(part.rank() == static_cast<int>(i));
    }
    std::vector<int> ranks(mates.size());
    int const mine[1] = {world.rank()};
    allgather(part, mine, ranks);
    CHECK(ranks == part.members());
    CHECK(allreduce(world, 1) == world.size());
  });
}

TEST_CASE("communicator: splits of splits, several of the same kind, and moved ones keep apart") {
  worlds::run({4, 5}, [](communicator& world) {
    communicator a = world.split(world.rank() / 2);
    communicator b = world.split(world.rank() / 2);
    communicator inner = a.split(0, -a.rank());
    CHECK(inner.rank() == a.size() - 1 - a.rank());
    communicator kept = std::move(b);
    int x = kept.rank() == 0 ? world.rank() : -1;
    broadcast(kept, x);
    CHECK(x == kept.members()[0]);
    CHECK(allreduce(inner, world.rank()) == allreduce(a, world.rank()));
    int const largest = inner.members()[0];
    CHECK(allreduce(inner, world.rank(), tutti::max) == largest);
  });
}

TEST_CASE("communicator: only those it names make a subgroup, in the order it names them") {
  worlds::run({1, 2, 3, 5}, [](communicator& world) {
    int const p = world.size(), me = world.rank();
    if (me % 2 == 0) {  // the others do not call
      std::vector<int> even;
      for (int r = (p - 1) / 2 * 2; r >= 0; r -= 2) even.push_back(r);
      communicator a = world.subgroup(even), b = world.subgroup(even);
      CHECK(a.members() == even);
      int x = a.rank() == 0 ? me : -1;
      broadcast(b, x);
      CHECK(x == even[0]);
      CHECK(allreduce(a, 1) == static_cast<int>(even.size()));
    }
    CHECK(allreduce(world, 1) == p);
    CHECK(worlds::kind_of_error([&] { (void)world.subgroup({(me + 1) % p, (me + 1) % p}); }) == "config");
    CHECK(worlds::kind_of_error([&] { (void)world.subgroup({me, p}); }) == "config");
    if (p > 1) CHECK(worlds::kind_of_error([&] { (void)world.subgroup({(me + 1) % p}); }) == "config");
    communicator here = world.split_by_host();
    CHECK(here.size() == world.host_size());
    CHECK(allreduce(here, 1) == p);
  });
}

TEST_CASE("communicator: agree is yes only if everyone says so") {
  worlds::run({1, 2, 3, 5, 8}, [](communicator& world) {
    CHECK(world.agree(true));
    CHECK_FALSE(world.agree(false));
    for (int no = 0; no < world.size(); ++no) CHECK_FALSE(world.agree(world.rank() != no));
  });
}

TEST_CASE("communicator: two of them, used from two threads at once, each get their own results") {
  worlds::run({2, 3, 4}, [](communicator& world) {
    communicator other = world.dup();
    std::vector<std::int64_t> x = worlds::numbers(world.rank(), 30'000);
    std::thread second([&] {
      for (int i = 0; i < 30; ++i) CHECK(allreduce(other, i) == i * other.size());
    });
    for (int i = 0; i < 5; ++i) {
      x = worlds::numbers(world.rank(), 30'000);
      allreduce(world, x);
      CHECK(x == worlds::sums(world.size(), 30'000));
    }
    second.join();
    barrier(world);
  });
}

TEST_CASE("communicator: on one host, everyone is on the host") {
  worlds::run({1, 3}, [](communicator& world) {
    CHECK(world.host_rank() == world.rank());
    CHECK(world.host_size() == world.size());
    communicator part = world.split(0, -world.rank());
    CHECK(part.host_rank() == part.rank());
  });
}

TEST_CASE("communicator: a rank that aborts ends every call everywhere, with its reason") {
  for (worlds::over const medium : {worlds::over::memory, worlds::over::sockets}) {
    auto const ended = tutti::testing::try_ranks(
        3,
        [](communicator& world) {
          barrier(world);
          if (world.rank() == 1) world.abort("the data are wrong");
          barrier(world);
        },
        medium);
    for (auto const& rank : ended) {
      REQUIRE(rank.thrown != nullptr);
      try {
        std::rethrow_exception(rank.thrown);
      } catch (tutti::error const& e) {
        CHECK(e.kind() == tutti::error_kind::aborted);
        CHECK(e.rank() == 1);
        CHECK(std::string(e.what()).find("the data are wrong") != std::string::npos);
      }
    }
  }
}

TEST_CASE("communicator: revoked by its own rank, it refuses at once and says who and why; others go on") {
  tutti::testing::run_ranks(1, [](communicator& world) {
    communicator part = world.dup();
    part.revoke("no longer needed");
    try {
      barrier(part);
      FAIL("no error");
    } catch (tutti::error const& e) {
      CHECK(e.kind() == tutti::error_kind::revoked);
      CHECK(e.rank() == 0);
      CHECK(e.facts().cause == "no longer needed");
    }
    barrier(world);
  });
}

}  // namespace
