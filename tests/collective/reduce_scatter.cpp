// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/reduce_scatter.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "worlds.hpp"

namespace {

using tutti::communicator;
using worlds::algorithm;

template <class T>
std::vector<T> block_of(std::vector<T> const& all, int r, std::size_t n) {
  auto const begin = all.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(r) * n);
  return {begin, begin + static_cast<std::ptrdiff_t>(n)};
}

TEST_CASE("reduce_scatter: rank r has the fold of everyone's block r, for every algorithm and count; the input stays") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (std::size_t const n : worlds::counts(world.size())) {
        CAPTURE(static_cast<int>(a));
        CAPTURE(n);
        std::size_t const whole = n * static_cast<std::size_t>(world.size());
        auto const all = worlds::numbers(world.rank(), whole);
        std::vector<std::int64_t> mine(n, -1);
        reduce_scatter(world, all, mine, {.algorithm = a});
        CHECK(mine == block_of(worlds::sums(world.size(), whole), world.rank(), n));
        CHECK(all == worlds::numbers(world.rank(), whole));
        std::vector<worlds::matrix> product(n);
        reduce_scatter(world, worlds::matrices(world.rank(), whole), product, tutti::prod, {.algorithm = a});
        CHECK(product == block_of(worlds::products(world.size(), whole), world.rank(), n));
      }
  });
}

TEST_CASE("reduce_scatter: joined along the one bracket, letter by letter and bit by bit") {
  worlds::run(worlds::sizes, [](communicator& world) {
    auto const p = static_cast<std::size_t>(world.size());
    for (algorithm const a : worlds::algorithms) {
      std::vector<worlds::word> w(3);
      reduce_scatter(world, worlds::words(world.rank(), 3 * p), w, worlds::join_words{}, {.algorithm = a});
      CHECK(w == block_of(worlds::joined_words(world.size(), 3 * p), world.rank(), 3));
      std::vector<float> f(1001);
      reduce_scatter(world, worlds::wilds(world.rank(), 1001 * p), f, {.algorithm = a});
      CHECK(worlds::same_bits(f, block_of(worlds::wild_sums(world.size(), 1001 * p), world.rank(), 1001)));
    }
  });
}

TEST_CASE("reduce_scatter: blocks of any length, some empty") {
  worlds::run(worlds::sizes, [](communicator& world) {
    auto const length = [](int r) { return r % 3 == 1 ? std::size_t{0} : static_cast<std::size_t>(r) * 997 + 2; };
    for (algorithm const a : worlds::algorithms) {
      tutti::ragged<std::int64_t> all;
      std::size_t before = 0;
      std::size_t whole = 0;
      for (int r = 0; r < world.size(); ++r) {
        all.counts.push_back(length(r));
        if (r < world.rank()) before += length(r);
        whole += length(r);
      }
      all.values = worlds::numbers(world.rank(), whole);
      auto const sums = worlds::sums(world.size(), whole);
      auto const begin = sums.begin() + static_cast<std::ptrdiff_t>(before);
      std::vector<std::int64_t> const expected(begin, begin + static_cast<std::ptrdiff_t>(length(world.rank())));
      CHECK(reduce_scatter(world, all, {.algorithm = a}) == expected);
      CHECK(reduce_scatter(world, all, tutti::sum, {.algorithm = a}) == expected);
    }
  });
}

TEST_CASE("reduce_scatter: what does not fit is refused before anything is sent") {
  worlds::run({1, 3}, [](communicator& world) {
    auto const p = static_cast<std::size_t>(world.size());
    std::vector<int> mine(2);
    CHECK(worlds::kind_of_error([&] { reduce_scatter(world, std::vector<int>(2 * p + 1), mine); }) == "config");
    tutti::ragged<int> short_of_one;
    short_of_one.counts.assign(p + 1, 0);
    CHECK(worlds::kind_of_error([&] { (void)reduce_scatter(world, short_of_one); }) == "config");
    reduce_scatter(world, std::vector<int>(2 * p, 1), mine);
    CHECK(mine == std::vector<int>(2, world.size()));
  });
}

}  // namespace
