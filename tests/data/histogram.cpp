// SPDX-License-Identifier: BSL-1.0
// Promises of data/histogram.hpp.
#include <tutti/data/histogram.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "statistics.hpp"

namespace {

TEST_CASE("histogram: any number of ranks counts what one process counts") {
  auto const all = statistics::numbers(10'007, -0.1);
  std::vector<std::uint64_t> due(7);  // edges at sevenths of [0, 0.7)
  std::uint64_t below = 0, above = 0;
  for (double x : all) {
    if (x < 0)
      ++below;
    else if (x >= 0.7)
      ++above;
    else
      for (std::size_t b = 0; b < 7; ++b)
        if (x >= static_cast<double>(b) * (0.7 / 7) && (b == 6 || x < static_cast<double>(b + 1) * (0.7 / 7))) ++due[b];
  }
  for (int p : {1, 2, 3, 5}) {
    tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
      tutti::histogram h(7, 0, 0.7);
      for (double x : statistics::share(all, p, world.rank())) h.add(x);
      auto const total = allreduce(world, h, tutti::merge);
      CHECK((total.counts() == due && total.below() == below && total.above() == above && total.nans() == 0));
    });
  }
}

TEST_CASE("histogram: an edge belongs to the bin above it, however it was rounded; NaN has a place of its own") {
  for (double const high : {0.7, 1.0, 1e9 + 1.0 / 3}) {
    tutti::histogram h(49, 0, high);
    for (std::size_t b = 0; b < 49; ++b) {
      h.add(h.edge(b));
      CHECK(h.counts()[b] == 1);
      if (b > 0) h.add(std::nextafter(h.edge(b), -1.0));
    }
    CHECK(h.counts() == [] {
      std::vector<std::uint64_t> two(49, 2);
      two[48] = 1;
      return two;
    }());
    h.add(high);
    h.add(-1e-300);
    h.add(std::numeric_limits<double>::quiet_NaN(), 3);
    h.add(std::numeric_limits<double>::infinity());
    CHECK((h.above() == 2 && h.below() == 1 && h.nans() == 3));
  }
}

TEST_CASE("histogram: bins that differ are refused in one sentence, on every rank; one without bins fits any") {
  tutti::testing::run_ranks(2, [](tutti::communicator& world) {
    tutti::histogram const mine(10, 0, 1 + world.rank());
    CHECK_THROWS_WITH_AS((void)allreduce(world, mine, tutti::merge),
                         "histogram: 10 bins of [0.000000, 2.000000) cannot be added to 10 bins of [0.000000, "
                         "1.000000); all ranks give the same bins",
                         tutti::error);
    auto const one = allreduce(world, world.rank() == 0 ? tutti::histogram{} : mine, tutti::merge);
    CHECK(one == tutti::histogram(10, 0, 2));
  });
  CHECK_THROWS_AS(tutti::histogram(0, 0, 1), tutti::error);
  CHECK_THROWS_AS(tutti::histogram(3, 1, 1), tutti::error);
}

}  // namespace
