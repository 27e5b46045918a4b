// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/schedule.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

using tutti::plan::edge;
using tutti::plan::schedule;

TEST_CASE("nodes are sorted, or a true cycle is named, exactly as the closure of the edges says") {
  std::mt19937 generator(5);
  auto const below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(generator() % n); };
  int sortable = 0, cyclic = 0;
  for (int trial = 0; trial < 500; ++trial) {
    std::uint32_t const count = 1 + below(9);
    std::vector<std::uint32_t> node_of(count);
    std::iota(node_of.begin(), node_of.end(), 0u);
    if (count > 3) node_of[1] = node_of[2] = 3;  // one node of three steps
    std::vector<edge> edges(below(12));
    for (edge& e : edges) e = {below(count), below(count)};

    std::vector<std::vector<bool>> leads(count, std::vector<bool>(count, false));  // closure over nodes
    for (edge e : edges)
      if (node_of[e.before] != node_of[e.later]) leads[node_of[e.before]][node_of[e.later]] = true;
    auto const direct = leads;
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = 0; j < count; ++j)
          if (leads[i][k] && leads[k][j]) leads[i][j] = true;

    schedule const made(node_of, edges);
    auto const sorted = made.sorted();
    bool has_cycle = false;
    std::size_t due = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (node_of[i] != i) continue;
      bool behind_cycle = false;
      for (std::size_t k = 0; k < count; ++k) behind_cycle = behind_cycle || (leads[k][k] && (k == i || leads[k][i]));
      has_cycle = has_cycle || leads[i][i];
      due += behind_cycle ? 0u : 1u;
      CHECK((std::find(sorted.begin(), sorted.end(), i) == sorted.end()) == behind_cycle);
      for (std::uint32_t j = 0; j < count; ++j) CHECK(made.leads(i, j) == leads[i][j]);
    }
    CHECK(sorted.size() == due);
    for (std::size_t i = 0; i < sorted.size(); ++i)
      for (std::size_t j = i; j < sorted.size(); ++j) CHECK(!leads[sorted[j]][sorted[i]]);

    auto const cycle = made.cycle();
    CHECK(cycle.empty() == !has_cycle);
    for (std::size_t i = 0; i < cycle.size(); ++i) CHECK(direct[cycle[i]][cycle[(i + 1) % cycle.size()]]);
    (has_cycle ? cyclic : sortable) += 1;
  }
  CHECK(sortable > 50);
  CHECK(cyclic > 50);
}
