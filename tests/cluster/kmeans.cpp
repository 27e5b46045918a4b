// SPDX-License-Identifier: BSL-1.0
// Promises of kmeans.hpp.
#include <tutti/kmeans.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <vector>

#include "points.hpp"

namespace {

constexpr std::size_t d = 11;
struct row {
  int number;
  std::array<float, d> x;
};

// Nine clouds, some far larger than others, that touch one another.
std::vector<row> cloud(std::size_t n) {
  std::vector<row> all(n);
  for (std::size_t i = 0; i < n; ++i) {
    auto const c = static_cast<std::uint64_t>(9 * points::uniform(7 * i) * points::uniform(7 * i + 1));
    all[i].number = static_cast<int>(i);
    for (std::size_t j = 0; j < d; ++j)
      all[i].x[j] =
          static_cast<float>(3 * points::uniform(1'000'000 + c * d + j) + points::uniform(2'000'000 + i * d + j));
  }
  return all;
}

struct lloyd {  // as in a textbook, in double
  std::vector<int> cluster;
  std::vector<double> centroids;
  lloyd(std::vector<row> const& all, std::vector<float> const& start, int steps)
      : cluster(all.size()), centroids(start.begin(), start.end()) {
    std::size_t const k = start.size() / d;
    for (int step = 0; step < steps; ++step) {
      std::vector<double> sums(k * d), counts(k);
      for (std::size_t i = 0; i < all.size(); ++i) {
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t c = 0; c < k; ++c) {
          double far = 0;
          for (std::size_t j = 0; j < d; ++j) far += std::pow(all[i].x[j] - centroids[c * d + j], 2);
          if (far < least) least = far, cluster[i] = static_cast<int>(c);
        }
        auto const c = static_cast<std::size_t>(cluster[i]);
        for (std::size_t j = 0; j < d; ++j) sums[c * d + j] += all[i].x[j];
        counts[c] += 1;
      }
      for (std::size_t c = 0; c < k; ++c)
        for (std::size_t j = 0; j < d && counts[c] > 0; ++j) centroids[c * d + j] = sums[c * d + j] / counts[c];
    }
  }
};

bool same_bits(std::vector<float> const& a, std::vector<float> const& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

TEST_CASE("kmeans: any number of ranks, sharing the rows in any way, ends with the bits of one process") {
  auto const all = cloud(5003);
  for (auto const start : {tutti::kmeans_start::plus_plus, tutti::kmeans_start::random}) {
    tutti::kmeans const by{{.k = 9, .seed = 5, .start = start}, &row::x};
    tutti::kmeans_result alone;
    tutti::testing::run_ranks(1, [&](tutti::communicator& world) { alone = by.fit(world, all); });
    CHECK((alone.converged && alone.iterations > 3));
    for (int p : {2, 3, 4, 5, 8})
      for (bool const skewed : {false, true})
        tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
          auto const mine = points::part(all, p, world.rank(), skewed);
          auto const found = by.fit(world, mine);
          CHECK(same_bits(found.centroids, alone.centroids));
          CHECK((found.sizes == alone.sizes && found.iterations == alone.iterations && found.inertia == alone.inertia));
          for (std::size_t i = 0; i < mine.size(); ++i)
            CHECK(found.cluster[i] == alone.cluster[static_cast<std::size_t>(mine[i].number)]);
        });
  }
  // Rows in another order, from the same centroids.
  auto mixed = all;
  std::reverse(mixed.begin(), mixed.end());
  tutti::testing::run_ranks(3, [&](tutti::communicator& world) {
    std::vector<float> start;
    for (std::size_t c = 0; c < 9; ++c) start.insert(start.end(), all[c].x.begin(), all[c].x.end());
    tutti::kmeans const by{{.k = 9, .centroids = start}, &row::x};
    auto const forward = by.fit(world, points::part(all, 3, world.rank()));
    CHECK(same_bits(forward.centroids, by.fit(world, points::part(mixed, 3, world.rank(), true)).centroids));
  });
}

TEST_CASE("kmeans: the steps are those of the textbook") {
  auto const all = cloud(2000);
  std::vector<float> start;
  for (std::size_t c = 0; c < 9; ++c) start.insert(start.end(), all[c].x.begin(), all[c].x.end());
  lloyd const due(all, start, 6);
  tutti::testing::run_ranks(3, [&](tutti::communicator& world) {
    auto const mine = points::part(all, 3, world.rank());
    auto const found =
        tutti::kmeans{{.k = 9, .iterations = 6, .tolerance = 0, .centroids = start}, &row::x}.fit(world, mine);
    double inertia = 0;
    for (std::size_t i = 0; i < mine.size(); ++i)
      CHECK(found.cluster[i] == due.cluster[static_cast<std::size_t>(mine[i].number)]);
    for (std::size_t i = 0; i < start.size(); ++i)
      CHECK(found.centroids[i] == doctest::Approx(due.centroids[i]).epsilon(1e-5));
    lloyd const before(all, start, 5);
    for (auto const& r : all) {
      double least = 1e300;
      for (std::size_t c = 0; c < 9; ++c) {
        double far = 0;
        for (std::size_t j = 0; j < d; ++j) far += std::pow(r.x[j] - before.centroids[c * d + j], 2);
        least = std::min(least, far);
      }
      inertia += least;
    }
    CHECK(found.inertia == doctest::Approx(inertia).epsilon(1e-4));
    CHECK((found.iterations == 6 && found.features == d && found.centroid(8).size() == d));
  });
}

TEST_CASE("kmeans: plus_plus starts in clusters far apart, where any k rows would not") {
  std::vector<std::array<float, 2>> all;  // 990 rows in one place, and two far corners of five
  for (int i = 0; i < 1000; ++i) {
    float const corner = i >= 990 ? 100 : 0;
    all.push_back(
        {corner + static_cast<float>(points::uniform(static_cast<std::uint64_t>(i))), i >= 995 ? 100.0F : 0.0F});
  }
  int good[2] = {};
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    for (auto const start : {tutti::kmeans_start::plus_plus, tutti::kmeans_start::random})
      tutti::testing::run_ranks(2, [&](tutti::communicator& world) {
        auto sizes =
            tutti::kmeans{{.k = 3, .seed = seed, .start = start}}.fit(world, points::part(all, 2, world.rank())).sizes;
        std::sort(sizes.begin(), sizes.end());
        if (world.rank() == 0 && sizes == std::vector<std::uint64_t>{5, 5, 990})
          ++good[start == tutti::kmeans_start::plus_plus ? 0 : 1];
      });
  CHECK(good[0] >= 18);
  CHECK(good[1] <= 10);
}

TEST_CASE(
    "kmeans: no rank gets more than its capacity, whole clusters without one; the core of a cut cluster stays "
    "together") {
  auto const all = cloud(3001);
  for (int p : {1, 2, 4, 7})
    for (double const capacity : {0.0, 0.1, std::numeric_limits<double>::infinity()}) {
      std::mutex guard;
      std::vector<std::uint64_t> load(static_cast<std::size_t>(p));
      std::vector<int> to(all.size(), -1), cluster(all.size());
      std::vector<float> centroids;
      tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
        auto const mine = points::part(all, p, world.rank());
        auto const found = tutti::kmeans{{.k = 5, .capacity = capacity}, &row::x}.fit(world, mine);
        std::lock_guard const lock(guard);
        centroids = found.centroids;
        REQUIRE(found.destination.size() == mine.size());
        for (std::size_t i = 0; i < mine.size(); ++i) {
          auto const n = static_cast<std::size_t>(mine[i].number);
          to[n] = found.destination[i];
          cluster[n] = found.cluster[i];
          ++load.at(static_cast<std::size_t>(to[n]));
        }
      });
      if (std::isinf(capacity)) {
        for (std::size_t i = 0; i < all.size(); ++i)
          CHECK(to[i] ==
                to[static_cast<std::size_t>(std::find(cluster.begin(), cluster.end(), cluster[i]) - cluster.begin())]);
      } else {
        auto const most = std::ceil((1 + capacity) * static_cast<double>(all.size()) / p);
        for (auto const l : load) CHECK(static_cast<double>(l) <= most);
        // Of two parts of a cluster one lies nearer its centre, all of it (rounding aside).
        for (int c = 0; c < 5; ++c) {
          std::vector<double> least(load.size(), 1e30), largest(load.size(), -1);
          for (std::size_t i = 0; i < all.size(); ++i) {
            if (cluster[i] != c) continue;
            double far = 0;
            for (std::size_t j = 0; j < d; ++j)
              far += std::pow(all[i].x[j] - centroids[static_cast<std::size_t>(c) * d + j], 2);
            auto const r = static_cast<std::size_t>(to[i]);
            least[r] = std::min(least[r], far), largest[r] = std::max(largest[r], far);
          }
          for (std::size_t a = 0; a < load.size(); ++a)
            for (std::size_t b = 0; b < a; ++b)
              if (largest[a] >= 0 && largest[b] >= 0)
                CHECK((largest[a] <= least[b] * 1.01 + 0.01 || largest[b] <= least[a] * 1.01 + 0.01));
        }
      }
    }
}

TEST_CASE("kmeans: repartition data by it; what cannot be is refused on every rank") {
  auto const all = cloud(5001);
  tutti::testing::run_ranks(3, [&](tutti::communicator& world) {
    auto mine = points::part(all, 3, world.rank());
    auto const before = world.stats().bytes_received;
    auto const found = tutti::kmeans{{.k = 3, .capacity = 0}, &row::x}.fit(world, mine);
    CHECK(world.stats().bytes_received - before < all.size() / 3 * sizeof(row));  // fewer than n / P rows would be
    std::vector<row> const rows = exchange_rows(world, mine, found.destination);
    CHECK(rows.size() <= 1667);
    static_assert(tutti::content_partitioner<tutti::kmeans<decltype(&row::x)>, tutti::communicator, std::vector<row>>);
    CHECK(allreduce(world, rows.size()) == all.size());

    CHECK_THROWS_WITH_AS((void)(tutti::kmeans{{.k = 5002}, &row::x}.fit(world, mine)),
                         "kmeans: 5001 rows do not make 5002 clusters", tutti::error);
    CHECK_THROWS_WITH_AS((void)(tutti::kmeans{{.k = 2, .centroids = {1, 2, 3}}, &row::x}.fit(world, mine)),
                         "kmeans: 3 numbers given for 2 centroids of 11", tutti::error);
    if (world.rank() == 1) mine[7].x[3] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS((void)(tutti::kmeans{{.k = 2}, &row::x}.fit(world, mine)), tutti::error);
    // One cluster, as many clusters as rows, equal rows, rows without features.
    std::vector<std::array<float, 1>> const one(static_cast<std::size_t>(world.rank()), {4.0F});
    CHECK(tutti::kmeans{{.k = 1}}.fit(world, one).centroids == std::vector<float>{4});
    CHECK(tutti::kmeans{{.k = 3}}.fit(world, one).inertia == 0);
    CHECK(tutti::kmeans{{.k = 1}}.fit(world, std::vector<std::array<float, 0>>(2)).centroids.empty());
  });
}

}  // namespace
