// SPDX-License-Identifier: BSL-1.0
// Promises of train/local_sgd.hpp, against serial loops over the ranks.
#include <tutti/train/local_sgd.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>
#include <tutti/train/adam.hpp>
#include <tutti/train/sgd.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;
using tutti::testing::run_ranks;

constexpr std::size_t n = 5;
struct net {
  std::vector<float> a = std::vector<float>(n, 1.0F);
  std::vector<double> b = std::vector<double>(n, -1.0);
  std::int32_t calls = 3;
};
using numbers = std::vector<double>;  // of a, then of b
numbers of(net const& m) {
  numbers all(m.a.begin(), m.a.end());
  all.insert(all.end(), m.b.begin(), m.b.end());
  return all;
}

/// The gradient of rank r's loss, curvature (r + 1) / 2 around targets of its own, and how many samples it stands for.
double slope(double x, int r, std::size_t i) {
  return 0.5 * (r + 1) * (x - std::sin(r + 2.0 * static_cast<double>(i)));
}
double samples_of(int r) { return 1 + r % 3; }
net gradient_of(net const& at, int r) {
  net g;
  for (std::size_t i = 0; i < n; ++i) {
    g.a[i] = static_cast<float>(samples_of(r) * slope(static_cast<double>(at.a[i]), r, i));
    g.b[i] = samples_of(r) * slope(at.b[i], r, n + i);
  }
  return g;
}
void check_close(numbers const& got, numbers const& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-5));
}
double furthest(numbers const& x, numbers const& y) {
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i) most = (std::max)(most, std::fabs(x[i] - y[i]));
  return most;
}

/// Every rank by itself for `every` plain steps, then meet(the weighted mean of all ranks, where they began).
template <class Meet>
numbers by_hand(int ranks, int rounds, int every, double rate, Meet meet) {
  numbers common = of(net{});
  for (int round = 0; round < rounds; ++round) {
    numbers mean(common.size());
    double total = 0;
    for (int r = 0; r < ranks; ++r) {
      numbers x = common;
      for (int step = 0; step < every; ++step)
        for (std::size_t i = 0; i < x.size(); ++i) x[i] -= rate * slope(x[i], r, i);
      for (std::size_t i = 0; i < x.size(); ++i) mean[i] += samples_of(r) * x[i];
      total += samples_of(r);
    }
    for (double& x : mean) x /= total;
    common = meet(mean, common);
  }
  return common;
}
numbers plainly(numbers const& mean, numbers const&) { return mean; }

/// Trains by what make(world, model) returns; all ranks must end with the same bits.
template <class Make>
numbers trained(int ranks, int steps, Make make) {
  std::vector<net> models(static_cast<std::size_t>(ranks));
  run_ranks(ranks, [&](communicator& world) {
    net model;
    auto strategy = make(world, model);
    for (int step = 0; step < steps; ++step) {
      net gradient = gradient_of(model, world.rank());
      strategy.step(model, gradient, samples_of(world.rank()));
    }
    strategy.sync(model);
    CHECK(model.calls == 3);
    models[static_cast<std::size_t>(world.rank())] = model;
  });
  for (net const& m : models) CHECK((worlds::same_bits(m.a, models[0].a) && worlds::same_bits(m.b, models[0].b)));
  return of(models[0]);
}

}  // namespace

TEST_CASE("local SGD is the weighted mean of models that trained apart; every = 1 with plain SGD is data parallel") {
  for (int const ranks : worlds::sizes)
    for (int const every : {1, 4}) {
      auto const local = [&](auto& world, net& model) {
        return tutti::local_sgd(world, model, tutti::sgd{.lr = 0.1}, static_cast<std::uint64_t>(every));
      };
      check_close(trained(ranks, 3 * every, local), by_hand(ranks, 3, every, 0.1, plainly));
    }
  // Steps beyond the last meeting end in one: 6 steps are 4 and 2.
  auto const local = [](auto& world, net& model) { return tutti::local_sgd(world, model, tutti::sgd{.lr = 0.1}, 4); };
  numbers const six = trained(3, 6, local);
  CHECK(furthest(six, by_hand(3, 1, 6, 0.1, plainly)) > 1e-3);
  CHECK(furthest(six, by_hand(3, 2, 4, 0.1, plainly)) > 1e-3);

  // D3, the mean gradient, by hand: the same to rounding. Training apart for longer is not.
  int const ranks = 4;
  numbers together = of(net{});
  for (int step = 0; step < 8; ++step)
    for (std::size_t i = 0; i < together.size(); ++i) {
      double sum = 0, samples = 0;
      for (int r = 0; r < ranks; ++r) {
        sum += samples_of(r) * slope(together[i], r, i);
        samples += samples_of(r);
      }
      together[i] -= 0.1 * sum / samples;
    }
  auto const every = [&](std::uint64_t steps) {
    return trained(ranks, 8, [&](auto& world, net& model) {
      return tutti::local_sgd(world, model, tutti::sgd{.lr = 0.1}, steps);
    });
  };
  CHECK(furthest(every(1), together) <= 1e-6);
  CHECK(furthest(every(8), together) > 1e-3);
}

TEST_CASE("averaging models is not averaging gradients when the optimiser is Adam") {
  int const ranks = 3, steps = 10;
  numbers const models = trained(
      ranks, steps, [](auto& world, net& model) { return tutti::local_sgd(world, model, tutti::adam{0.05}, 1); });
  numbers gradients;
  run_ranks(ranks, [&](communicator& world) {
    net model;
    tutti::adam opt{0.05};
    tutti::data_parallel dp{world, model};
    for (int step = 0; step < steps; ++step) {
      net gradient = gradient_of(model, world.rank());
      dp.sync(gradient, samples_of(world.rank()));
      opt.step(model, gradient);
    }
    if (world.rank() == 0) gradients = of(model);
  });
  CHECK(furthest(models, gradients) > 1e-3);
}

TEST_CASE("DiLoCo: the outer optimiser steps from the common start against the mean of where all went") {
  numbers velocity(2 * n);
  auto const nesterov = [&](numbers mean, numbers const& start) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      double const g = start[i] - mean[i];
      velocity[i] = 0.9 * velocity[i] + g;
      mean[i] = start[i] - 0.7 * (g + 0.9 * velocity[i]);
    }
    return mean;
  };
  for (int const ranks : {1, 2, 5}) {
    velocity.assign(2 * n, 0);
    auto const by_default = [](auto& world, net& model) {
      return tutti::diloco(world, model, tutti::sgd{.lr = 0.1}, 5);
    };
    numbers const got = trained(ranks, 20, by_default);
    check_close(got, by_hand(ranks, 4, 5, 0.1, nesterov));
    auto const with_sgd = [](auto& world, net& model) {
      return tutti::diloco(world, model, tutti::sgd{.lr = 0.1}, 5, tutti::sgd{.lr = 1});
    };
    numbers const mean = trained(ranks, 20, with_sgd);
    check_close(mean, by_hand(ranks, 4, 5, 0.1, plainly));  // the outer rate 1 takes the mean itself
    CHECK(furthest(got, mean) > 1e-3);
  }
}

TEST_CASE("a rank without samples learns nothing and counts nothing; nonsense is refused") {
  run_ranks(2, [](communicator& world) {
    net model;
    tutti::local_sgd local{world, model, tutti::sgd{.lr = 1}, 2};
    for (int step = 0; step < 2; ++step) {
      net gradient;
      gradient.a.assign(n, 8.0F);
      local.step(model, gradient, world.rank() == 0 ? 4 : 0);
    }
    CHECK(model.a[0] == 1.0F - 2 * 2.0F);
    local.sync(model);  // nothing since: no message, no change
    CHECK(model.a[0] == 1.0F - 2 * 2.0F);
    CHECK(worlds::kind_of_error([&] { tutti::local_sgd(world, model, tutti::sgd{}, 0); }) == "config");
    CHECK(worlds::kind_of_error([&] { local.step(model, model, -1); }) == "config");
  });
}
