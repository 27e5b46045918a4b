// SPDX-License-Identifier: BSL-1.0
// Promises of what stands around the steps of a training loop: train/learning_rate.hpp, lr_sweep.hpp, penalty.hpp,
// early_stop.hpp and sync_batch_stats.hpp.
#include <tutti/train/early_stop.hpp>
#include <tutti/train/learning_rate.hpp>
#include <tutti/train/lr_sweep.hpp>
#include <tutti/train/penalty.hpp>
#include <tutti/train/sync_batch_stats.hpp>

#include <doctest/doctest.h>

#include <tutti/collective/barrier.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/sgd.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using tutti::communicator;
using tutti::testing::run_ranks;

double number(std::uint64_t i) {  // in [-1, 1)
  i = (i + 1) * 0x9e3779b97f4a7c15U;
  i = (i ^ (i >> 31U)) * 0xbf58476d1ce4e5b9U;
  return static_cast<double>((i ^ (i >> 29U)) >> 11U) * 0x1p-52 - 1;
}

struct net {
  std::vector<float> a;
  std::vector<double> b;
  std::int32_t calls = 3;
};

}  // namespace

TEST_CASE("learning rates: warm-up in equal parts, then half a cosine to the floor, as the papers draw them") {
  namespace rate = tutti::learning_rate;
  rate::warmup const lr{4, rate::cosine{0.8, 100, 0.2}};
  for (unsigned t = 0; t < 4; ++t) CHECK(lr(t) == doctest::Approx(0.8 * (t + 1) / 4));
  CHECK(lr(4) == 0.8);
  for (unsigned t = 0; t <= 100; ++t)
    CHECK(lr(4 + t) == doctest::Approx(0.2 + 0.3 * (1 + std::cos(std::acos(-1.0) * t / 100))));
  CHECK(lr(54) == doctest::Approx(0.5));
  CHECK(lr(1000) == 0.2);
  CHECK(rate::warmup{0, rate::constant{0.1}}(0) == 0.1);
  CHECK(rate::linear_scale(0.1, 8) == 0.8);
}

TEST_CASE("a sweep of learning rates gives one table, that of a single process, on any number of ranks and groups") {
  std::vector<double> const rates{0.01, 0.1, 0.5, 1.5, 1.9, 2.5};
  auto const serial = [](double lr) {  // steps down w^2 / 2 + w^4 / 4
    double w = 1;
    for (int i = 0; i < 20; ++i) w -= lr * (w + w * w * w);
    return w * w;
  };
  for (int const p : {1, 2, 4, 5})
    for (int const groups : {0, p})
      run_ranks(p, [&](communicator& world) {
        auto const table = tutti::lr_sweep(
            world, rates,
            [&](communicator& group, double lr) {
              barrier(group);  // every rank of the group is there
              return serial(lr);
            },
            groups);
        CHECK(table.size() == rates.size());
        for (std::size_t i = 0; i < rates.size(); ++i) {
          CHECK(table[i].rate == rates[i]);
          CHECK((table[i].score == serial(rates[i]) || std::isnan(table[i].score)));
        }
        CHECK_THROWS_AS((void)tutti::lr_sweep(
                            world, rates, [](communicator&, double) { return 0.0; }, p + 1),
                        tutti::error);
      });
}

TEST_CASE("a penalty is added once, whatever the number of ranks; added by each rank before the sum it is not") {
  net const model{{2, -3, 0}, {0.5}};
  std::vector<double> const mean{1 + 0.25 * 2 + 0.5, 1 - 0.25 * 3 - 0.5, 1, 1 + 0.25 * 0.5 + 0.5};  // l2 0.25, l1 0.5
  for (int const p : {1, 2, 4}) {
    run_ranks(p, [&](communicator& world) {
      net const ones{{1, 1, 1}, {1}};
      tutti::data_parallel dp{world, model};
      net g = ones;
      dp.sync(g, 1);  // one sample per rank: their sum is p ones, their mean ones
      CHECK(g.a == ones.a);
      CHECK(tutti::add_penalty(model, g, {.l1 = 0.5, .l2 = 0.25}) ==
            doctest::Approx(0.5 * 5.5 + 0.125 * (4 + 9 + 0.25)));
      for (std::size_t i = 0; i < 3; ++i) CHECK(g.a[i] == doctest::Approx(mean[i]).epsilon(1e-6));
      CHECK(g.b[0] == doctest::Approx(mean[3]).epsilon(1e-12));
      CHECK(g.calls == 3);

      net wrong = ones;
      tutti::add_penalty(model, wrong, {.l1 = 0.5, .l2 = 0.25});
      allreduce(world, wrong.b);  // control: a sum over ranks counts the penalty p times
      CHECK(wrong.b[0] - p == doctest::Approx(p * (mean[3] - 1)));
    });
  }
}

TEST_CASE("a hundred steps of SGD with an L2 penalty end where LibTorch's SGD with that weight_decay ends") {
  std::vector<double> const due{1.130816413017568, 0.5148082869859045, 0.9093335521973512, 0.5476983880903104};
  std::vector<double> w{0.5, -1.25, 2, 0}, g(4);
  tutti::sgd opt{.lr = 0.05};
  for (unsigned t = 1; t <= 100; ++t) {
    for (unsigned i = 0; i < 4; ++i) g[i] = 0.1 * (i + 1) * w[i] - 0.3 * ((t + i) % 3);
    tutti::add_penalty(w, g, {.l2 = 0.1});
    opt.step(w, g);
  }
  for (std::size_t i = 0; i < 4; ++i) CHECK(std::fabs(w[i] - due[i]) <= 1e-12);
}

TEST_CASE("all ranks leave the loop at the same step, for a thousand random traces of what each would like") {
  constexpr int p = 3;
  run_ranks(p, [&](communicator& world) {
    for (std::uint64_t trace = 0; trace < 1000; ++trace) {
      auto const says = [&](int rank, std::uint64_t step) {
        return number(trace * 7919 + static_cast<std::uint64_t>(rank) * 104729 + step) > -0.2;
      };
      auto const who = trace % 2 == 0 ? tutti::voters::all : tutti::voters::any;
      std::uint64_t due = 0;  // by looking at everyone's trace
      for (;; ++due) {
        int yes = 0;
        for (int r = 0; r < p; ++r) yes += says(r, due);
        if (who == tutti::voters::all ? yes == p : yes > 0) break;
      }
      std::uint64_t step = 0;
      while (!tutti::converged(world, says(world.rank(), step), who)) ++step;
      REQUIRE(step == due);
    }
  });
}

TEST_CASE("control: a rank that leaves the loop by itself gets everyone a mismatch, not a hang") {
  std::vector<int> mismatches(3);
  CHECK_THROWS_AS(run_ranks(3,
                            [&](communicator& world) {
                              std::vector<double> x(4);
                              try {
                                for (int step = 0; step < 5; ++step) {
                                  allreduce(world, x, {.timeout = std::chrono::seconds(20)});
                                  if (world.rank() == 1 && step == 2) break;
                                }
                                barrier(world, {.timeout = std::chrono::seconds(20)});
                              } catch (tutti::error const& e) {
                                mismatches[static_cast<std::size_t>(world.rank())] =
                                    e.kind() == tutti::error_kind::mismatch;
                                throw;
                              }
                            }),
                  tutti::error);
  CHECK(mismatches == std::vector<int>{1, 1, 1});
}

TEST_CASE("early stopping waits for a better mean of all ranks' samples as long as its patience says") {
  // losses whose means over all samples are 5, 4, 4.5, 3.9, 3.9, NaN, 3.89: patience 3, least gain 0.05
  std::vector<double> const means{5, 4, 4.5, 3.9, 3.9, std::nan(""), 3.89, 0};
  for (int const p : {1, 2, 3, 4})
    run_ranks(p, [&](communicator& world) {
      tutti::early_stop stop{.patience = 3, .least_gain = 0.05};
      double const mine = 1 + world.rank(), everyone = p * (p + 1) / 2.0;  // numbers of samples, uneven
      std::size_t epoch = 0;
      for (;; ++epoch) {
        double const here =
            mine * means.at(epoch) + (world.rank() == 0 ? everyone : 0) - (world.rank() == p - 1 ? everyone : 0);
        if (stop(world, {here, mine})) break;
      }
      CHECK(epoch == 6);
      CHECK(stop.best == doctest::Approx(3.9));
    });
  tutti::early_stop local{.patience = 2};
  CHECK_FALSE(local.judge(1));
  CHECK_FALSE(local.judge(1));
  CHECK(local.judge(1));
}

TEST_CASE("batch normalisation over uneven shards, forward and backward, is that of one big batch") {
  constexpr std::size_t channels = 3, rows = 41;
  std::vector<double> x(rows * channels), slope(rows * channels);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = 50 * static_cast<double>(i % channels) + number(i);
    slope[i] = number(i + 1000);
  }
  // The oracle: two passes in long double; backward by central differences of sum(slope * normalised).
  auto const normalised = [&](std::vector<double> const& in) {
    std::vector<long double> out(in.size());
    for (std::size_t c = 0; c < channels; ++c) {
      long double mean = 0, variance = 0;
      for (std::size_t i = c; i < in.size(); i += channels) mean += in[i] / static_cast<long double>(rows);
      for (std::size_t i = c; i < in.size(); i += channels)
        variance += (in[i] - mean) * (in[i] - mean) / static_cast<long double>(rows);
      for (std::size_t i = c; i < in.size(); i += channels) out[i] = (in[i] - mean) / std::sqrt(variance + 1e-5L);
    }
    return out;
  };
  auto const due = normalised(x);
  auto const derivative = [&](std::size_t i) {
    long double sums[2] = {};
    for (int side : {0, 1}) {
      auto moved = x;
      moved[i] += side == 0 ? -1e-4 : 1e-4;
      auto const y = normalised(moved);
      for (std::size_t j = 0; j < y.size(); ++j) sums[side] += y[j] * static_cast<long double>(slope[j]);
    }
    return static_cast<double>((sums[1] - sums[0]) / 2e-4L);
  };

  for (int const p : {1, 2, 3, 5})
    run_ranks(p, [&](communicator& world) {
      // rank r has the rows [r^2, (r+1)^2), the last all the rest, and of three or more ranks rank 1 has none
      auto const cut = [&](int r) -> std::size_t {
        if (r == p) return rows;
        return static_cast<std::size_t>(p >= 3 && r == 2 ? 1 : r * r);
      };
      std::size_t const first = cut(world.rank()) * channels, last = cut(world.rank() + 1) * channels;
      auto const begin = static_cast<std::ptrdiff_t>(first), end = static_cast<std::ptrdiff_t>(last);
      std::vector<double> y(x.begin() + begin, x.begin() + end), g(slope.begin() + begin, slope.begin() + end);
      auto const stats = tutti::sync_batch_stats(world, y, channels);
      CHECK(stats.rows == rows);
      tutti::batch_normalise(stats, y);
      for (std::size_t i = first; i < last; ++i) CHECK(std::fabs(y[i - first] - static_cast<double>(due[i])) <= 1e-12);
      tutti::sync_batch_backward(world, stats, y, g);
      for (std::size_t i = first; i < last; i += 7) CHECK(std::fabs(g[i - first] - derivative(i)) <= 1e-6);
      CHECK_THROWS_AS((void)tutti::sync_batch_stats(world, std::vector<double>(4), channels), tutti::error);
    });
}
