// SPDX-License-Identifier: BSL-1.0
// Promises of train/gossip.hpp and mixing.hpp, against the theory of quadratics: rank k's loss is a_k |x - b_k|² / 2.
#include <tutti/train/gossip.hpp>

#include <doctest/doctest.h>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/mean.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/train/adam.hpp>
#include <tutti/train/sgd.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;
using tutti::testing::over;
using tutti::testing::run_ranks;

constexpr std::size_t dimension = 6;
struct point {
  std::array<double, dimension> x{};
};

double target(int k, std::size_t i) { return std::cos(static_cast<double>(1 + 3 * k) * static_cast<double>(i + 2)); }
point gradient_at(point const& p, int k, double curvature) {
  point g;
  for (std::size_t i = 0; i < dimension; ++i) g.x[i] = curvature * (p.x[i] - target(k, i));
  return g;
}
/// The optimum of the sum of all ranks' losses, by hand.
double optimum(int ranks, std::size_t i, double (*curvature)(int)) {
  double above = 0, below = 0;
  for (int k = 0; k < ranks; ++k) {
    above += curvature(k) * target(k, i);
    below += curvature(k);
  }
  return above / below;
}
double one(int) { return 1; }
double uneven(int k) { return 0.5 + 0.25 * k; }

/// Every rank's point after `steps` steps on a ring.
template <template <class, class> class Strategy>
std::vector<point> trained(int ranks, int steps, double rate, double (*curvature)(int), over medium = over::memory) {
  std::vector<point> all(static_cast<std::size_t>(ranks));
  run_ranks(
      ranks,
      [&](communicator& world) {
        point model{{1, -1, 2, -2, 3, -3}};
        Strategy strategy{world, metropolis(world, tutti::ring_of(world)), tutti::sgd{.lr = rate}};
        for (int step = 0; step < steps; ++step) {
          point gradient = gradient_at(model, world.rank(), curvature(world.rank()));
          for (double& g : gradient.x) g *= 4;  // a sum over four samples
          strategy.step(model, gradient, 4);
        }
        all[static_cast<std::size_t>(world.rank())] = model;
      },
      medium);
  return all;
}
double mean_of(std::vector<point> const& all, std::size_t i) {
  double sum = 0;
  for (point const& p : all) sum += p.x[i];
  return sum / static_cast<double>(all.size());
}
/// The largest distance of any rank from the optimum.
double worst(std::vector<point> const& all, double (*curvature)(int)) {
  double most = 0;
  for (point const& p : all)
    for (std::size_t i = 0; i < dimension; ++i)
      most = (std::max)(most, std::fabs(p.x[i] - optimum(static_cast<int>(all.size()), i, curvature)));
  return most;
}

}  // namespace

TEST_CASE("metropolis weights: those of the definition on a star, symmetric, and every row sums to 1") {
  for (int const ranks : worlds::sizes) {
    auto const n = static_cast<std::size_t>(ranks);
    std::vector<double> w(n * n);
    run_ranks(ranks, [&](communicator& world) {
      auto const me = static_cast<std::size_t>(world.rank());
      tutti::neighbours star;
      if (world.rank() == 0)
        star = tutti::everyone_in(world);
      else
        star = {0};
      auto const mine = metropolis(world, star);
      w[me * n + me] = mine.own;
      for (std::size_t i = 0; i < mine.peers.size(); ++i)
        w[me * n + static_cast<std::size_t>(mine.peers[i])] = mine.weights[i];
      auto const circle = metropolis(world, tutti::ring_of(world));
      CHECK(circle.own == doctest::Approx(ranks == 1 ? 1.0 : ranks == 2 ? 0.5 : 1.0 / 3));
    });
    for (std::size_t a = 0; a < n; ++a) {
      double row = 0;
      for (std::size_t b = 0; b < n; ++b) {
        row += w[a * n + b];
        // The centre has degree n - 1, and every edge is one of the centre's.
        if (a != b) CHECK(w[a * n + b] == (a == 0 || b == 0 ? 1.0 / static_cast<double>(n) : 0.0));
      }
      CHECK(row == doctest::Approx(1).epsilon(1e-14));
    }
  }
  run_ranks(3, [](communicator& world) {
    auto const refused = [&](tutti::neighbours const& mine) {
      return worlds::kind_of_error([&] { (void)metropolis(world, mine); }) == "config";
    };
    CHECK(refused(world.rank() == 0 ? tutti::neighbours{1} : tutti::neighbours{}));  // 1 does not know of it
    CHECK(refused({world.rank()}));
    CHECK(refused(world.rank() == 2 ? tutti::neighbours{} : tutti::neighbours{1 - world.rank(), 1 - world.rank()}));
    CHECK(refused(world.rank() == 1 ? tutti::neighbours::directed({0}, {}) : tutti::neighbours{}));
  });
}

TEST_CASE("equal curvature on a ring: the mean of all ranks is the optimum, their distance from it within the bound") {
  double const rate = 0.1;
  for (int const ranks : {1, 2, 3, 8}) {
    auto const all = trained<tutti::gossip>(ranks, 250, rate, one);
    // W of a ring is circulant: its eigenvalues are 1/3 + 2/3 cos(2 pi k / ranks); of two ranks, 1 and 0.
    double second = 0;
    for (int k = 1; k < ranks && ranks > 2; ++k)
      second = (std::max)(second, std::fabs(1.0 / 3 + 2.0 / 3 * std::cos(2 * 3.14159265358979 * k / ranks)));
    double apart = 0, targets_apart = 0;
    for (std::size_t i = 0; i < dimension; ++i) {
      double const middle = optimum(ranks, i, one);
      CHECK(std::fabs(mean_of(all, i) - middle) <= 1e-10);
      for (int k = 0; k < ranks; ++k) {
        apart += std::pow(all[static_cast<std::size_t>(k)].x[i] - mean_of(all, i), 2);
        targets_apart += std::pow(target(k, i) - middle, 2);
      }
    }
    double const bound = rate * std::sqrt(targets_apart) / (1 - second);
    INFO(ranks << " ranks: apart " << std::sqrt(apart) << ", bound " << bound);
    CHECK(std::sqrt(apart) <= bound + 1e-12);
    if (ranks > 1) CHECK(std::sqrt(apart) > bound / 10);  // control: a constant rate does not bring them together
  }
}

TEST_CASE("gradient tracking brings every rank to the optimum of uneven losses; control: gossip does not") {
  for (int const ranks : {1, 2, 5}) {
    CHECK(worst(trained<tutti::gradient_tracking>(ranks, 500, 0.15, uneven), uneven) <= 1e-8);
    if (ranks > 1) CHECK(worst(trained<tutti::gossip>(ranks, 500, 0.15, uneven), uneven) > 1e-3);
  }
  CHECK(worst(trained<tutti::gradient_tracking>(3, 300, 0.15, uneven, over::sockets), uneven) <= 1e-8);
}

TEST_CASE("one step is the definition by hand: mixed models less the rate times the gradient at the model before") {
  struct net {
    std::vector<float> a = std::vector<float>(7);
    double b = 0;
    std::int32_t calls = 3;
  };
  int const ranks = 5;
  auto const number = [](int r, std::size_t i) { return static_cast<float>((r * 13 + static_cast<int>(i) * 7) % 11); };
  run_ranks(ranks, [&](communicator& world) {
    int const r = world.rank(), up = (r + 1) % ranks, down = (r + ranks - 1) % ranks;
    net model, gradient;
    for (std::size_t i = 0; i < 7; ++i) {
      model.a[i] = number(r, i);
      gradient.a[i] = 8;
    }
    model.b = r;
    gradient.b = 8;
    tutti::gossip strategy{world, metropolis(world, tutti::ring_of(world)), tutti::sgd{.lr = 0.5}};
    strategy.step(model, gradient, r == 2 ? 0 : 4);  // rank 2 has no samples: it only mixes
    float const down_by = r == 2 ? 0.0F : 1.0F;
    for (std::size_t i = 0; i < 7; ++i)
      CHECK(model.a[i] ==
            doctest::Approx((number(r, i) + number(up, i) + number(down, i)) / 3 - down_by).epsilon(1e-6));
    CHECK(model.b == doctest::Approx((r + up + down) / 3.0 - static_cast<double>(down_by)).epsilon(1e-12));
    CHECK(model.calls == 3);
    allreduce(world, model, tutti::mean);  // one model in the end
    CHECK(model.b == doctest::Approx(2 - 0.8));
  });
}
