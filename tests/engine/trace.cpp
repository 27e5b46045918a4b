// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <tutti/engine/trace.hpp>

#include <chrono>
#include <vector>

#include "alone.hpp"

using namespace std::chrono_literals;
using kind = tutti::trace_event::kind;

TEST_CASE("a call is seen to begin, to wait for a late peer, and to end, in this order; off, nothing is noted") {
  alone::run(2, [](tutti::basic_communicator<alone::tt::local>& world) {
    tutti::trace events(64);
    CHECK(allreduce(world, 1) == 2);
    world.engine().trace_to(&events);
    if (world.rank() == 1) std::this_thread::sleep_for(30ms);
    CHECK(allreduce(world, 1) == 2);
    world.engine().trace_to(nullptr);
    CHECK(allreduce(world, 1) == 2);
    auto const all = events.events();
    REQUIRE(all.size() >= (world.rank() == 0 ? 3 : 2));
    CHECK(all.front().what == kind::begin);
    CHECK(all.back().what == kind::end);
    for (std::size_t i = 0; i < all.size(); ++i) {
      CHECK(all[i].call == 2);
      CHECK(all[i].rank == world.rank());
      if (i > 0) CHECK(all[i].time >= all[i - 1].time);
      if (i > 0 && i + 1 < all.size()) CHECK(all[i].what == kind::wait);
    }
    if (world.rank() == 0) CHECK(all.back().time - all.front().time >= 20ms);
  });
}

TEST_CASE("a full ring forgets the oldest") {
  tutti::trace events(4);
  for (std::uint64_t i = 1; i <= 10; ++i) events.add({}, i, 0, kind::begin);
  auto const all = events.events();
  REQUIRE(all.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(all[i].call == 7 + i);
  CHECK(events.written() == 10);
}
