// SPDX-License-Identifier: BSL-1.0
// Promises of dbscan.hpp.
#include <tutti/dbscan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "points.hpp"

namespace {

struct place {
  int number;
  std::array<double, 2> at;
};
using places = std::vector<place>;
using points::uniform;

// Shapes of n points in order of nothing: the i-th is of a part that a hash picks.
places shape(std::string const& name, std::size_t n) {
  places all(n);
  for (std::size_t i = 0; i < n; ++i) {
    double const u = uniform(5 * i), v = uniform(5 * i + 1), w = uniform(5 * i + 2), turn = 6.283185307179586 * u;
    double x = 0, y = 0;
    if (name == "blobs") {
      int const c = static_cast<int>(4 * w);
      x = 4 * (c % 2) + std::sqrt(v) * std::cos(turn), y = 4 * (c / 2) + std::sqrt(v) * std::sin(turn);
    } else if (name == "moons") {
      bool const upper = w < 0.5;
      x = std::cos(turn / 2) + (upper ? 0 : 1), y = upper ? std::sin(turn / 2) : 0.4 - std::sin(turn / 2);
      x = 3 * x + 0.2 * v, y = 3 * y + 0.2 * uniform(5 * i + 3);
    } else if (name == "rings") {
      double const r = (w < 0.3 ? 1 : w < 0.9 ? 3 : 0.1) + 0.2 * v;
      x = r * std::cos(turn), y = r * std::sin(turn);
    } else if (name == "spiral") {  // one long cluster that crosses every box many times
      double const r = 0.5 + 4 * u;
      x = r * std::cos(4 * turn) + 0.1 * v, y = r * std::sin(4 * turn) + 0.1 * w;
    } else {  // a grid whose neighbours are exactly eps apart, columns of equal x, and loose points
      x = std::floor(12 * u), y = std::floor(12 * v);
      if (w < 0.3)
        x = 30 + 100 * u, y = 100 * v;
      else if (x > 4 && x < 8)
        x += 50;
    }
    all[i] = {static_cast<int>(i), {x, y}};
  }
  return all;
}
std::vector<std::pair<std::string, tutti::dbscan_options>> const shapes{
    {"blobs", {0.3, 6}}, {"moons", {0.3, 5}}, {"rings", {0.4, 5}}, {"spiral", {0.35, 4}}, {"grid", {1.0, 7}}};

double squared(place const& a, place const& b) {
  return (a.at[0] - b.at[0]) * (a.at[0] - b.at[0]) + (a.at[1] - b.at[1]) * (a.at[1] - b.at[1]);
}

struct brute {  // every pair of points; clusters by flooding
  std::vector<int> cluster;
  std::vector<char> core;
  int clusters = 0;
  brute(places const& all, tutti::dbscan_options how) : cluster(all.size(), -1), core(all.size()) {
    double const reach = how.eps * how.eps;
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto const near = [&](place const& q) { return squared(all[i], q) <= reach; };
      core[i] = std::count_if(all.begin(), all.end(), near) >= how.min_points ? 1 : 0;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (core[i] == 0 || cluster[i] >= 0) continue;
      std::vector<std::size_t> todo{i};
      cluster[i] = clusters;
      while (!todo.empty()) {
        auto const j = todo.back();
        todo.pop_back();
        for (std::size_t q = 0; q < all.size(); ++q)
          if (core[q] != 0 && cluster[q] < 0 && squared(all[j], all[q]) <= reach) {
            cluster[q] = clusters;
            todo.push_back(q);
          }
      }
      ++clusters;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t q = 0; q < all.size() && core[i] == 0; ++q)
        if (core[q] != 0 && squared(all[i], all[q]) <= reach && squared(all[i], all[q]) < least) {
          least = squared(all[i], all[q]);
          cluster[i] = cluster[q];
        }
    }
  }
};

// The adjusted Rand index of two labellings (Hubert & Arabie 1985).
double ari(std::vector<int> const& a, std::vector<int> const& b) {
  std::map<std::pair<int, int>, double> both;
  std::map<int, double> in_a, in_b;
  for (std::size_t i = 0; i < a.size(); ++i) ++both[{a[i], b[i]}], ++in_a[a[i]], ++in_b[b[i]];
  auto const pairs = [](auto const& counts) {
    double sum = 0;
    for (auto const& [key, n] : counts) sum += n * (n - 1) / 2;
    return sum;
  };
  double const n = static_cast<double>(a.size()), all = n * (n - 1) / 2, by_chance = pairs(in_a) * pairs(in_b) / all;
  double const most = (pairs(in_a) + pairs(in_b)) / 2;
  return most == by_chance ? 1 : (pairs(both) - by_chance) / (most - by_chance);
}

struct whole {  // what all ranks found, by row number
  std::vector<int> cluster, destination, owner;
  std::vector<char> core;
  tutti::dbscan_result last;
  whole(places const& all, tutti::dbscan_options how, int p, bool skewed = false)
      : cluster(all.size(), -2), destination(all.size(), -2), owner(all.size()), core(all.size()) {
    std::mutex guard;
    tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
      auto const mine = points::part(all, p, world.rank(), skewed);
      auto const before = world.stats().bytes_received;
      auto const found = tutti::dbscan{how, &place::at}.fit(world, mine);
      auto const bytes = world.stats().bytes_received - before;
      std::lock_guard const lock(guard);
      if (p <= 4) CHECK(found.rows_received * static_cast<std::uint64_t>(p) <= 2 * all.size());  // then boxes are wide
      if (all.size() > 20'000) CHECK(bytes * static_cast<std::uint64_t>(p) <= 2 * all.size() * 24);
      REQUIRE(found.cluster.size() == mine.size());
      for (std::size_t i = 0; i < mine.size(); ++i) {
        auto const n = static_cast<std::size_t>(mine[i].number);
        CHECK(cluster[n] == -2);
        cluster[n] = found.cluster[i], core[n] = found.core[i], destination[n] = found.destination[i];
        owner[n] = world.rank();
      }
      last = found;
    });
  }
};

TEST_CASE("dbscan: of five shapes on one to eight ranks, what every pair of points says") {
  for (auto const& one : shapes) {
    std::string const& name = one.first;
    tutti::dbscan_options const& how = one.second;
    CAPTURE(name);
    auto const all = shape(name, 1203);
    brute const due(all, how);
    CHECK(due.clusters >= (name == "spiral" ? 1 : 2));
    for (int p : {1, 2, 3, 4, 8})
      for (bool const skewed : {false, true}) {
        CAPTURE(p);
        whole const found(all, how, p, skewed);
        std::vector<int> a, b;
        for (std::size_t i = 0; i < all.size(); ++i)
          if (due.core[i] != 0) a.push_back(found.cluster[i]), b.push_back(due.cluster[i]);
        CHECK(ari(a, b) == 1.0);
        CHECK(found.core == due.core);
        CHECK(found.cluster == due.cluster);
        CHECK(found.last.sizes.size() == static_cast<std::size_t>(due.clusters));
        CHECK(static_cast<std::ptrdiff_t>(found.last.noise_rows) ==
              std::count(due.cluster.begin(), due.cluster.end(), -1));
      }
  }
}

TEST_CASE("dbscan: every row goes to one rank, clusters whole; noise is spread, stays, or is dropped and counted") {
  auto const all = shape("grid", 1203);
  for (int p : {1, 2, 3, 4})
    for (auto const to : {tutti::noise_to::spread, tutti::noise_to::own, tutti::noise_to::drop}) {
      whole const found(all, {1.0, 7, to}, p);
      std::map<int, int> rank_of;
      std::vector<int> load(static_cast<std::size_t>(p));
      std::uint64_t dropped = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (found.cluster[i] >= 0)
          CHECK(rank_of.emplace(found.cluster[i], found.destination[i]).first->second == found.destination[i]);
        if (found.cluster[i] < 0 && to == tutti::noise_to::own) CHECK(found.destination[i] == found.owner[i]);
        if (found.destination[i] < 0)
          ++dropped;
        else
          ++load.at(static_cast<std::size_t>(found.destination[i]));
      }
      CHECK(dropped == (to == tutti::noise_to::drop ? found.last.noise_rows : 0));
      CHECK(found.last.noise_rows > 100);
      if (to == tutti::noise_to::spread)  // level, as far as whole clusters allow
        CHECK(*std::max_element(load.begin(), load.end()) <=
              std::max<int>((1203 + p - 1) / p,
                            static_cast<int>(*std::max_element(found.last.sizes.begin(), found.last.sizes.end()))));
    }
}

TEST_CASE("dbscan: repartition brings each cluster to one rank, and leaves dropped rows out") {
  auto const all = shape("blobs", 400);
  tutti::testing::run_ranks(3, [&](tutti::communicator& world) {
    auto const mine = points::part(all, 3, world.rank());
    tutti::dbscan const by{{0.4, 4, tutti::noise_to::drop}, &place::at};
    auto const found = by.fit(world, mine);
    auto const rows = repartition(world, mine, by);
    CHECK(allreduce(world, rows.size()) == all.size() - found.noise_rows);
    std::vector<int> here(4);  // the four blobs, by quadrant
    for (auto const& r : rows) here[(r.at[0] > 2 ? 1U : 0U) + (r.at[1] > 2 ? 2U : 0U)] = 1;
    allreduce(world, here);
    CHECK(here == std::vector<int>{1, 1, 1, 1});
  });
}

TEST_CASE("dbscan: a hundred thousand points are cut, not gathered") {
  auto const all = shape("rings", 100'000);
  whole const found(all, {0.03, 8}, 4);
  CHECK(found.last.sizes.size() == 3);
  CHECK(found.last.noise_rows < 500);
}

TEST_CASE("dbscan: nothing, one row, equal rows, three dimensions; what cannot be is refused on every rank") {
  tutti::testing::run_ranks(3, [](tutti::communicator& world) {
    tutti::dbscan const by{{.eps = 1, .min_points = 2}};
    using floats = std::vector<std::array<float, 3>>;
    CHECK(by.fit(world, floats{}).sizes.empty());
    auto const one = by.fit(world, world.rank() == 1 ? floats{{1, 2, 3}} : floats{});
    CHECK(one.noise_rows == 1);
    CHECK(one.cluster.size() == (world.rank() == 1 ? 1 : 0));
    auto const same = by.fit(world, floats(4, {7, 7, 7}));
    CHECK((same.sizes == std::vector<std::uint64_t>{12} && same.noise_rows == 0));
    auto const pairs =
        by.fit(world, floats{{static_cast<float>(world.rank()), 0, 0}, {0, 50, static_cast<float>(3 * world.rank())}});
    CHECK((pairs.cluster == std::vector<int>{0, -1} && pairs.sizes == std::vector<std::uint64_t>{3}));

    CHECK_THROWS_WITH_AS((void)(tutti::dbscan{{.eps = 0}}.fit(world, floats(1))),
                         "dbscan: eps must be more than 0 and min_points at least 1", tutti::error);
    floats bad(2);
    if (world.rank() == 2) bad[1][1] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH_AS((void)by.fit(world, bad), "dbscan: a feature is NaN or infinite; leave such rows out",
                         tutti::error);
  });
}

}  // namespace
