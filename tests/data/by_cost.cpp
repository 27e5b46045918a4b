// SPDX-License-Identifier: BSL-1.0
// Promises of data/by_cost.hpp.
#include <tutti/data/by_cost.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

namespace {

using numbers = std::vector<double>;

/// The shortest possible time of the slowest rank, by trying every way to deal the items.
double best_time(numbers const& costs, numbers const& speeds, numbers& loads, std::size_t i, double known) {
  if (i == costs.size()) {
    double slowest = 0;
    for (std::size_t r = 0; r < speeds.size(); ++r) slowest = (std::max)(slowest, loads[r] / speeds[r]);
    return (std::min)(slowest, known);
  }
  for (std::size_t r = 0; r < speeds.size(); ++r) {
    loads[r] += costs[i];
    if (loads[r] / speeds[r] < known) known = best_time(costs, speeds, loads, i + 1, known);
    loads[r] -= costs[i];
  }
  return known;
}

double time_of(auto const& part, numbers const& costs, numbers const& speeds) {
  double slowest = 0;
  for (int r = 0; r < part.ranks(); ++r) {
    double load = 0;
    for (std::uint64_t i : part.local(r)) load += costs[i];
    if (load > 0) slowest = (std::max)(slowest, load / speeds[static_cast<std::size_t>(r)]);
  }
  return slowest;
}

}  // namespace

TEST_CASE("by_cost: never beyond 4/3 - 1/(3 size) of the best possible (brute force); blocks are") {
  std::mt19937 dice(11);
  double worst_of_blocks = 0;
  for (int trial = 0; trial < 150; ++trial) {
    numbers costs;
    for (std::size_t i = 0, n = 1 + dice() % 11; i < n; ++i) costs.push_back(1 + static_cast<double>(dice() % 50));
    for (int size : {2, 3, 4}) {
      numbers const equal(static_cast<std::size_t>(size), 1.0);
      numbers loads(equal.size());
      double const best = best_time(costs, equal, loads, 0, 1e300);
      double const bound = 4.0 / 3 - 1.0 / (3 * size);
      CHECK(time_of(tutti::partition(costs.size(), size, tutti::by_cost{costs}), costs, equal) <= bound * best + 1e-9);
      double const blocks = time_of(tutti::partition(costs.size(), size, tutti::block{}), costs, equal);
      worst_of_blocks = (std::max)(worst_of_blocks, blocks / best);
    }
  }
  CHECK(worst_of_blocks > 4.0 / 3);
}

TEST_CASE("by_cost: Graham's worst case reaches the bound and no more") {
  numbers const costs{5, 5, 4, 4, 3, 3, 3};  // best 9, by 5 + 4, 5 + 4, 3 + 3 + 3
  CHECK(time_of(tutti::partition(7, 3, tutti::by_cost{costs}), costs, {1, 1, 1}) == 11);
}

TEST_CASE("assign: ranks of different speed are done within twice the best time, and mostly much sooner") {
  std::mt19937 dice(5);
  double all = 0, best_of_all = 0;
  for (int trial = 0; trial < 150; ++trial) {
    numbers costs, speeds;
    for (unsigned i = 0; i < 9; ++i) costs.push_back(1 + static_cast<double>(dice() % 20));
    for (unsigned r = 0; r < 3; ++r) speeds.push_back(0.5 * static_cast<double>(1 + dice() % 4));
    numbers loads(3);
    double const best = best_time(costs, speeds, loads, 0, 1e300);
    double const ours = time_of(tutti::assign(costs, speeds), costs, speeds);
    CHECK(ours <= 2 * best);
    all += ours;
    best_of_all += best;
  }
  CHECK(all <= 1.1 * best_of_all);
}

TEST_CASE("assign: with speeds 1 1 1 0.5 a step ends within 5 % of the ideal; equal counts take 1.75 times as long") {
  numbers const costs(700, 2.0), speeds{1, 1, 1, 0.5};
  double const ideal = 1400 / 3.5;
  CHECK(time_of(tutti::assign(costs, speeds), costs, speeds) <= 1.05 * ideal);
  CHECK(time_of(tutti::partition(700, 4, tutti::block{}), costs, speeds) == doctest::Approx(1.75 * ideal));
}

TEST_CASE("by_cost: a rank of speed 0 gets nothing, items that cost nothing do not pile up") {
  auto const part = tutti::assign(numbers(90, 0.0), {1, 0, 1, 1});
  CHECK(part.count(0) == 30);
  CHECK(part.count(1) == 0);
  CHECK(part.count(3) == 30);
}
