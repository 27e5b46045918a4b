// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/shift.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "worlds.hpp"

namespace {

using tutti::communicator;

TEST_CASE("shift: everything moves by that many ranks, up or down, around the circle") {
  worlds::run(worlds::few, [](communicator& world) {
    int const p = world.size(), me = world.rank();
    for (int const by : {1, -1, 2, p, 3 * p + 1, -2 * p - 1}) {
      CAPTURE(by);
      int const from = ((me - by) % p + p) % p;
      for (std::size_t const n : worlds::counts(p)) {
        auto x = worlds::numbers(me, n);
        shift(world, x, by);
        CHECK(x == worlds::numbers(from, n));
      }
      CHECK(shift(world, me, by) == from);
      CHECK(shift(world, std::string(static_cast<std::size_t>(me), 'x'), by) ==
            std::string(static_cast<std::size_t>(from), 'x'));
    }
    CHECK(shift(world, std::vector<int>(2, me)) == std::vector<int>(2, (me + p - 1) % p));
  });
}

}  // namespace
