// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/allgather.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "worlds.hpp"

namespace {

using tutti::communicator;
using worlds::algorithm;

std::size_t length(int r) { return r % 3 == 1 ? 0 : static_cast<std::size_t>(r) * 997 + 2; }

TEST_CASE("allgather: everyone has everyone's block in rank order, for every algorithm and count") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (std::size_t const n : worlds::counts(world.size())) {
        CAPTURE(static_cast<int>(a));
        CAPTURE(n);
        std::vector<std::int64_t> all(n * static_cast<std::size_t>(world.size()), -1);
        allgather(world, worlds::numbers(world.rank(), n), all, {.algorithm = a});
        CHECK(all == worlds::all_numbers(world.size(), n));
      }
  });
}

TEST_CASE("allgather: megabytes in streams that hold 64 KiB") {
  worlds::run({2, 3}, [](communicator& world) {
    for (algorithm const a : worlds::algorithms) {
      std::vector<std::int64_t> all(100'003 * static_cast<std::size_t>(world.size()));
      allgather(world, worlds::numbers(world.rank(), 100'003), all, {.algorithm = a});
      CHECK(all == worlds::all_numbers(world.size(), 100'003));
    }
  });
}

TEST_CASE("allgather: a block that already lies in its place stays there") {
  worlds::run(worlds::few, [](communicator& world) {
    for (algorithm const a : worlds::algorithms) {
      std::vector<std::int64_t> all(static_cast<std::size_t>(world.size()) * 3000, -1);
      auto const mine = std::span(all).subspan(static_cast<std::size_t>(world.rank()) * 3000, 3000);
      for (std::size_t i = 0; i < 3000; ++i) mine[i] = worlds::number(world.rank(), i);
      allgather(world, mine, all, {.algorithm = a});
      CHECK(all == worlds::all_numbers(world.size(), 3000));
    }
  });
}

TEST_CASE("allgather: arrays and structs") {
  worlds::run(worlds::few, [](communicator& world) {
    std::array<worlds::matrix, 1> const mine{worlds::matrix::of(world.rank(), 2)};
    std::vector<worlds::matrix> all(static_cast<std::size_t>(world.size()));
    allgather(world, mine, all);
    for (int r = 0; r < world.size(); ++r) CHECK(all[static_cast<std::size_t>(r)] == worlds::matrix::of(r, 2));
  });
}

TEST_CASE("allgather: blocks of any length, some or all empty, come back as one ragged") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms) {
      tutti::ragged<std::int64_t> expected;
      for (int r = 0; r < world.size(); ++r) expected.push_back(worlds::numbers(r, length(r)));
      CHECK(allgather(world, worlds::numbers(world.rank(), length(world.rank())), {.algorithm = a}) == expected);
      auto const none = allgather(world, std::vector<float>{}, {.algorithm = a});
      CHECK(none.size() == static_cast<std::size_t>(world.size()));
      CHECK(none.values.empty());
    }
  });
}

TEST_CASE("allgather: one object from each rank; empty ones, and ones of many pieces beside short ones") {
  worlds::run(worlds::few, [](communicator& world) {
    auto const text = [](int r) {
      return std::string(static_cast<std::size_t>(r) * 1'300'000, static_cast<char>('a' + r));
    };
    auto const all = allgather(world, text(world.rank()));
    REQUIRE(all.size() == static_cast<std::size_t>(world.size()));
    for (int r = 0; r < world.size(); ++r) CHECK((all[static_cast<std::size_t>(r)] == text(r)));
    auto const lists = allgather(world, std::vector<std::string>(static_cast<std::size_t>(world.rank()), "x"));
    for (std::size_t r = 0; r < lists.size(); ++r) CHECK(lists[r] == std::vector<std::string>(r, "x"));
  });
}

TEST_CASE("allgather: what does not fit is refused before anything is sent") {
  worlds::run({1, 3}, [](communicator& world) {
    std::vector<int> all(static_cast<std::size_t>(world.size()) * 2 + 1);
    CHECK(worlds::kind_of_error([&] { allgather(world, std::vector<int>(2), all); }) == "config");
    all.pop_back();
    allgather(world, std::vector<int>(2, 9), all);
    CHECK(all == std::vector<int>(all.size(), 9));
  });
}

}  // namespace
