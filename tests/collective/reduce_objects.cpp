// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/reduce_objects.hpp>

#include <doctest/doctest.h>

#include <string>

#include "worlds.hpp"

namespace {

using tutti::communicator;

TEST_CASE("reduce_objects: text of any length is joined in rank order along the one bracket") {
  worlds::run({1, 2, 3, 5, 8}, [](communicator& world) {
    int const p = world.size(), me = world.rank(), root = p / 2;
    auto const text = [](int r) { return std::string(static_cast<std::size_t>(r % 3), static_cast<char>('a' + r)); };
    auto const join = [](std::string const& a, std::string const& b) { return "(" + a + "," + b + ")"; };
    auto const due = [&](int ranks) { return worlds::bracket(0, ranks, text, join); };
    CHECK(allreduce(world, text(me), join) == due(p));
    CHECK(reduce(world, text(me), join, root) == (me == root ? due(p) : text(me)));
    CHECK(scan(world, text(me), join) == due(me + 1));
    CHECK(exscan(world, text(me), join) == (me == 0 ? text(0) : due(me)));
    std::string all;
    for (int r = 0; r < p; ++r) all += text(r);
    CHECK(allreduce(world, text(me)) == all);
  });
}

}  // namespace
