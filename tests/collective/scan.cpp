// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/scan.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "worlds.hpp"

namespace {

using tutti::communicator;
using worlds::algorithm;

TEST_CASE("scan: rank r has the fold of ranks 0 to r, as those alone would compute it, letter by letter") {
  worlds::run(worlds::sizes, [](communicator& world) {
    int const r = world.rank();
    for (algorithm const a : worlds::algorithms)
      for (std::size_t const n : worlds::counts(world.size())) {
        if (n > 1000) continue;
        CAPTURE(static_cast<int>(a));
        CAPTURE(n);
        auto x = worlds::words(r, n);
        scan(world, x, worlds::join_words{}, {.algorithm = a});
        CHECK(x == worlds::joined_words(r + 1, n));
        x = worlds::words(r, n);
        exscan(world, x, worlds::join_words{}, {.algorithm = a});
        CHECK(x == (r == 0 ? worlds::words(0, n) : worlds::joined_words(r, n)));
      }
  });
}

TEST_CASE("scan: floats have the bits of the serial fold, 2x2 matrices the product from the left") {
  worlds::run(worlds::few, [](communicator& world) {
    int const r = world.rank();
    for (algorithm const a : worlds::algorithms) {
      auto x = worlds::wilds(r, 30'001);
      scan(world, x, {.algorithm = a});
      CHECK(worlds::same_bits(x, worlds::wild_sums(r + 1, 30'001)));
      auto m = worlds::matrices(r, 20'011);
      exscan(world, m, tutti::prod, {.algorithm = a});
      CHECK(m == (r == 0 ? worlds::matrices(0, 20'011) : worlds::products(r, 20'011)));
    }
  });
}

TEST_CASE("scan: values are returned, rvalue containers handed back, models scanned in place") {
  worlds::run(worlds::few, [](communicator& world) {
    int const r = world.rank();
    CHECK(scan(world, r + 1) == (r + 1) * (r + 2) / 2);
    CHECK(exscan(world, r + 1) == (r == 0 ? 1 : r * (r + 1) / 2));
    CHECK(scan(world, 7 - r, tutti::min) == 7 - r);
    CHECK(exscan(world, r, tutti::max) == (r == 0 ? 0 : r - 1));
    CHECK(scan(world, std::vector<int>(3, 2)) == std::vector<int>(3, 2 * (r + 1)));
    struct pair {
      std::vector<float> weight = std::vector<float>(3, 1.0F);
      double bias = 2;
    } model;
    scan(world, model);
    CHECK(model.weight == std::vector<float>(3, static_cast<float>(r + 1)));
    CHECK(model.bias == 2.0 * (r + 1));
    exscan(world, model);
    CHECK(model.bias == (r == 0 ? 2.0 : 1.0 * r * (r + 1)));
  });
}

}  // namespace
