// SPDX-License-Identifier: BSL-1.0
// Promises of data/dirichlet.hpp.
#include <tutti/data/dirichlet.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "content.hpp"

namespace {

using content::row;

std::vector<int> of_label(std::vector<row> const& all, std::vector<int> const& to, int p, int label) {
  return content::counts(all, to, p, [&](row const& r) { return r.label == label; });
}

TEST_CASE("dirichlet: the shares have the mean and the variance of the distribution, for small and large alpha") {
  constexpr int draws = 20'000;
  constexpr std::uint64_t n = 1'000'000;
  for (double const alpha : {0.05, 0.5, 1.0, 3.0, 40.0}) {
    std::vector<double> sum(4), squares(4);
    for (std::uint64_t d = 0; d < draws; ++d) {
      auto const cuts = tutti::detail::dirichlet_cuts(n, 4, alpha, tutti::detail::mix64(d + 77));
      for (std::size_t r = 0; r < 4; ++r) {
        double const share = static_cast<double>(cuts[r] - (r == 0 ? 0 : cuts[r - 1])) / static_cast<double>(n);
        sum[r] += share;
        squares[r] += share * share;
      }
      REQUIRE(cuts[3] == n);
    }
    double const variance = 0.25 * 0.75 / (4 * alpha + 1);
    for (std::size_t r = 0; r < 4; ++r) {
      double const mean = sum[r] / draws;
      CHECK(std::abs(mean - 0.25) < 5 * std::sqrt(variance / draws));
      CHECK(squares[r] / draws - mean * mean == doctest::Approx(variance).epsilon(0.05));
    }
  }
}

TEST_CASE("dirichlet: a large alpha is stratified, a small one leaves most ranks without most labels") {
  auto const all = content::rows(4000);
  for (int const p : {1, 2, 3, 5}) {
    auto const even = content::assigned(all, p, tutti::dirichlet(1e12, &row::label));
    auto const uneven = content::assigned(all, p, tutti::dirichlet(0.01, &row::label, 4));
    int lacking = 0;
    for (int label = 0; label < 10; ++label) {
      CHECK(content::spread(of_label(all, even, p, label)) <= 1);
      for (int n : of_label(all, uneven, p, label)) lacking += n == 0 ? 1 : 0;
    }
    CHECK(lacking >= 10 * (p - 1) / 2);
  }
}

TEST_CASE("dirichlet: the seed decides, not how the ranks share the rows; a share is spread over its label's rows") {
  auto const all = content::rows(1000);
  auto const alone = content::assigned(all, 1, tutti::dirichlet(0.5, &row::label, 1), 4);
  CHECK(content::assigned(all, 3, tutti::dirichlet(0.5, &row::label, 1), 4) == alone);
  CHECK(content::assigned(all, 3, tutti::dirichlet(0.5, &row::label, 2), 4) != alone);
  std::vector<int> runs;  // of label 0, in the order of its rows: were shares contiguous, there would be at most 4
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].label == 0 && (runs.empty() || runs.back() != alone[i])) runs.push_back(alone[i]);
  CHECK(runs.size() > 8);
  CHECK_THROWS_AS(tutti::dirichlet(0.0, &row::label), tutti::error);
}

}  // namespace
