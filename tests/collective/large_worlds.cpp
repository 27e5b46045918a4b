// SPDX-License-Identifier: BSL-1.0
// Worlds of more ranks over sockets than the tests of each call use: all of them opened, and each call made once.
#include <doctest/doctest.h>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/barrier.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/collective/gather.hpp>
#include <tutti/collective/reduce.hpp>
#include <tutti/collective/reduce_scatter.hpp>
#include <tutti/collective/scatter.hpp>

#include <cstdint>
#include <vector>

#include "worlds.hpp"

namespace {

using worlds::algorithm;

TEST_CASE("large worlds: 7, 8 and 13 ranks over sockets, every call, by star and by direct") {
  for (int const size : {7, 8, 13}) {
    auto const everything = [size](tutti::communicator& world) {
      auto const p = static_cast<std::size_t>(size);
      auto const r = static_cast<std::size_t>(world.rank());
      int const root = size - 2;
      constexpr std::size_t n = 5;
      auto const all = worlds::all_numbers(size, n);
      auto const mine = worlds::numbers(world.rank(), n);
      std::vector<std::int64_t> const block(all.begin() + static_cast<std::ptrdiff_t>(r * n),
                                            all.begin() + static_cast<std::ptrdiff_t>((r + 1) * n));
      for (algorithm const a : {algorithm::star, algorithm::direct}) {
        auto x = mine;
        allreduce(world, x, {.algorithm = a});
        CHECK(x == worlds::sums(size, n));
        x = mine;
        reduce(world, x, tutti::sum, root, {.algorithm = a});
        CHECK(x == (world.rank() == root ? worlds::sums(size, n) : mine));
        x = mine;
        broadcast(world, x, root, {.algorithm = a});
        CHECK(x == worlds::numbers(root, n));
        std::vector<std::int64_t> part(n);
        scatter(world, world.rank() == root ? all : std::vector<std::int64_t>{}, part, root, {.algorithm = a});
        CHECK(part == block);
        std::vector<std::int64_t> whole(world.rank() == root ? p * n : 0);
        gather(world, mine, whole, root, {.algorithm = a});
        if (world.rank() == root) CHECK(whole == all);
        whole.assign(p * n, 0);
        allgather(world, mine, whole, {.algorithm = a});
        CHECK(whole == all);
        std::vector<std::int64_t> sum(1);
        reduce_scatter(world, worlds::numbers(world.rank(), p), sum, {.algorithm = a});
        CHECK(sum.front() == worlds::sums(size, p)[r]);
        barrier(world, {.algorithm = a});
      }
    };
    tutti::testing::run_ranks(size, everything, worlds::over::sockets);
  }
}

}  // namespace
