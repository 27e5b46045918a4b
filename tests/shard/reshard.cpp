// SPDX-License-Identifier: BSL-1.0
#include <tutti/shard/reshard.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <vector>

namespace {

using tutti::communicator;
using tutti::cotangent_t;
using tutti::partial;
using tutti::redistribute;
using tutti::replicated;
using tutti::split;
using shape = std::vector<std::size_t>;

struct dp;
struct tp;

// What follows from forward types alone.
static_assert(std::is_same_v<cotangent_t<replicated<tp, float>>, partial<tp, tutti::sum, float>>);
static_assert(std::is_same_v<cotangent_t<partial<tp, tutti::sum, float>>, replicated<tp, float>>);
static_assert(std::is_same_v<cotangent_t<split<tp, 1, float>>, split<tp, 1, float>>);
static_assert(
    std::is_same_v<cotangent_t<split<dp, 0, replicated<tp, float>>>, split<dp, 0, partial<tp, tutti::sum, float>>>);
static_assert(split<tp, 0, float>::readable && !partial<tp, tutti::sum, float>::readable);

/// Element (i, j, k) of the tensor of all these tests.
constexpr int number(std::size_t i, std::size_t j, std::size_t k) {
  return static_cast<int>(10000 * (i + 1) + 100 * (j + 1) + k + 1);
}

/// Compares every element that is here with the definition, by the indices that a rank of `size` has of each dimension
/// by dealing them out one by one.
template <class P>
bool holds(P const& x, shape const& s, std::size_t cut, int size, int rank) {
  std::vector<int> due;
  auto const mine = [&](std::size_t dim, std::size_t index) {
    if (dim != cut) return true;
    std::size_t next = 0;
    for (int r = 0; r < size; ++r) {
      auto const p = static_cast<std::size_t>(size);
      std::size_t const share = (s[dim] + p - 1 - static_cast<std::size_t>(r)) / p;
      if (index < next + share) return r == rank;
      next += share;
    }
    return false;
  };
  for (std::size_t i = 0; i < s[0]; ++i)
    for (std::size_t j = 0; j < s[1]; ++j)
      for (std::size_t k = 0; k < s[2]; ++k)
        if (mine(0, i) && mine(1, j) && mine(2, k)) due.push_back(number(i, j, k));
  return x.shape() == s && std::vector<int>(x.begin(), x.end()) == due;
}

template <class Grid>
auto whole_tensor(Grid const& g, shape const& s) {
  replicated<tp, int> x(g, s);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = number(i / (s[1] * s[2]), i / s[2] % s[1], i % s[2]);
  return x;
}

TEST_CASE("redistribute: every way between placements gives the elements of the definition, in one call or none") {
  for (int const p : {1, 2, 3, 5})
    tutti::testing::run_ranks(p, [](communicator& world) {
      auto g = world.grid<tp>(world.size());
      auto& comm = g.along<tp>();
      int const size = world.size(), me = world.rank();
      auto const calls = [&] { return comm.stats().calls; };
      for (shape const& s : {shape{4, 3, 5}, shape{1, 7, 2}, shape{3, 0, 2}, shape{2, 2, 1}}) {
        auto const whole = whole_tensor(g, s);
        auto const before = calls();
        auto rows = redistribute<split<tp, 0>>(g, whole);
        auto columns = redistribute<split<tp, 1, int>>(g, whole);
        CHECK(holds(rows, s, 0, size, me));
        CHECK(holds(columns, s, 1, size, me));
        auto const terms = redistribute<partial<tp>>(g, whole);
        auto const from_rows = redistribute<partial<tp>>(g, rows);
        CHECK(calls() == before);

        CHECK(holds(redistribute<replicated<tp>>(g, rows), s, 3, size, me));  // allgather
        CHECK(holds(redistribute<replicated<tp>>(g, columns), s, 3, size, me));
        CHECK(calls() == before + 2);
        CHECK(holds(redistribute<split<tp, 2>>(g, rows), s, 2, size, me));  // alltoall
        CHECK(holds(redistribute<split<tp, 0>>(g, columns), s, 0, size, me));
        CHECK(calls() == before + 4);
        CHECK(holds(redistribute<replicated<tp>>(g, terms), s, 3, size, me));  // allreduce
        CHECK(holds(redistribute<replicated<tp>>(g, from_rows), s, 3, size, me));
        CHECK(calls() == before + 6);
        CHECK(holds(redistribute<split<tp, 1>>(g, from_rows), s, 1, size, me));  // reduce_scatter
        CHECK(holds(redistribute<split<tp, 0>>(g, terms), s, 0, size, me));
        CHECK(calls() == before + 8);
        CHECK(holds(redistribute<split<tp, 0>>(g, rows), s, 0, size, me));  // nothing to do
        CHECK(calls() == before + 8);
      }
    });
}

TEST_CASE("redistribute: a split to replicated sends each rank's share once, a slice nothing") {
  tutti::testing::run_ranks(3, [](communicator& world) {
    auto g = world.grid<tp>(3);
    auto const rows = redistribute<split<tp, 1>>(g, whole_tensor(g, {100, 60, 1}));
    auto const before = g.along<tp>().stats().bytes_sent;
    (void)redistribute<replicated<tp>>(g, rows);
    auto const sent = g.along<tp>().stats().bytes_sent - before;
    CHECK(sent >= 100 * 20 * sizeof(int));
    CHECK(allreduce(world, sent) < 2 * 6000 * sizeof(int) + 2000);
  });
}

TEST_CASE("redistribute: the operation of the terms is the one that joins them") {
  tutti::testing::run_ranks(3, [](communicator& world) {
    auto g = world.grid<tp>(3);
    partial<tp, tutti::max, int> const highs(g, {4}, 10 * (world.rank() + 1) % 25);
    auto const high = redistribute<replicated<tp>>(g, highs);
    CHECK(std::vector<int>(high.begin(), high.end()) == std::vector<int>(4, 20));
  });
}

TEST_CASE("redistribute: along one axis of a grid, the places along the others stay") {
  tutti::testing::run_ranks(6, [](communicator& world) {
    auto g = world.grid<dp, tp>(3, 2);
    split<dp, 0, split<tp, 1, int>> x(g, {7, 5});
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int>(x.layout().index_in_whole(i));
    auto const rows = redistribute<replicated<tp>>(g, x);
    static_assert(std::is_same_v<decltype(rows), split<dp, 0, replicated<tp, int>> const>);
    CHECK(rows.here(0) == tutti::share_of(7, 3, g.rank<dp>()));
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i] == static_cast<int>(rows.here(0).begin * 5 + i));
    auto const all = redistribute<replicated<dp, replicated<tp, int>>>(g, x);
    REQUIRE(all.size() == 35);
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i] == static_cast<int>(i));
  });
}

TEST_CASE("redistribute: a tensor of another grid is refused by a sentence") {
  tutti::testing::run_ranks(2, [](communicator& world) {
    auto g = world.grid<tp>(2);
    auto other = world.grid<dp, tp>(2, 1);
    split<tp, 0, int> const half(g, {4});
    CHECK_THROWS_WITH_AS((void)redistribute<replicated<tp>>(other, half), doctest::Contains("made on another grid"),
                         tutti::error);
  });
}

}  // namespace
