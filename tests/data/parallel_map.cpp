// SPDX-License-Identifier: BSL-1.0
// Promises of data/parallel_map.hpp and data/schedule.hpp.
#include <tutti/data/parallel_map.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <tutti/data/by_cost.hpp>
#include <tutti/group/simulated.hpp>

namespace {

using namespace std::chrono_literals;

std::vector<int> tasks(int n) {
  std::vector<int> t(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) t[static_cast<std::size_t>(i)] = i * 17 % 101;
  return t;
}

template <class Schedule>
void check(tutti::communicator& world, int n, Schedule schedule) {
  auto const all = tasks(n);
  std::vector<std::string> text;
  std::vector<bool> odd;
  for (int t : all) text.push_back(std::to_string(t)), odd.push_back(t % 2 == 1);
  std::uint64_t done = 0;
  auto const as_text = [&](int t) { return ++done, std::to_string(t); };
  CHECK(parallel_map(world, all, as_text, schedule) == text);
  CHECK(allreduce(world, done) == all.size());
  CHECK(parallel_map(
            world, all, [](int t) { return t % 2 == 1; }, schedule) == odd);
}

TEST_CASE("parallel_map: every task is done once, and the results are those of a serial loop, by every schedule") {
  for (int const p : {1, 2, 3, 4, 5, 8, 13})
    tutti::testing::run_ranks(p, [](tutti::communicator& world) {
      int const size = world.size();
      for (int const n : {0, 1, size - 1, size, size + 1, 500}) {
        check(world, n, tutti::guided{});
        check(world, n, tutti::dynamic{});
        check(world, n, tutti::dynamic{.chunk = 7});
        check(world, n, tutti::block{});
        check(world, n, tutti::cyclic{});
        check(world, n, tutti::by_cost{std::vector<double>(static_cast<std::size_t>(n), 1.0)});
      }
    });
}

TEST_CASE("parallel_map: over sockets, with tasks that take time") {
  tutti::testing::run_ranks(
      3,
      [](tutti::communicator& world) {
        std::mt19937 random(static_cast<unsigned>(world.rank()));
        auto const all = tasks(300);
        auto const slow = [&](int t) { return world.compute(std::chrono::microseconds(random() % 200)), 2 * t; };
        auto const got = parallel_map(world, all, slow);
        for (std::size_t i = 0; i < all.size(); ++i) CHECK(got[i] == 2 * all[i]);
      },
      tutti::testing::over::sockets);
}

/// Longest first, each to whoever has least.
int lpt(std::vector<int> costs, int p) {
  std::sort(costs.rbegin(), costs.rend());
  std::vector<int> loads(static_cast<std::size_t>(p));
  for (int c : costs) *std::min_element(loads.begin(), loads.end()) += c;
  return *std::max_element(loads.begin(), loads.end());
}
template <class Schedule>
double makespan(std::vector<int> const& costs, int p, Schedule schedule) {
  auto const report = tutti::testing::run_ranks(
      p,
      [&](auto& world) {
        (void)parallel_map(
            world, costs, [&](int cost) { return world.compute(cost * 1ms), cost; }, schedule);
      },
      tutti::sim{});
  return std::chrono::duration<double, std::milli>(report.time()).count() / lpt(costs, p);
}

TEST_CASE("parallel_map: costs 1 to 100 ms, shuffled, take dynamic and guided at most 1.1 times as long as LPT") {
  std::vector<int> costs;
  for (int c = 1; c <= 100; ++c) costs.push_back(c);
  CHECK(makespan(costs, 4, tutti::block{}) > 1.5);  // control: fixed before, in this order
  std::mt19937 random(1);
  double worst_dynamic = 0, worst_guided = 0;
  for (int const p : {2, 3, 4})
    for (int shuffle = 0; shuffle < 3; ++shuffle) {
      std::shuffle(costs.begin(), costs.end(), random);
      worst_dynamic = std::max(worst_dynamic, makespan(costs, p, tutti::dynamic{}));
      worst_guided = std::max(worst_guided, makespan(costs, p, tutti::guided{}));
    }
  CHECK(worst_dynamic <= 1.1);
  CHECK(worst_guided <= 1.1);
}

}  // namespace
