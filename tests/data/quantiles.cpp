// SPDX-License-Identifier: BSL-1.0
// Promises of data/quantiles.hpp.
#include <tutti/data/quantiles.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "statistics.hpp"

namespace {

using statistics::share;

// How many ranks the answer is off: 0 where ⌈q n⌉ falls on one of its copies.
std::uint64_t off(std::vector<double> const& sorted, double q, double answer) {
  auto const due = static_cast<std::ptrdiff_t>(std::max(1.0, std::ceil(q * static_cast<double>(sorted.size()))));
  auto const less = std::lower_bound(sorted.begin(), sorted.end(), answer) - sorted.begin();
  auto const at_most = std::upper_bound(sorted.begin(), sorted.end(), answer) - sorted.begin();
  CHECK(less < at_most);  // it is one of the numbers
  return static_cast<std::uint64_t>(due > at_most ? due - at_most : due <= less ? less + 1 - due : 0);
}
std::vector<double> const ranks{0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};

void check(std::vector<double> const& all, std::size_t width, double promised) {
  auto sorted = all;
  std::sort(sorted.begin(), sorted.end());
  for (int p : {1, 2, 3, 5, 8}) {
    tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
      tutti::quantiles<> mine(width);
      for (double x : share(all, p, world.rank())) mine.add(x);
      auto const q = allreduce(world, mine, tutti::merge);
      REQUIRE(q.count() == all.size());
      auto const answers = q.at(ranks);
      auto const n = static_cast<double>(all.size());
      CHECK(static_cast<double>(q.error_bound()) <= promised * n);
      for (std::size_t i = 0; i < ranks.size(); ++i) {
        CAPTURE(ranks[i]);
        CHECK(off(sorted, ranks[i], answers[i]) <= q.error_bound());
      }
      CHECK((q.at(0) == sorted.front() && q.at(1) == sorted.back()));
    });
  }
}

TEST_CASE("quantiles: no rank is further off than error_bound() says, whatever the order of the numbers") {
  auto all = statistics::numbers(50'021, 0);
  check(all, 256, 0.04);  // 8 levels / 256, and what merging adds
  std::sort(all.begin(), all.end());
  check(all, 256, 0.04);
  for (double& x : all) x = std::floor(x * 10);  // heavy ties
  check(all, 256, 0.04);
}

TEST_CASE("quantiles: exact while all numbers fit") {
  check(statistics::numbers(1000, 0), 1000, 0);
  check({5}, 2, 0);
}

TEST_CASE("quantiles: memory stays at width numbers per level") {
  tutti::quantiles<> q(64);
  for (double x : statistics::numbers(100'000, 0)) q.add(x);
  CHECK(tutti::encode(q).size() < 12 * 64 * 8 + 400);  // log2(100000 / 64) is 10.6
}

TEST_CASE("quantiles: NaN is passed over; nothing seen, another width and a rank outside [0, 1] are refused") {
  tutti::quantiles<float> q(8);
  CHECK_THROWS_AS((void)q.at(0.5), tutti::error);
  q.add(std::numeric_limits<float>::quiet_NaN());
  q.add(3);
  CHECK((q.count() == 1 && q.at(0.5) == 3.0F));
  CHECK_THROWS_AS((void)q.at(1.5), tutti::error);
  CHECK_THROWS_WITH_AS(q.merge(tutti::quantiles<float>(9)), "quantiles: one rank keeps 8 numbers per level, another 9",
                       tutti::error);
  CHECK_THROWS_AS(tutti::quantiles<>(1), tutti::error);
}

}  // namespace
