// SPDX-License-Identifier: BSL-1.0
#include <tutti/group/grid.hpp>

#include <doctest/doctest.h>

#include <vector>

#include <tutti/collective/allgather.hpp>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;

struct data;
struct stage;
struct model;

TEST_CASE("grid: along an axis are the ranks that differ in that coordinate only, in order") {
  worlds::run({1, 2, 4, 8}, [](communicator& world) {
    int const p = world.size(), me = world.rank(), deep = p >= 4 ? 2 : 1, wide = p / deep;
    tutti::grid<data, model> g = world.grid<data, model>(deep, wide);
    CHECK(g.rank<data>() * g.size<model>() + g.rank<model>() == me);
    CHECK(g.along<data>().rank() == g.rank<data>());
    CHECK(g.along<model>().rank() == g.rank<model>());
    int const mine[1] = {me};
    std::vector<int> column(static_cast<std::size_t>(deep)), row(static_cast<std::size_t>(wide));
    allgather(g.along<data>(), mine, column);
    allgather(g.along<model>(), mine, row);
    for (int i = 0; i < deep; ++i) CHECK(column[static_cast<std::size_t>(i)] == me % wide + i * wide);
    for (int i = 0; i < wide; ++i) CHECK(row[static_cast<std::size_t>(i)] == me / wide * wide + i);
    auto box = world.grid<data, stage, model>(1, deep, wide);
    CHECK(box.along<stage>().members() == g.along<data>().members());
    CHECK(box.along<data>().size() == 1);
    CHECK(worlds::kind_of_error([&] { (void)world.grid<data, model>(p, 2); }) == "config");
    CHECK(worlds::kind_of_error([&] { (void)world.grid<data, model>(-1, -p); }) == "config");
  });
}

}  // namespace
