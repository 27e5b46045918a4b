// SPDX-License-Identifier: BSL-1.0
// Promises of shard/split_stages.hpp.
#include <tutti/shard/split_stages.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

using tutti::split_stages;

/// The slowest stage of the best of all cuts of costs[at, n) into the stages from `stage` on.
double brute_force(std::vector<double> const& costs, std::vector<double> const& speeds, std::size_t at,
                   std::size_t stage) {
  double mine = 0, best = 1e301;
  for (std::size_t end = at; end <= costs.size(); mine += end < costs.size() ? costs[end] : 0, ++end) {
    bool const last = stage + 1 == speeds.size();
    if (last && end < costs.size()) continue;
    double const rest = last ? 0 : brute_force(costs, speeds, end, stage + 1);
    best = (std::min)(best, (std::max)(mine / speeds[stage], rest));
  }
  return best;
}
void must_cover(tutti::stage_split const& split, std::vector<double> const& costs, std::vector<double> const& speeds) {
  REQUIRE(split.cuts.size() == speeds.size() + 1);
  CHECK(split.cuts.front() == 0);
  CHECK(split.cuts.back() == costs.size());
  CHECK(std::is_sorted(split.cuts.begin(), split.cuts.end()));
  for (std::size_t s = 0; s < speeds.size(); ++s) {
    double sum = 0;
    for (std::size_t i = split.cuts[s]; i < split.cuts[s + 1]; ++i) {
      sum += costs[i];
      CHECK(split.stage_of(i) == s);
    }
    CHECK(split.seconds[s] == sum / speeds[s]);  // whole numbers: exact
  }
}
std::string sentence(auto call) {
  try {
    (void)call();
  } catch (tutti::error const& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the slowest stage is that of the best of all cuts, for up to 14 layers, stages of any speed") {
  std::mt19937 random(5);
  for (int trial = 0; trial < 400; ++trial) {
    std::vector<double> costs(random() % 15), speeds(1 + random() % 5);
    for (double& c : costs) c = static_cast<double>(trial % 3 == 0 ? 1 + random() % 3 : random() % 50);
    bool const alike = trial % 2 == 0;
    for (double& s : speeds) s = alike ? 1.0 : 0.25 * static_cast<double>(1 + random() % 12);
    auto const split = split_stages(costs, speeds);
    must_cover(split, costs, speeds);
    CHECK(split.slowest() == brute_force(costs, speeds, 0, 0));
    if (alike && costs.size() >= speeds.size())  // nobody is left without a layer
      for (std::size_t s = 0; s < speeds.size(); ++s) CHECK(split.cuts[s] < split.cuts[s + 1]);
  }
}

TEST_CASE("a hundred thousand layers are cut; fewer layers than stages leave stages empty, and no layer none") {
  std::mt19937 random(6);
  std::vector<double> costs(100'000);
  for (double& c : costs) c = static_cast<double>(random() % 1000);
  double const all = std::accumulate(costs.begin(), costs.end(), 0.0);
  for (int const stages : {1, 7, 64}) {
    auto const split = split_stages(costs, stages);
    must_cover(split, costs, std::vector<double>(static_cast<std::size_t>(stages), 1.0));
    CHECK(split.slowest() >= all / stages);
    CHECK(split.slowest() <= all / stages + 1000);
  }
  CHECK(split_stages(std::vector<double>{3, 4}, 3).slowest() == 4);
  CHECK(split_stages(std::vector<double>{}, 2).cuts == std::vector<std::size_t>{0, 0, 0});
  CHECK(split_stages(std::vector<double>{6, 2, 2, 2}, 2).explain() ==
        "stage 0: layers [0, 1)  6  100%\nstage 1: layers [1, 4)  6  100%\n");
  // Worth its while: a stage a hundred times slower gets nothing.
  CHECK(split_stages(std::vector<double>{10, 10}, std::vector<double>{1, 0.01}).cuts ==
        std::vector<std::size_t>{0, 2, 2});
}

TEST_CASE("costs and speeds that are no such thing are refused") {
  CHECK(sentence([] {
          return split_stages(std::vector<double>{1, -1}, 2);
        }).find("a layer costs -1") != std::string::npos);
  CHECK(sentence([] { return split_stages(std::vector<double>{1}, 0); }).find("at least one stage") !=
        std::string::npos);
  CHECK(sentence([] { return split_stages(std::vector<double>{1}, std::vector<double>{0}); }).find("above zero") !=
        std::string::npos);
}
