// SPDX-License-Identifier: BSL-1.0
// Promises of data/bootstrap.hpp.
#include <tutti/data/bootstrap.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "content.hpp"

namespace {

using content::row;

/// How often each row was drawn; checks that every rank has its even share of draws.
std::vector<int> times_drawn(std::vector<row> const& all, int p, std::uint64_t seed, std::uint64_t* most = nullptr) {
  std::vector<int> times(all.size());
  for (auto const& part : content::repartitioned(all, p, tutti::bootstrap(seed), most)) {
    CHECK(part.size() - all.size() / static_cast<std::size_t>(p) <= 1);
    for (row const& r : part) ++times[static_cast<std::size_t>(r.id)];
  }
  return times;
}

TEST_CASE("bootstrap: n draws, shared evenly, the same ones on any number of ranks") {
  for (int const n : {0, 1, 5, 600}) {
    auto const all = content::rows(n);
    auto const alone = times_drawn(all, 1, 7);
    for (int const p : {2, 3, 5, 8}) CHECK(times_drawn(all, p, 7) == alone);
    if (n == 600) CHECK(times_drawn(all, 3, 8) != alone);
  }
}

TEST_CASE("bootstrap: how often a row is drawn is Poisson with mean one, and nobody receives more than 2n/P rows") {
  constexpr int n = 40'000;
  std::uint64_t most = 0;
  auto const all = content::rows(n);
  std::vector<int> rows_drawn(20);
  for (int t : times_drawn(all, 4, 1, &most)) ++rows_drawn[static_cast<std::size_t>(t)];
  double expected = n * 0.36787944117144233;  // n / e rows never, n / e once, n / 2e twice, …
  double chi_square = 0;
  for (int t = 0; t < 6; ++t) {
    double const off = rows_drawn[static_cast<std::size_t>(t)] - expected;
    chi_square += off * off / expected;
    expected /= t + 1;
  }
  CHECK(chi_square < 25);  // 6 classes: beyond it once in three thousand seeds; a shuffle gives 100,000
  CHECK(most <= 2 * all.size() * sizeof(row) / 4);
}

}  // namespace
