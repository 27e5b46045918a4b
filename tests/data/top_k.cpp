// SPDX-License-Identifier: BSL-1.0
// Promises of data/top_k.hpp.
#include <tutti/data/top_k.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "statistics.hpp"

namespace {

using item = tutti::located<double, std::int64_t>;

TEST_CASE("top_k: any number of ranks finds what sorting everything finds, ties by index") {
  auto all = statistics::numbers(3001, 0);
  for (std::size_t i = 0; i < all.size(); i += 2) all[i] = std::floor(all[i] * 4) / 4;  // many equal ones
  std::vector<item> due;
  for (std::size_t i = 0; i < all.size(); ++i) due.push_back({all[i], static_cast<std::int64_t>(i)});
  std::stable_sort(due.begin(), due.end(), [](item const& a, item const& b) { return a.value > b.value; });
  for (std::size_t k : {0U, 1U, 5U, 1000U, 3001U, 5000U}) {
    auto const first =
        std::vector<item>(due.begin(), due.begin() + static_cast<std::ptrdiff_t>(std::min(k, due.size())));
    for (int p : {1, 2, 3, 5}) {
      tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
        auto const mine = statistics::share(all, p, world.rank());
        tutti::top_k<double> t(k);
        for (double const& x : mine) t.add(x, &x - all.data());
        CHECK(allreduce(world, t, tutti::merge).items() == first);
      });
    }
  }
}

TEST_CASE("top_k: NaN is passed over; ranks that keep other numbers of items are told so") {
  tutti::top_k<double> t(2);
  t.add(std::numeric_limits<double>::quiet_NaN(), 1);
  t.add(-1, 2);
  CHECK(t.items() == std::vector<item>{{-1, 2}});
  CHECK_THROWS_WITH_AS(t.merge(tutti::top_k<double>(3)), "top_k: one rank keeps 2 items, another 3", tutti::error);
}

}  // namespace
