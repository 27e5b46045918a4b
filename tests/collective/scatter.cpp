// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/scatter.hpp>

#include <doctest/doctest.h>

#include <tutti/collective/gather.hpp>

#include <Eigen/Core>
#include <cstdint>
#include <string>
#include <vector>

#include "worlds.hpp"

namespace {

using tutti::communicator;
using worlds::algorithm;

/// Of very different lengths, some empty.
std::size_t length(int r) { return r % 3 == 1 ? 0 : static_cast<std::size_t>(r) * 997 + 2; }

TEST_CASE("scatter: rank r receives the root's block r, for every root and count; elsewhere `all` is not looked at") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (int const root : worlds::roots(world.size()))
        for (std::size_t const n : worlds::counts(world.size())) {
          CAPTURE(static_cast<int>(a));
          CAPTURE(root);
          CAPTURE(n);
          std::vector<std::int64_t> all;
          if (world.rank() == root) all = worlds::all_numbers(world.size(), n);
          std::vector<std::int64_t> mine(n);
          scatter(world, all, mine, root, {.algorithm = a});
          CHECK(mine == worlds::numbers(world.rank(), n));
          mine.assign(n, 0);
          scatter(world, all, mine, {.algorithm = a, .root = root});
          CHECK(mine == worlds::numbers(world.rank(), n));
          if (world.rank() == root) CHECK(all == worlds::all_numbers(world.size(), n));
        }
  });
}

TEST_CASE("scatter: arrays, Eigen columns, structs") {
  worlds::run(worlds::few, [](communicator& world) {
    Eigen::MatrixXd columns(3, world.size());
    for (int c = 0; c < world.size(); ++c) columns.col(c).setConstant(c);
    Eigen::VectorXd mine(3);
    scatter(world, columns, mine);
    CHECK(mine == Eigen::VectorXd::Constant(3, world.rank()));

    std::vector<worlds::matrix> all;
    for (int r = 0; r < world.size(); ++r) all.push_back(worlds::matrix::of(r, 5));
    worlds::matrix one[1];
    scatter(world, all, one, world.size() - 1);
    CHECK(one[0] == worlds::matrix::of(world.rank(), 5));
  });
}

TEST_CASE("scatter: blocks of any length, some empty; only the root knows them") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (int const root : worlds::roots(world.size())) {
      tutti::ragged<std::int64_t> all;
      if (world.rank() == root)
        for (int r = 0; r < world.size(); ++r) all.push_back(worlds::numbers(r, length(r)));
      CHECK(scatter(world, all, root) == worlds::numbers(world.rank(), length(world.rank())));
      tutti::ragged<int> nothing;
      if (world.rank() == root) nothing.counts.assign(static_cast<std::size_t>(world.size()), 0);
      CHECK(scatter(world, nothing, root).empty());
    }
  });
}

TEST_CASE("scatter: undone by gather") {
  worlds::run(worlds::few, [](communicator& world) {
    for (int const root : worlds::roots(world.size())) {
      tutti::ragged<std::int64_t> all;
      if (world.rank() == root)
        for (int r = 0; r < world.size(); ++r) all.push_back(worlds::numbers(r, length(r)));
      CHECK(gather(world, scatter(world, all, root), root) == all);
    }
  });
}

TEST_CASE("scatter: one object for each rank; empty ones, and ones of many pieces beside short ones") {
  worlds::run(worlds::few, [](communicator& world) {
    auto const text = [](int r) {
      return std::string(static_cast<std::size_t>(r) * 1'300'000, static_cast<char>('a' + r));
    };
    for (int const root : worlds::roots(world.size())) {
      std::vector<std::string> all;
      if (world.rank() == root)
        for (int r = 0; r < world.size(); ++r) all.push_back(text(r));
      CHECK((scatter(world, all, root) == text(world.rank())));
    }
    std::vector<std::vector<std::string>> lists;
    if (world.rank() == 0)
      for (int r = 0; r < world.size(); ++r)
        lists.push_back(std::vector<std::string>(static_cast<std::size_t>(r), "x"));
    CHECK(scatter(world, lists) == std::vector<std::string>(static_cast<std::size_t>(world.rank()), "x"));
  });
}

TEST_CASE("scatter: a root that does not exist is refused before anything is sent") {
  worlds::run({1, 3}, [](communicator& world) {
    std::vector<int> const all(static_cast<std::size_t>(world.size()), 7);
    std::vector<int> mine(1);
    CHECK(worlds::kind_of_error([&] { scatter(world, all, mine, world.size()); }) == "config");
    scatter(world, all, mine);
    CHECK(mine == std::vector<int>{7});
  });
}

TEST_CASE("scatter: a root whose blocks do not fit the ranks refuses, and says both numbers") {
  tutti::testing::run_ranks(1, [](communicator& world) {
    std::vector<int> mine(2);
    CHECK_THROWS_WITH_AS(scatter(world, std::vector<int>(3), mine),
                         "scatter: the root holds 3 elements, not 1 blocks of 2", tutti::error);
    CHECK_THROWS_WITH_AS((void)scatter(world, tutti::ragged<int>{{1}, {2}}),
                         "scatter: the root holds 2 blocks for 1 ranks", tutti::error);
    CHECK_THROWS_WITH_AS((void)scatter(world, std::vector<std::string>(3)),
                         "scatter: the root holds 3 objects for 1 ranks", tutti::error);
  });
}

}  // namespace
