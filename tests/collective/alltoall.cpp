// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/alltoall.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "worlds.hpp"

namespace {

using tutti::communicator;

/// What rank s sends to rank d as element i.
std::int64_t letter(int s, int d, std::size_t i) { return worlds::number(s * 31 + d, i); }

std::vector<std::int64_t> sent(int p, int s, std::size_t n) {
  std::vector<std::int64_t> v;
  for (int d = 0; d < p; ++d)
    for (std::size_t i = 0; i < n; ++i) v.push_back(letter(s, d, i));
  return v;
}
std::vector<std::int64_t> due(int p, int d, std::size_t n) {
  std::vector<std::int64_t> v;
  for (int s = 0; s < p; ++s)
    for (std::size_t i = 0; i < n; ++i) v.push_back(letter(s, d, i));
  return v;
}

TEST_CASE("alltoall: block q comes from rank q, for every count, in place too; what is sent stays") {
  worlds::run(worlds::sizes, [](communicator& world) {
    int const p = world.size();
    for (std::size_t const n : worlds::counts(p)) {
      CAPTURE(n);
      auto const out = sent(p, world.rank(), n);
      std::vector<std::int64_t> in(out.size(), -1);
      alltoall(world, out, in);
      CHECK(in == due(p, world.rank(), n));
      CHECK(out == sent(p, world.rank(), n));
      in = out;
      alltoall(world, in);
      CHECK(in == due(p, world.rank(), n));
      CHECK(alltoall(world, sent(p, world.rank(), n)) == due(p, world.rank(), n));
    }
  });
}

TEST_CASE("alltoall: megabytes in streams that hold 64 KiB") {
  worlds::run({2, 3}, [](communicator& world) {
    std::vector<std::int64_t> in(static_cast<std::size_t>(world.size()) * 100'003);
    alltoall(world, sent(world.size(), world.rank(), 100'003), in);
    CHECK(in == due(world.size(), world.rank(), 100'003));
  });
}

// Unlike in the two directions; some pairs exchange nothing, or only one way.
std::size_t length(int s, int d) { return (s + 2 * d) % 3 == 1 ? 0 : static_cast<std::size_t>(s * 313 + d * 97 + 1); }

TEST_CASE("alltoall: blocks of any length, some or all empty; nobody but the sender knows them") {
  worlds::run(worlds::sizes, [](communicator& world) {
    auto const letters = [](int s, int d) {
      std::vector<std::int64_t> v;
      for (std::size_t i = 0; i < length(s, d); ++i) v.push_back(letter(s, d, i));
      return v;
    };
    tutti::ragged<std::int64_t> out;
    tutti::ragged<std::int64_t> expected;
    for (int q = 0; q < world.size(); ++q) {
      out.push_back(letters(world.rank(), q));
      expected.push_back(letters(q, world.rank()));
    }
    CHECK(alltoall(world, out) == expected);
    tutti::ragged<double> nothing;
    nothing.counts.assign(static_cast<std::size_t>(world.size()), 0);
    CHECK(alltoall(world, nothing) == nothing);
  });
}

TEST_CASE("alltoall: one object for each rank, empty ones and ones of many pieces") {
  worlds::run(worlds::few, [](communicator& world) {
    auto const text = [](int s, int d) {
      return std::string(static_cast<std::size_t>(s == 0 && d == 1 ? 2'300'000 : s * d), static_cast<char>('a' + s));
    };
    std::vector<std::string> out;
    for (int d = 0; d < world.size(); ++d) out.push_back(text(world.rank(), d));
    auto const in = alltoall(world, out);
    REQUIRE(in.size() == out.size());
    for (int s = 0; s < world.size(); ++s) CHECK((in[static_cast<std::size_t>(s)] == text(s, world.rank())));
  });
}

TEST_CASE("alltoall: what does not fit is refused before anything is sent") {
  worlds::run({1, 3}, [](communicator& world) {
    auto const p = static_cast<std::size_t>(world.size());
    std::vector<int> in(2 * p);
    CHECK(worlds::kind_of_error([&] { alltoall(world, std::vector<int>(3 * p), in); }) == "config");
    if (p > 1) CHECK(worlds::kind_of_error([&] { (void)alltoall(world, std::vector<int>(2 * p + 1)); }) == "config");
    CHECK(worlds::kind_of_error([&] { (void)alltoall(world, tutti::ragged<int>(in, {2 * p})); }) ==
          (p == 1 ? "" : "config"));
    alltoall(world, std::vector<int>(2 * p, world.rank()), in);
    for (std::size_t q = 0; q < 2 * p; ++q) CHECK(in[q] == static_cast<int>(q / 2));
  });
}

}  // namespace
