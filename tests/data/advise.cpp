// SPDX-License-Identifier: BSL-1.0
// Promises of data/data_facts.hpp, partition_report.hpp and advise.hpp.
#include <tutti/data/advise.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <tutti/data/by_cost.hpp>
#include <tutti/data/exchange_rows.hpp>
#include <tutti/data/locality.hpp>
#include <tutti/data/partition_report.hpp>
#include <tutti/data/random.hpp>
#include <tutti/sim.hpp>

namespace {

using tutti::partition;

std::vector<int> sorted_labels(std::size_t n, int classes) {
  std::vector<int> labels(n);
  for (std::size_t i = 0; i < n; ++i) labels[i] = static_cast<int>(i * static_cast<std::size_t>(classes) / n);
  return labels;
}

/// A few items are a hundred times as dear as most, and stand together.
std::vector<double> skewed_costs(std::size_t n) {
  std::vector<double> costs(n);
  for (std::size_t i = 0; i < n; ++i) costs[i] = (i < n / 20 ? 100 : 1) * (1 + static_cast<double>(i % 7)) * 1e-5;
  return costs;
}

}  // namespace

TEST_CASE("on data sorted by label, block gives one class per rank, and the report shows it; cyclic gives all") {
  auto const labels = sorted_labels(1000, 10);
  tutti::partition_report const blocks(partition(1000, 10, tutti::block{}), {.labels = labels});
  // One class of ten, against all ten: the mixture is (0.55, 0.05 nine times), the halves 0 and log2 10 bits.
  double const by_hand = 0.55 * std::log2(1 / 0.55) + 9 * 0.05 * std::log2(20.0) - std::log2(10.0) / 2;
  REQUIRE(blocks.divergence.size() == 10);
  for (double d : blocks.divergence) CHECK(d == doctest::Approx(by_hand));
  CHECK(tutti::partition_report(partition(1000, 10, tutti::cyclic{}), {.labels = labels}).worst_divergence() < 1e-12);
  double const by_chance =
      tutti::partition_report(partition(1000, 10, tutti::random{1}), {.labels = labels}).worst_divergence();
  CHECK(by_chance > 0.001);
  CHECK(by_chance < 0.1);
}

TEST_CASE("a report counts rows, seconds and bytes as a loop over the rows does") {
  auto const costs = skewed_costs(507);
  std::vector<double> const speeds{1, 2, 0.5};
  auto const part = partition(507, 3, tutti::random{2});
  auto const copy_at = [](std::uint64_t k, int rank) { return k % 3 == static_cast<unsigned>(rank); };
  tutti::partition_report const report(part,
                                       {.costs = costs, .row_bytes = 10, .speeds = speeds, .already_at = copy_at});
  for (int r = 0; r < 3; ++r) {
    auto const at = static_cast<std::size_t>(r);
    double seconds = 0;
    std::uint64_t bytes = 0;
    for (std::uint64_t i : part.local(r)) {
      seconds += costs[i] / speeds[at];
      bytes += copy_at(i, r) ? 0U : 10U;
    }
    CHECK(report.rows[at] == part.count(r));
    CHECK(report.seconds[at] == doctest::Approx(seconds));
    CHECK(report.bytes_in[at] == bytes);
  }
  CHECK(report.row_imbalance() == 1);
  CHECK(tutti::partition_report(partition(10, 4, tutti::block{}), {.rows = 10}).row_imbalance() ==
        doctest::Approx(3 / 2.5));
}

TEST_CASE("the collective report is that of all rows together, on every rank, though rank 1 has none") {
  auto const labels = sorted_labels(900, 7);
  auto const costs = skewed_costs(900);
  auto const target = partition(900, 4, tutti::random{9});
  tutti::partition_report const whole(target, {.costs = costs, .labels = labels});
  tutti::testing::run_ranks(4, [&](tutti::communicator& world) {
    std::size_t const cuts[] = {0, 200, 200, 650, 900};
    auto const me = static_cast<std::size_t>(world.rank());
    std::size_t const first = cuts[me], n = cuts[me + 1] - first;
    tutti::data_facts const mine{
        .costs = std::span(costs).subspan(first, n), .labels = std::span(labels).subspan(first, n), .row_bytes = 8};
    tutti::partition_report const all(world, target, mine);
    CHECK(all.rows == whole.rows);
    CHECK(all.divergence == whole.divergence);
    std::uint64_t moved = 0;
    for (std::size_t r = 0; r < 4; ++r) {
      CHECK(all.seconds[r] == doctest::Approx(whole.seconds[r]));
      for (std::size_t i = cuts[r]; i < cuts[r + 1]; ++i) moved += target.owner(i) == static_cast<int>(r) ? 0U : 8U;
    }
    CHECK(all.bytes_to_move() == moved);
    CHECK(std::accumulate(all.bytes_out.begin(), all.bytes_out.end(), std::uint64_t{0}) == moved);
  });
}

TEST_CASE("labels that are sorted: dealt out by label is advised, blocks are for a model that does not mind") {
  constexpr std::size_t n = 8000;
  auto const labels = sorted_labels(n, 10);
  tutti::testing::run_ranks(4, [&](tutti::communicator& world) {
    partition const blocks(n, 4, tutti::block{});
    auto const mine = blocks.local(world.rank());
    std::vector<int> to;  // what a stratified partitioner says: the k-th row of a label goes to rank k mod 4
    for (std::uint64_t i : mine) to.push_back(static_cast<int>(i % (n / 10) % 4));
    tutti::data_facts const facts{.labels = std::span(labels).subspan(mine[0], mine.size()), .row_bytes = 100};
    std::vector<tutti::candidate> const ways{blocks, partition(n, 4, tutti::random{3}), {"stratified", to, 4}};
    auto const advice = advise(world, facts, ways, {.passes = 100});
    CHECK(advice.options[advice.best].report.name == "stratified");
    CHECK(advice.options[2].report.worst_divergence() < 1e-12);
    CHECK(advise(world, facts, ways, {.passes = 100, .label_weight = 0}).best == 0);
  });
}

namespace {

/// What placing the rows and working on them once takes, by a simulated clock. Rows lie in blocks, copies where
/// `already_at` says.
double simulated(tutti::candidate const& way, std::size_t n, std::vector<double> const& costs, std::size_t row_bytes,
                 tutti::data_facts const& facts) {
  tutti::sim const network{.alpha = std::chrono::microseconds(50), .beta = 1e8};
  auto const report = tutti::testing::run_ranks(
      way.ranks(),
      [&](tutti::sim_communicator& world) {
        partition const blocks(n, world.size(), tutti::block{});
        std::vector<std::vector<std::byte>> rows;
        std::vector<int> to;
        double seconds = 0;
        for (std::uint64_t i = 0; i < n; ++i) {
          int const owner = way.owner(i, i);
          if (owner == world.rank()) seconds += costs[i];
          if (blocks.owner(i) != world.rank() || (facts.already_at && facts.already_at(i, owner))) continue;
          rows.emplace_back(row_bytes);
          to.push_back(owner);
        }
        (void)exchange_rows(world, std::move(rows), to);
        world.compute(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
      },
      network);
  return std::chrono::duration<double>(report.time()).count();
}

void check_chosen(std::string const& expected, std::vector<tutti::candidate> const& ways, tutti::data_facts facts,
                  std::vector<double> const& costs) {
  facts.costs = costs;
  auto const advice = advise(facts, ways, {.seconds_per_byte = 1e-8});
  double best = 1e300;
  std::vector<double> times;
  for (auto const& way : ways) {
    times.push_back(simulated(way, costs.size(), costs, facts.row_bytes, facts));
    best = (std::min)(best, times.back());
  }
  CHECK(ways[advice.best].name() == expected);
  CHECK(times[advice.best] <= 1.05 * best);
  CHECK(*std::max_element(times.begin(), times.end()) > 1.2 * best);  // the choice mattered
  CHECK(advice.options[advice.best].seconds == doctest::Approx(times[advice.best]).epsilon(0.1));
}

}  // namespace

TEST_CASE("skewed costs: by_cost is advised, and is within 5 % of the best by a simulated clock") {
  constexpr std::size_t n = 600;
  auto const costs = skewed_costs(n);
  partition const blocks(n, 4, tutti::block{});
  auto const lies_there = [&](std::uint64_t k, int rank) { return blocks.owner(k) == rank; };
  check_chosen("by_cost",
               {blocks, partition(n, 4, tutti::random{2}), partition(n, 4, tutti::cyclic{}),
                partition(n, 4, tutti::by_cost{costs})},
               {.row_bytes = 100, .already_at = lies_there}, costs);
}

TEST_CASE(
    "blocks with copies on three hosts: locality is advised, and is within 5 % of the best by a simulated clock") {
  constexpr std::size_t n = 240;
  std::mt19937 dice(1);
  std::vector<std::vector<int>> hosts(n);
  partition const blocks(n, 8, tutti::block{});
  for (std::size_t i = 0; i < n; ++i)
    hosts[i] = {blocks.owner((i * 37) % n), static_cast<int>(dice() % 8), static_cast<int>(dice() % 8)};
  auto const lies_there = [&](std::uint64_t k, int rank) {
    return std::find(hosts[k].begin(), hosts[k].end(), rank) != hosts[k].end();
  };
  check_chosen("locality", {blocks, partition(n, 8, tutti::random{2}), partition(n, 8, tutti::locality{hosts})},
               {.row_bytes = 20'000, .already_at = lies_there}, std::vector<double>(n, 1e-4));
}

TEST_CASE("tables to read, and what does not fit is refused in one sentence") {
  auto const labels = sorted_labels(8, 2);
  tutti::partition_report const report(partition(8, 2, tutti::block{}), {.row_seconds = 0.5, .labels = labels});
  CHECK(report.explain() ==
        "block over 2 ranks\n"
        "rank        rows     seconds  divergence    bytes in\n"
        "   0           4           2       0.311           0\n"
        "   1           4           2       0.311           0\n"
        "most       1.00x       1.00x       0.311           0 in all\n");
  auto const advice = tutti::advise({.row_seconds = 0.5, .labels = labels},
                                    {partition(8, 2, tutti::block{}), partition(8, 2, tutti::cyclic{})});
  CHECK(advice.explain() ==
        "scheme              rows    time  labels     to move    per pass\n"
        "block              1.00x   1.00x   0.311         0 B         2 s\n"
        "cyclic             1.00x   1.00x   0.000         0 B         2 s  <- advised\n");
  CHECK_THROWS_WITH_AS((void)tutti::partition_report(partition(9, 2, tutti::block{}), {.rows = 9, .labels = labels}),
                       "data_facts: 9 rows, 0 costs and 8 labels; give one of each per row, or none", tutti::error);
  CHECK_THROWS_AS((void)tutti::advise({.rows = 8}, {}), tutti::error);
}
