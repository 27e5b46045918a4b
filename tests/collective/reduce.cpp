// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/reduce.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "worlds.hpp"

namespace {

using tutti::communicator;
using worlds::algorithm;

TEST_CASE("reduce: the root has the fold, everyone else what he had, for every root, algorithm and count") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (int const root : worlds::roots(world.size()))
        for (std::size_t const n : worlds::counts(world.size())) {
          CAPTURE(static_cast<int>(a));
          CAPTURE(root);
          CAPTURE(n);
          bool const here = world.rank() == root;
          auto x = worlds::numbers(world.rank(), n);
          reduce(world, x, tutti::sum, root, {.algorithm = a});
          CHECK(x == (here ? worlds::sums(world.size(), n) : worlds::numbers(world.rank(), n)));
          auto m = worlds::matrices(world.rank(), n);
          reduce(world, m, tutti::prod, {.algorithm = a, .root = root});
          CHECK(m == (here ? worlds::products(world.size(), n) : worlds::matrices(world.rank(), n)));
        }
  });
}

TEST_CASE("reduce: joined along the one bracket whatever the root, letter by letter and bit by bit") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (int const root : worlds::roots(world.size())) {
        auto w = worlds::words(world.rank(), 14);
        reduce(world, w, worlds::join_words{}, root, {.algorithm = a});
        auto f = worlds::wilds(world.rank(), 3001);
        reduce(world, f, tutti::sum, root, {.algorithm = a});
        if (world.rank() != root) continue;
        CHECK(w == worlds::joined_words(world.size(), 14));
        CHECK(worlds::same_bits(f, worlds::wild_sums(world.size(), 3001)));
      }
  });
}

TEST_CASE("reduce: megabytes in streams that hold 64 KiB") {
  worlds::run({2, 3}, [](communicator& world) {
    for (algorithm const a : worlds::algorithms) {
      auto x = worlds::numbers(world.rank(), 400'009);
      reduce(world, x, tutti::sum, 1, {.algorithm = a});
      if (world.rank() == 1) CHECK(x == worlds::sums(world.size(), 400'009));
    }
  });
}

TEST_CASE("reduce: values, ranges of every kind, rvalues") {
  worlds::run(worlds::few, [](communicator& world) {
    int const p = world.size();
    int const root = p - 1;
    bool const here = world.rank() == root;
    CHECK(reduce(world, world.rank(), tutti::max, root) == (here ? p - 1 : world.rank()));
    CHECK(reduce(world, 1) == (world.rank() == 0 ? p : 1));
    CHECK(reduce(world, 2, {.root = root}) == (here ? 2 * p : 2));
    CHECK(reduce(world, std::vector<int>(3, 1), tutti::sum, root) == std::vector<int>(3, here ? p : 1));
    std::array<long, 2> array{1, 2};
    reduce(world, array);
    CHECK(array == (world.rank() == 0 ? std::array<long, 2>{p, 2L * p} : std::array<long, 2>{1, 2}));
    double plain[2] = {1, 2};
    reduce(world, plain, tutti::sum, root);
    CHECK(plain[1] == (here ? 2.0 * p : 2.0));
  });
}

struct layer {
  std::vector<float> weight{1, 2, 3};
  float bias = 4;
};

TEST_CASE("reduce: a model, tensor by tensor") {
  worlds::run({1, 3}, [](communicator& world) {
    std::vector<layer> model(2);
    reduce(world, model, tutti::sum, world.size() - 1);
    float const factor = world.rank() == world.size() - 1 ? static_cast<float>(world.size()) : 1.0F;
    for (layer const& l : model) {
      CHECK(l.weight == std::vector<float>{factor, 2 * factor, 3 * factor});
      CHECK(l.bias == 4 * factor);
    }
  });
}

TEST_CASE("reduce: a root that does not exist is refused before anything is sent") {
  worlds::run({1, 3}, [](communicator& world) {
    std::vector<int> x(3, 1);
    CHECK(worlds::kind_of_error([&] { reduce(world, x, tutti::sum, world.size()); }) == "config");
    CHECK(worlds::kind_of_error([&] { (void)reduce(world, 1, tutti::sum, -1); }) == "config");
    CHECK(reduce(world, 1) == (world.rank() == 0 ? world.size() : 1));
  });
}

}  // namespace
