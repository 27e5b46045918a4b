// SPDX-License-Identifier: BSL-1.0
// Your type too: the cells of a Boost.Histogram are a buffer, whatever they accumulate.
#include <doctest/doctest.h>
#include <boost/histogram.hpp>

#include "worlds.hpp"

namespace {

namespace bh = boost::histogram;

template <class Histogram, class Op>
void check(Histogram const& empty, Op combine) {
  int const p = 4, each = 500;
  auto const fill = [&](Histogram& h, int r) {
    for (int i = r * each; i < (r + 1) * each; ++i) h(bh::weight(i % 3), i % 97 / 90.0, i % 31 / 10.0 - 1.5);
  };
  auto due = empty;
  for (int r = 0; r < p; ++r) fill(due, r);
  tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
    auto h = empty;
    fill(h, world.rank());
    CHECK_FALSE(h == due);
    allreduce(world, bh::unsafe_access::storage(h), combine);
    CHECK(h == due);
  });
}

TEST_CASE("merge: Boost.Histogram over ranks counts what one process counts, weights and their variances too") {
  auto const x = bh::axis::regular<>(10, 0, 1);
  auto const y = bh::axis::regular<>(3, -1, 1);
  check(bh::make_histogram_with(bh::dense_storage<double>(), x, y), tutti::sum);
  check(bh::make_weighted_histogram(x, y), tutti::merge);
}

}  // namespace
