// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/neighbour_exchange.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "worlds.hpp"

namespace {

using tutti::communicator;
using tutti::neighbours;

using edges = std::vector<std::pair<int, int>>;

neighbours of(edges const& graph, int rank) {
  std::vector<int> to, from;
  for (auto [a, b] : graph) {
    if (a == rank) to.push_back(b);
    if (b == rank) from.push_back(a);
  }
  return neighbours::directed(to, from);
}
std::size_t length(int a, int b) { return static_cast<std::size_t>((a * 7 + b * 3) % 5 == 0 ? 0 : a * 1000 + b + 1); }

TEST_CASE("neighbour_exchange: on any directed graph every edge carries its block, whatever the lengths") {
  worlds::run({1, 2, 3, 4, 7}, [](communicator& world) {
    std::mt19937 random(5);
    for (int trial = 0; trial < 6; ++trial) {
      edges graph;
      for (int a = 0; a < world.size(); ++a)
        for (int b = 0; b < world.size(); ++b)
          for (unsigned k = random() % 4; k > 2 || (k == 1 && trial > 2); --k) graph.emplace_back(a, b);
      neighbours const mine = of(graph, world.rank());
      tutti::ragged<std::int64_t> out, due;
      for (int b : mine.to) out.push_back(worlds::numbers(world.rank() * 31 + b, length(world.rank(), b)));
      for (int a : mine.from) due.push_back(worlds::numbers(a * 31 + world.rank(), length(a, world.rank())));
      CHECK(neighbour_exchange(world, mine, out) == due);
    }
  });
}

TEST_CASE("neighbour_exchange: the halo of a ring, in blocks of one length, and objects along a chain") {
  worlds::run(worlds::few, [](communicator& world) {
    int const p = world.size(), me = world.rank(), left = (me + p - 1) % p, right = (me + 1) % p;
    std::vector<double> const out{me + 0.25, me + 0.25, me + 0.75, me + 0.75};
    std::vector<double> in(4);
    neighbour_exchange(world, {left, right}, out, in);
    if (p > 2) CHECK(in == std::vector<double>{left + 0.75, left + 0.75, right + 0.25, right + 0.25});
    std::vector<int> next, before;
    if (me + 1 < p) next.push_back(me + 1);
    if (me > 0) before.push_back(me - 1);
    auto const names = neighbour_exchange(world, neighbours::directed(next, before),
                                          std::vector<std::string>(next.size(), std::to_string(me)));
    CHECK(names == std::vector<std::string>(before.size(), std::to_string(me - 1)));
  });
}

TEST_CASE("neighbour_exchange: what does not fit is refused before anything is sent") {
  worlds::run({1, 2}, [](communicator& world) {
    CHECK(worlds::kind_of_error([&] { (void)neighbour_exchange(world, {0}, tutti::ragged<int>{}); }) == "config");
    CHECK(worlds::kind_of_error([&] { (void)neighbour_exchange(world, {world.size()}, tutti::ragged<int>{{1}}); }) ==
          "config");
    std::vector<int> in(3);
    CHECK(worlds::kind_of_error([&] { neighbour_exchange(world, {0, 0}, std::vector<int>(3), in); }) == "config");
  });
}

}  // namespace
