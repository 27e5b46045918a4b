// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/gather.hpp>

#include <doctest/doctest.h>

#include <Eigen/Core>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "../model/five_models.hpp"
#include "worlds.hpp"

namespace {

using tutti::communicator;
using worlds::algorithm;

std::size_t length(int r) { return r % 3 == 1 ? 0 : static_cast<std::size_t>(r) * 997 + 2; }

TEST_CASE("gather: the root has everyone's block in rank order, for every root and count; elsewhere `all` stays") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (int const root : worlds::roots(world.size()))
        for (std::size_t const n : worlds::counts(world.size())) {
          CAPTURE(static_cast<int>(a));
          CAPTURE(root);
          CAPTURE(n);
          bool const here = world.rank() == root;
          std::vector<std::int64_t> all(here ? n * static_cast<std::size_t>(world.size()) : 3, -1);
          gather(world, worlds::numbers(world.rank(), n), all, root, {.algorithm = a});
          CHECK(all == (here ? worlds::all_numbers(world.size(), n) : std::vector<std::int64_t>(3, -1)));
        }
  });
}

TEST_CASE("gather: a block that already lies in its place stays there") {
  worlds::run(worlds::few, [](communicator& world) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(world.size()) * 3000, -1);
    auto const mine = std::span(all).subspan(static_cast<std::size_t>(world.rank()) * 3000, 3000);
    for (std::size_t i = 0; i < 3000; ++i) mine[i] = worlds::number(world.rank(), i);
    gather(world, mine, all, {.root = world.size() - 1});
    if (world.rank() == world.size() - 1) CHECK(all == worlds::all_numbers(world.size(), 3000));
  });
}

TEST_CASE("gather: columns of an Eigen matrix, structs") {
  worlds::run(worlds::few, [](communicator& world) {
    Eigen::MatrixXd columns = Eigen::MatrixXd::Zero(3, world.size());
    gather(world, Eigen::VectorXd(Eigen::VectorXd::Constant(3, world.rank())), columns);
    if (world.rank() == 0)
      for (int c = 0; c < world.size(); ++c) CHECK(columns.col(c) == Eigen::VectorXd::Constant(3, c));
    worlds::matrix const one[1] = {worlds::matrix::of(world.rank(), 5)};
    std::vector<worlds::matrix> all(static_cast<std::size_t>(world.size()));
    gather(world, one, all, world.size() - 1);
    if (world.rank() == world.size() - 1)
      for (int r = 0; r < world.size(); ++r) CHECK(all[static_cast<std::size_t>(r)] == worlds::matrix::of(r, 5));
  });
}

TEST_CASE("gather: blocks of any length, some empty, come back as one ragged; elsewhere nothing") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (int const root : worlds::roots(world.size())) {
      tutti::ragged<std::int64_t> expected;
      if (world.rank() == root)
        for (int r = 0; r < world.size(); ++r) expected.push_back(worlds::numbers(r, length(r)));
      CHECK(gather(world, worlds::numbers(world.rank(), length(world.rank())), root) == expected);
      CHECK(gather(world, std::vector<int>{}, {.root = root}).values.empty());
    }
  });
}

TEST_CASE("gather: one object from each rank; empty ones, and ones of many pieces beside short ones") {
  worlds::run(worlds::few, [](communicator& world) {
    auto const text = [](int r) {
      return std::string(static_cast<std::size_t>(r) * 1'300'000, static_cast<char>('a' + r));
    };
    for (int const root : worlds::roots(world.size())) {
      auto const all = gather(world, text(world.rank()), root);
      CHECK(all.size() == (world.rank() == root ? static_cast<std::size_t>(world.size()) : 0));
      for (std::size_t r = 0; r < all.size(); ++r) CHECK((all[r] == text(static_cast<int>(r))));
    }
    using tree = std::map<std::string, int>;
    auto const trees = gather(world, tree{{"rank", world.rank()}});
    for (std::size_t r = 0; r < trees.size(); ++r) CHECK(trees[r] == tree{{"rank", static_cast<int>(r)}});
    CHECK(gather(world, std::string()).size() == (world.rank() == 0 ? static_cast<std::size_t>(world.size()) : 0));
  });
}

TEST_CASE("gather: models as objects") {
  worlds::run({1, 3}, [](communicator& world) {
    five::plain mine;
    mine.steps = world.rank();
    auto const all = gather(world, mine);
    for (std::size_t r = 0; r < all.size(); ++r) {
      CHECK(all[r].steps == static_cast<int>(r));
      CHECK(std::get<1>(all[r].layers).bias == 11);
    }
    CHECK(gather(world, five::make_eigen(), world.size() - 1).size() ==
          (world.rank() == world.size() - 1 ? static_cast<std::size_t>(world.size()) : 0));
  });
}

TEST_CASE("gather: what does not fit is refused, and says both numbers") {
  tutti::testing::run_ranks(1, [](communicator& world) {
    std::vector<int> all(3);
    CHECK_THROWS_WITH_AS(gather(world, std::vector<int>(2), all),
                         "gather: the root has room for 3 elements, not 1 blocks of 2", tutti::error);
    CHECK(worlds::kind_of_error([&] { gather(world, std::vector<int>(3), all, 1); }) == "config");
    gather(world, std::vector<int>{1, 2, 3}, all);
    CHECK(all == std::vector<int>{1, 2, 3});
  });
}

}  // namespace
