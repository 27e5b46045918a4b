// SPDX-License-Identifier: BSL-1.0
// Promises of train/parameter_server.hpp, server_rows.hpp and worker_clocks.hpp.
#include <tutti/train/parameter_server.hpp>

#include <doctest/doctest.h>

#include <tutti/collective/gather.hpp>
#include <tutti/group/simulated.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/train/adam.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/scheduled.hpp>
#include <tutti/train/sgd.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using namespace std::chrono_literals;
using tutti::asp;
using tutti::bsp;
using tutti::communicator;
using tutti::ssp;
using tutti::testing::over;
using tutti::testing::run_ranks;

struct net {
  std::vector<float> a = std::vector<float>(11, 1.0F);
  std::array<double, 5> b{1, 2, 3, 4, 5};
  std::int32_t calls = 7;  // a buffer: stays
  std::vector<float> c = std::vector<float>(6, -1.0F);
};
/// All numbers in the order of their keys.
template <class T>
std::vector<T> numbers(net const& m) {
  if constexpr (std::is_same_v<T, double>) return {m.b.begin(), m.b.end()};
  std::vector<T> all(m.a.begin(), m.a.end());
  all.insert(all.end(), m.c.begin(), m.c.end());
  return all;
}
bool same_bits(net const& x, net const& y) {
  return worlds::same_bits(numbers<float>(x), numbers<float>(y)) &&
         worlds::same_bits(numbers<double>(x), numbers<double>(y)) && x.calls == y.calls;
}
/// What worker k finds in step `step`, a sum over weight_of(k) samples: depends on the weights, wildly on the rest.
double weight_of(int k) { return k + 1; }
net gradient_of(net const& at, int k, std::size_t step) {
  net g = at;
  auto change = [&, i = std::size_t{0}](auto& x) mutable {
    using T = std::remove_reference_t<decltype(x)>;
    x = x / T{8} + static_cast<T>(worlds::wild(k, 100 * step + i++)) / T{1 << 20};
  };
  for (float& x : g.a) change(x);
  for (double& x : g.b) change(x);
  for (float& x : g.c) change(x);
  return g;
}

/// Synchronous SGD by hand: the bracket's sum over the workers, over the sum of their weights, times the rate.
template <class Rate>
net by_hand(int workers, std::size_t steps, Rate rate) {
  net w;
  for (std::size_t step = 0; step < steps; ++step) {
    double const lr = rate(step);
    auto const update = [&]<class T>(std::vector<T> all) {
      std::size_t const n = all.size();
      auto const of = [&](int k, std::size_t i) { return numbers<T>(gradient_of(w, k, step))[i]; };
      auto const sum = worlds::folded(workers, n, of, [](T a, T b) { return a + b; });
      double total = 0;
      for (int k = 0; k < workers; ++k) total += weight_of(k);
      for (std::size_t i = 0; i < n; ++i) all[i] -= static_cast<T>(lr) * (sum[i] / static_cast<T>(total));
      return all;
    };
    auto const f = update(numbers<float>(w));
    auto const d = update(numbers<double>(w));
    std::copy_n(f.begin(), w.a.size(), w.a.begin());
    std::copy_n(f.begin() + static_cast<std::ptrdiff_t>(w.a.size()), w.c.size(), w.c.begin());
    std::copy_n(d.begin(), w.b.size(), w.b.begin());
  }
  return w;
}

double constantly(std::uint64_t) { return 0.25; }

struct cast {
  int servers;
  int workers;
};
/// The model of every rank after `steps` steps of every worker.
template <class Optimizer>
std::vector<net> served(cast const& c, ssp rule, std::size_t steps, Optimizer const& opt, over medium) {
  int const size = c.servers + c.workers;
  std::vector<net> models(static_cast<std::size_t>(size));
  run_ranks(
      size,
      [&](communicator& world) {
        net& model = models[static_cast<std::size_t>(world.rank())];
        if (world.rank() != 0) model.a.assign(model.a.size(), 99.0F);  // replicated by train()
        tutti::parameter_server ps{world, opt, rule, (std::max)(1, c.servers)};
        auto const report = ps.train(model, [&](auto& worker) {
          CHECK(worker.size() == c.workers);
          for (std::size_t step = 0; step < steps; ++step)
            worker.step(model, gradient_of(model, worker.rank(), step), weight_of(worker.rank()));
          CHECK(worker.clock() == steps);
        });
        CHECK(report.gradients == static_cast<std::uint64_t>(c.workers) * steps);
        CHECK(report.spread == 0);
        CHECK(report.steps == steps);
      },
      medium);
  return models;
}

}  // namespace

TEST_CASE("bsp and ssp{0} train to the bits of a serial loop over the workers, however many servers keep the weights") {
  std::size_t const steps = 5;
  tutti::sgd const opt{.lr = 0.25};
  for (cast const& c : {cast{0, 1}, {1, 1}, {1, 4}, {2, 3}, {3, 5}, {5, 2}, {1, 12}}) {
    INFO(c.servers << " servers, " << c.workers << " workers");
    net const expected = by_hand(c.workers, steps, constantly);
    CHECK_FALSE(same_bits(expected, net{}));
    for (ssp const rule : {ssp(bsp{}), ssp{0}})
      for (net const& model : served(c, rule, steps, opt, over::memory)) CHECK(same_bits(model, expected));
  }
  for (net const& model : served({2, 3}, bsp{}, steps, opt, over::sockets))
    CHECK(same_bits(model, by_hand(3, steps, constantly)));
}

TEST_CASE("with Adam too, bsp equals data parallel training bit for bit; more servers than weights keep empty shares") {
  std::size_t const steps = 4;
  for (cast const& c : {cast{2, 3}, {20, 4}}) {
    net expected;
    run_ranks(c.workers, [&](communicator& world) {
      net model;
      tutti::adam opt{0.01};
      tutti::data_parallel dp{world, model};
      for (std::size_t step = 0; step < steps; ++step) {
        net gradient = gradient_of(model, world.rank(), step);
        dp.sync(gradient, weight_of(world.rank()));
        opt.step(model, gradient);
      }
      if (world.rank() == 0) expected = model;
    });
    for (net const& model : served(c, bsp{}, steps, tutti::adam{0.01}, over::memory)) CHECK(same_bits(model, expected));
  }
}

TEST_CASE("train() called again goes on with the optimiser where it was, on a rate that falls by the step") {
  auto const rate = [](std::uint64_t step) { return 1.0 / static_cast<double>(step + 2); };
  std::size_t const steps = 6;
  run_ranks(5, [&](communicator& world) {
    net model;
    tutti::parameter_server ps{world, tutti::scheduled{tutti::sgd{}, rate}, bsp{}, 2};
    for (std::size_t const first : {0U, 2U})
      ps.train(model, [&](auto& worker) {
        for (std::size_t step = first; step < (first == 0 ? 2 : steps); ++step)
          worker.step(model, gradient_of(model, worker.rank(), step), weight_of(worker.rank()));
      });
    CHECK(same_bits(model, by_hand(3, steps, rate)));
  });
}

TEST_CASE("no worker begins a step more than s steps after another asked for its own; control: asp does") {
  constexpr int workers = 5;
  for (std::uint64_t const s : {0U, 1U, 3U, 1000U}) {
    for (int const servers : {1, 2}) {
      // One rank runs at a time, on a virtual clock: these are shared without locks. `asked` counts before the call.
      std::array<std::uint64_t, workers> asked{};
      std::uint64_t widest = 0;
      std::uint64_t told = 0;
      run_ranks(
          servers + workers,
          [&](auto& world) {
            std::vector<double> model(1);
            tutti::parameter_server ps{world, tutti::sgd{.lr = 0.1}, s == 1000 ? ssp(asp{}) : ssp{s}, servers};
            auto const report = ps.train(model, [&](auto& worker) {
              auto const k = static_cast<std::size_t>(worker.rank());
              for (std::uint64_t step = 0; step < 60; ++step) {
                // Speeds that differ, and change: who is slow at first is fast later.
                std::uint64_t const pace = 1 + (k * 7 + step / 20 * 3) % 5;
                world.compute(std::chrono::microseconds(100 * pace * pace));
                ++asked[k];
                worker.step(model, std::vector<double>{0.5}, 1);
                widest = (std::max)(widest, worker.clock() - *std::min_element(asked.begin(), asked.end()));
              }
              asked[k] = ~std::uint64_t{0};  // it has left: nobody waits for it
            });
            told = report.spread;
          },
          tutti::sim{});
      INFO("s = " << s << ", " << servers << " servers: seen " << widest << ", told " << told);
      if (s == 1000) {
        CHECK(widest > 10);
        CHECK(told > 10);
      } else {
        CHECK(widest <= s);
        CHECK(told == s);  // and the slack is used
      }
    }
  }
}

TEST_CASE("one of four workers is three times as slow: asp makes at least 2.2 times the steps of bsp") {
  auto const gradients = [](ssp rule, int servers) {
    std::uint64_t made = 0;
    run_ranks(
        servers + 4,
        [&](auto& world) {
          std::vector<double> model(500);
          tutti::parameter_server ps{world, tutti::sgd{}, rule, servers};
          auto const report = ps.train(model, [&](auto& worker) {
            auto const end = world.now() + 200ms;
            while (world.now() < end) {
              world.compute(worker.rank() == 2 ? 3ms : 1ms);
              worker.step(model, std::vector<double>(500), 1);
            }
          });
          made = report.gradients;
        },
        tutti::sim{});
    return static_cast<double>(made);
  };
  for (int const servers : {1, 2}) {
    double const together = gradients(bsp{}, servers);
    double const apart = gradients(asp{}, servers);
    INFO(servers << " servers: " << apart << " and " << together);
    CHECK(apart >= 2.2 * together);
    CHECK(apart <= 2.5 * together);  // 3 + 1/3 steps for 4/3: more cannot be
    double const nearly = gradients(ssp{3}, servers);
    CHECK(nearly >= together);  // in the long run the slowest sets the pace
    CHECK(nearly < 0.7 * apart);
  }
}

TEST_CASE("asp finds the optimum; workers may leave early, and have no samples") {
  struct point {
    std::vector<double> x = std::vector<double>(3, 10.0);
  };
  for (over const medium : {over::memory, over::sockets}) {
    run_ranks(
        6,
        [&](communicator& world) {
          point model;
          tutti::parameter_server ps{world, tutti::sgd{.lr = 0.2}, asp{}, 2};
          auto const report = ps.train(model, [&](auto& worker) {
            for (int step = 0; step < (worker.rank() == 0 ? 3 : 300); ++step) {
              point gradient;  // of |x - (1, 2, 3)|² / 2, twice: a sum over two samples
              for (std::size_t i = 0; i < 3; ++i) gradient.x[i] = 2 * (model.x[i] - static_cast<double>(i + 1));
              if (worker.rank() == 1)
                worker.step(model, point{{0, 0, 0}}, 0);
              else
                worker.step(model, gradient, 2);
            }
          });
          CHECK(report.gradients == 903);
          CHECK(report.steps <= 603);
          for (std::size_t i = 0; i < 3; ++i)
            CHECK(model.x[i] == doctest::Approx(static_cast<double>(i + 1)).epsilon(1e-9));
        },
        medium);
  }
}

TEST_CASE("servers, and workers that are through, wait for ten minutes where a call gives up after one") {
  auto const report =
      run_ranks(4,
                [&](auto& world) {
                  std::vector<double> model(3);
                  tutti::parameter_server ps{world, tutti::sgd{.lr = 1}, asp{}, 1};
                  ps.train(model, [&](auto& worker) {
                    for (int step = 0; step < worker.rank(); ++step) {
                      world.compute(worker.rank() == 1 ? 4min : 5min);  // gradients that come together are one step
                      worker.step(model, std::vector<double>{1, 0, -1}, 1);
                    }
                  });
                  CHECK(model == std::vector<double>{-3, 0, 3});
                },
                tutti::sim{}, {.call_timeout = 60s});
  CHECK(report.time() >= 10min);
}

TEST_CASE("rows longer than any queue piece travel whole, through memory and through sockets") {
  for (over const medium : {over::memory, over::sockets})
    run_ranks(
        3,
        [](communicator& world) {
          std::vector<float> model(400'001);
          tutti::parameter_server ps{world, tutti::sgd{.lr = 1}, bsp{}, 1};
          ps.train(model, [&](auto& worker) {
            std::vector<float> gradient(model.size());
            for (int step = 0; step < 2; ++step) {
              for (std::size_t i = 0; i < gradient.size(); ++i)
                gradient[i] = worker.rank() == 0 ? static_cast<float>(i % 1000) : -2.0F;
              worker.step(model, gradient, 1);
            }
          });
          bool right = true;  // small whole numbers: exact
          for (std::size_t i = 0; i < model.size(); ++i) right &= model[i] == 2.0F - static_cast<float>(i % 1000);
          CHECK(right);
        },
        medium);
}

TEST_CASE("what cannot work is refused by a sentence, and a worker that fails takes nobody into a wait") {
  run_ranks(2, [](communicator& world) {
    CHECK(worlds::kind_of_error([&] { tutti::parameter_server ps(world, tutti::sgd{}, bsp{}, 2); }) == "config");
    CHECK(worlds::kind_of_error([&] { tutti::parameter_server ps(world, tutti::sgd{}, bsp{}, 0); }) == "config");
  });
  run_ranks(1, [](communicator& world) {
    std::vector<float> model(4);
    tutti::parameter_server ps{world, tutti::sgd{}, asp{}};
    ps.train(model, [&](auto& worker) {
      CHECK(worlds::kind_of_error([&] { worker.step(model, std::vector<float>(5), 1); }) == "config");
      CHECK(worlds::kind_of_error([&] { worker.step(model, std::vector<float>(4), -1); }) == "config");
    });
  });
  auto const ended = tutti::testing::try_ranks(4, [](communicator& world) {
    std::vector<float> model(4);
    tutti::parameter_server ps{world, tutti::sgd{}, bsp{}, 2};
    ps.train(model, [&](auto& worker) {
      for (int step = 0;; ++step) {
        if (worker.rank() == 1 && step == 3) throw std::runtime_error("the disk is full");
        worker.step(model, model, 1);
      }
    });
  });
  for (auto const& rank : ended) {
    REQUIRE(rank.thrown);
    try {
      std::rethrow_exception(rank.thrown);
    } catch (std::exception const& e) {
      CHECK(std::string(e.what()).find("the disk is full") != std::string::npos);
    }
  }
}
