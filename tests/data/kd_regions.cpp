// SPDX-License-Identifier: BSL-1.0
// Promises of data/kd_regions.hpp, data/select.hpp and data/disjoint_sets.hpp.
#include <tutti/data/kd_regions.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <vector>

#include <tutti/data/disjoint_sets.hpp>

#include "statistics.hpp"

namespace {

TEST_CASE("select: the q-th smallest over all ranks, equal ones by rank and place, is what sorting says") {
  for (int p : {1, 2, 3, 5}) {
    std::vector<std::uint64_t> all;
    for (double x : statistics::numbers(997, 0)) all.push_back(static_cast<std::uint64_t>(x * 40));  // many ties
    auto sorted = all;
    std::sort(sorted.begin(), sorted.end());
    for (std::uint64_t const before : {0U, 1U, 400U, 996U, 997U}) {
      std::mutex guard;
      std::uint64_t ahead = 0;
      tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
        auto const r = static_cast<std::size_t>(world.rank()), n = static_cast<std::size_t>(p);
        std::vector<std::uint64_t> const mine(all.begin() + static_cast<std::ptrdiff_t>(997 * r / n),
                                              all.begin() + static_cast<std::ptrdiff_t>(997 * (r + 1) / n));
        std::vector<std::vector<std::uint64_t>> keys{{}, mine};
        std::sort(keys[1].begin(), keys[1].end());
        std::vector<tutti::detail::key_cut> cuts{{1, before}};
        tutti::detail::select(world, keys, cuts, 16);
        std::lock_guard const lock(guard);
        for (auto const k : mine) {
          bool const behind = cuts[0].is_behind(k);
          if (!behind) ++ahead;
          if (before < 997) CHECK((behind ? k >= sorted[before] : k <= sorted[before]));
        }
      });
      CHECK(ahead == before);
    }
  }
}

TEST_CASE("kd_regions: as many points in every box, whatever their ties, and boxes apart from one another") {
  for (int kind : {0, 1, 2}) {
    auto const u = statistics::numbers(3 * 1009, -0.5);
    std::vector<std::array<double, 3>> all(1009);
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t j = 0; j < 3; ++j)
        all[i][j] = kind == 0 ? u[3 * i + j] : kind == 1 ? static_cast<double>(static_cast<int>(8 * u[3 * i + j])) : 7;
    for (int p : {1, 2, 3, 4, 5, 8, 13}) {
      std::mutex guard;
      auto const ranks = static_cast<std::size_t>(p);
      std::vector<std::size_t> size(ranks);
      using corner = std::array<double, 3>;
      std::vector<corner> low(ranks, corner{9, 9, 9}), high(ranks, corner{-9, -9, -9});
      tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
        auto const r = static_cast<std::size_t>(world.rank());
        std::vector<corner> const mine(
            all.begin() + static_cast<std::ptrdiff_t>(1009 * r * r / (ranks * ranks)),
            all.begin() + static_cast<std::ptrdiff_t>(1009 * (r + 1) * (r + 1) / (ranks * ranks)));
        tutti::detail::point_table<double> const points("x", mine, tutti::whole_row{});
        auto const region = tutti::detail::kd_regions(world, points, 3);
        std::lock_guard const lock(guard);
        for (std::size_t i = 0; i < mine.size(); ++i) {
          auto const at = static_cast<std::size_t>(region[i]);
          ++size.at(at);
          for (std::size_t j = 0; j < 3; ++j) {
            low[at][j] = std::min(low[at][j], mine[i][j]);
            high[at][j] = std::max(high[at][j], mine[i][j]);
          }
        }
      });
      CHECK(*std::max_element(size.begin(), size.end()) - *std::min_element(size.begin(), size.end()) <= 4);
      for (std::size_t a = 0; a < ranks; ++a)
        for (std::size_t b = 0; b < a; ++b) {
          bool apart = false;
          for (std::size_t j = 0; j < 3; ++j) apart = apart || high[a][j] <= low[b][j] || high[b][j] <= low[a][j];
          CHECK(apart);
        }
    }
  }
}

TEST_CASE("kd_regions: the order of bits is that of numbers") {
  double const inf = std::numeric_limits<double>::infinity();
  std::vector<double> const rising{-inf, -1e300, -1.5, -1, -1e-310, 0, 1e-310, 1, 1.5, 1e300, inf};
  for (std::size_t i = 1; i < rising.size(); ++i)
    CHECK(tutti::detail::ordered_bits(rising[i - 1]) < tutti::detail::ordered_bits(rising[i]));
  CHECK(tutti::detail::ordered_bits(-0.0) == tutti::detail::ordered_bits(0.0));
}

TEST_CASE("disjoint_sets: the root of a set is its smallest member") {
  tutti::detail::disjoint_sets sets(10);
  sets.join(9, 5);
  sets.join(5, 7);
  sets.join(2, 3);
  CHECK((sets.root(9) == 5 && sets.root(7) == 5 && sets.root(3) == 2 && sets.root(8) == 8));
  sets.join(3, 7);
  for (std::size_t i : {2U, 3U, 5U, 7U, 9U}) CHECK(sets.root(i) == 2);
}

}  // namespace
