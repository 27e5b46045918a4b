// SPDX-License-Identifier: BSL-1.0
// Promises of data/covariance.hpp.
#include <tutti/data/covariance.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "statistics.hpp"

namespace {

constexpr std::size_t d = 3;

// Row i is (u, 2 u + v, w) with u, v, w around 1e9: columns 0 and 1 depend on one another.
std::vector<double> row(std::vector<double> const& u, std::size_t i) {
  return {u[3 * i], 2 * (u[3 * i] - 1e9) + u[3 * i + 1], u[3 * i + 2]};
}

TEST_CASE("covariance: of rows around 1e9 over uneven shards as exact as two passes in long double") {
  std::size_t const n = 20'001;
  auto const all = statistics::numbers(d * n, 1e9);
  long double mean[d] = {}, due[d][d] = {};
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t a = 0; a < d; ++a) mean[a] += (row(all, i)[a] - 1e9L) / n;
  for (std::size_t i = 0; i < n; ++i) {
    auto const x = row(all, i);
    for (std::size_t a = 0; a < d; ++a)
      for (std::size_t b = 0; b < d; ++b) due[a][b] += (x[a] - 1e9L - mean[a]) * (x[b] - 1e9L - mean[b]) / n;
  }
  for (int p : {1, 2, 3, 4, 5}) {
    tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
      tutti::covariance<> mine(d);
      auto const r = static_cast<std::size_t>(world.rank());
      for (std::size_t i = n * r * r / static_cast<std::size_t>(p * p);
           i < n * (r + 1) * (r + 1) / static_cast<std::size_t>(p * p); ++i)
        mine.add(row(all, i));
      auto const c = allreduce(world, mine, tutti::merge);
      CHECK(c.count() == n);
      for (std::size_t a = 0; a < d; ++a) {
        CHECK(c.mean(a) == doctest::Approx(static_cast<double>(mean[a] + 1e9L)).epsilon(1e-15));
        for (std::size_t b = 0; b < d; ++b)
          CHECK(std::fabs(c(a, b) - static_cast<double>(due[a][b])) <= 1e-12 * static_cast<double>(due[a][a]) * 5);
      }
      CHECK(c.correlation(0, 1) == doctest::Approx(2 / std::sqrt(5.0)).epsilon(0.02));
      CHECK(c.correlation(2, 2) == doctest::Approx(1));
    });
  }
  // Control: E[xy] - E[x] E[y].
  double xy = 0, x = 0, y = 0;
  for (std::size_t i = 0; i < n; ++i) xy += all[3 * i] * all[3 * i + 2], x += all[3 * i], y += all[3 * i + 2];
  CHECK(std::fabs(xy / n - x / n * (y / n) - static_cast<double>(due[0][2])) > 1e-3);
}

TEST_CASE("covariance: ranks without rows fit in; other dimensions are refused on every rank") {
  tutti::testing::run_ranks(3, [](tutti::communicator& world) {
    tutti::covariance<float> mine;  // of no dimensions: knows nothing yet
    if (world.rank() == 1) {
      mine = tutti::covariance<float>(2);
      mine.add(std::vector<float>{1, 2});
      mine.add(std::vector<float>{3, 6});
    }
    auto const c = allreduce(world, mine, tutti::merge);
    CHECK((c.dimensions() == 2 && c.count() == 2 && c(0, 1) == 2.0F && c.sample(0, 1) == 4.0F && c(1, 1) == 4.0F));

    tutti::covariance<> odd(world.rank() == 2 ? 3 : 2);
    odd.add(std::vector<double>(odd.dimensions()));
    CHECK_THROWS_WITH_AS((void)allreduce(world, odd, tutti::merge),
                         "covariance: 3 dimensions where this one has 2; all ranks give the same number", tutti::error);
    CHECK_THROWS_AS(odd.add(std::vector<double>(9)), tutti::error);
  });
}

}  // namespace
