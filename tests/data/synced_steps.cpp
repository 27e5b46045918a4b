// SPDX-License-Identifier: BSL-1.0
// Promises of data/synced_steps.hpp, data/exactly_once.hpp and data/item_range.hpp.
#include <tutti/data/exactly_once.hpp>
#include <tutti/data/synced_steps.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include <doctest/doctest.h>

static_assert(std::random_access_iterator<tutti::item_range::iterator>);

namespace {
using tutti::communicator;
using tutti::item_range;
using tutti::testing::run_ranks;
}  // namespace

TEST_CASE("uneven and empty ranks make the same number of steps, and see each of their items once, in order") {
  for (int const size : {1, 2, 3, 4, 5, 7, 8, 13})
    run_ranks(size, [](communicator& world) {
      for (std::uint64_t const batch : {1U, 4U, 100U, ~0U}) {
        auto const rows = [](int r) { return r % 3 == 1 ? std::uint64_t{0} : static_cast<std::uint64_t>(r * 7 + 1); };
        std::uint64_t most = 0;  // the oracle: by hand, from what every rank has
        for (int r = 0; r < world.size(); ++r) most = (std::max)(most, (rows(r) + batch - 1) / batch);
        std::uint64_t const mine = rows(world.rank());
        std::uint64_t steps = 0, next = 5;
        for (item_range const step : synced_steps(world, {5, 5 + mine}, batch)) {
          double weight[] = {static_cast<double>(step.size())};
          allreduce(world, weight);  // would hang if a rank made fewer steps
          for (auto const i : step) CHECK(i == next++);
          CHECK(step.size() <= batch);
          ++steps;
        }
        CHECK(next == 5 + mine);
        CHECK(steps == most);
        CHECK(synced_steps(world, (mine + batch - 1) / batch) == most);
      }
      CHECK(synced_steps(world, {0, 0}, 4).size() == 0);
      CHECK_THROWS_WITH_AS((void)synced_steps(world, {0, 1}, static_cast<std::uint64_t>(world.rank() ? 1 : 0)),
                           "synced_steps: a rank asks for batches of 0 items; give at least 1", tutti::error);
    });
}

TEST_CASE("exactly_once: each item on one rank, so that a metric over all ranks is that of one process") {
  for (int const size : {1, 2, 3, 4, 5, 7, 8, 13})
    run_ranks(size, [size](communicator& world) {
      for (int const items : {0, 1, size - 1, size, size + 1, 10007}) {
        auto const n = static_cast<std::uint64_t>(items);
        auto const hit = [](std::uint64_t i) { return i % 3 == 0 ? 1 : 0; };
        std::vector<std::int64_t> seen(static_cast<std::size_t>(n));
        std::int64_t count[2] = {0, 0};
        auto const mine = tutti::exactly_once(n, world);
        for (auto const i : mine) {
          ++seen[static_cast<std::size_t>(i)];
          count[0] += hit(i);
          ++count[1];
        }
        CHECK(mine.size() <= n / static_cast<std::uint64_t>(size) + 1);
        allreduce(world, seen);
        allreduce(world, count);
        CHECK(seen == std::vector<std::int64_t>(static_cast<std::size_t>(n), 1));
        CHECK(count[0] == static_cast<std::int64_t>((n + 2) / 3));
        CHECK(count[1] == static_cast<std::int64_t>(n));
      }
    });
}
