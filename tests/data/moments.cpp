// SPDX-License-Identifier: BSL-1.0
// Promises of data/moments.hpp.
#include <tutti/data/moments.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "statistics.hpp"

namespace {

using statistics::share;

struct oracle {  // two passes in long double
  long double mean = 0, variance = 0;
  explicit oracle(std::vector<double> const& all) {
    auto const n = static_cast<long double>(all.size());
    for (double x : all) mean += (static_cast<long double>(x) - 1e9L) / n;
    for (double x : all) variance += (x - 1e9L - mean) * (x - 1e9L - mean) / n;
    mean += 1e9L;
  }
};
double off(double got, long double due) { return static_cast<double>(std::fabs((got - due) / due)); }

TEST_CASE("moments: of 1e9 + U(0, 1) over uneven shards as exact as two passes in long double") {
  auto const all = statistics::numbers(200'003, 1e9);
  oracle const due(all);
  for (int p : {1, 2, 3, 4, 5, 8}) {
    tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
      tutti::moments<> mine;
      for (double x : share(all, p, world.rank())) mine.add(x);
      auto const m = allreduce(world, mine, tutti::merge);
      CAPTURE(p);
      CHECK(m.count() == all.size());
      CHECK(off(m.mean(), due.mean) <= 1e-15);
      CHECK(off(m.variance(), due.variance) <= 1e-12);
      CHECK(m.min() == *std::min_element(all.begin(), all.end()));
      CHECK(m.max() == *std::max_element(all.begin(), all.end()));
    });
  }
  // Control: the formula that everyone writes first loses all digits.
  double sum = 0, squares = 0;
  for (double x : all) sum += x, squares += x * x;
  auto const n = static_cast<double>(all.size());
  CHECK(off(squares / n - sum / n * (sum / n), due.variance) > 0.1);
  // Control: so does Welford's with a mean of one double, by a thousand times what is promised.
  double mean = 0, m2 = 0, seen = 0;
  for (double x : all) {
    double const before = x - mean;
    mean += before / ++seen;
    m2 += before * (x - mean);
  }
  CHECK(off(m2 / seen, due.variance) > 1e-12);
}

TEST_CASE("moments: ranks that saw nothing change nothing; of nothing at all the mean is NaN") {
  tutti::testing::run_ranks(3, [](tutti::communicator& world) {
    tutti::moments<float> mine;
    if (world.rank() == 1)
      for (float x : {1.0F, 2.0F, 6.0F}) mine.add(x);
    auto const m = allreduce(world, mine, tutti::merge);
    CHECK(m.count() == 3);
    CHECK(m.mean() == 3.0F);
    CHECK(m.variance() == doctest::Approx(14.0 / 3));
    CHECK(m.sample_variance() == 7.0F);
    CHECK(m.deviation() == doctest::Approx(std::sqrt(14.0 / 3)));
    auto const none = allreduce(world, tutti::moments<>{}, tutti::merge);
    CHECK((std::isnan(none.mean()) && std::isnan(none.variance()) && none.count() == 0));
    CHECK(none.min() > none.max());
  });
  tutti::moments<> poisoned;
  poisoned.add(1);
  poisoned.add(std::numeric_limits<double>::quiet_NaN());
  CHECK(std::isnan(poisoned.mean()));
}

TEST_CASE("moments: scan and reduce take them too") {
  tutti::testing::run_ranks(4, [](tutti::communicator& world) {
    tutti::moments<> mine;
    mine.add(world.rank());
    CHECK(scan(world, mine, tutti::merge).mean() == doctest::Approx(world.rank() / 2.0));
    auto const m = reduce(world, mine, tutti::merge, 2);
    CHECK(m.count() == (world.rank() == 2 ? 4 : 1));
  });
}

}  // namespace
