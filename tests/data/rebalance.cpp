// SPDX-License-Identifier: BSL-1.0
// Promises of data/rebalance.hpp.
#include <tutti/data/rebalance.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include <tutti/data/redistribute.hpp>
#include <tutti/sim.hpp>

namespace {

using namespace std::chrono_literals;
using tutti::partition;

constexpr std::uint64_t n = 700;
constexpr auto per_item = 1ms;  // of a rank of speed 1; the ideal step of 1 1 1 0.5 takes 200 ms
double const speeds[] = {1, 1, 1, 0.5};

std::chrono::nanoseconds work(tutti::sim_communicator& world, std::uint64_t items, double speed) {
  auto const begin = world.now();
  std::chrono::duration<double> const takes = per_item * (static_cast<double>(items) / speed);
  world.compute(std::chrono::duration_cast<std::chrono::nanoseconds>(takes));
  return world.now() - begin;
}

}  // namespace

TEST_CASE(
    "speeds measured on the user's own step give shares that end within 5 % of the ideal; equal ones take 1.75 times") {
  auto const step_time = [](bool measured) {
    std::chrono::nanoseconds longest{};
    (void)tutti::testing::run_ranks(
        4,
        [&](tutti::sim_communicator& world) {
          double const speed = speeds[world.rank()];
          auto const known = calibrate(world, 10, [&] { (void)work(world, 10, speed); });
          partition const part(n, 4, tutti::weighted{measured ? known : std::vector<double>(4, 1.0)});
          barrier(world);
          auto const took = work(world, part.count(world.rank()), speed);
          if (took > longest) longest = took;  // ranks of a simulated world run one at a time
        },
        tutti::sim{});
    return longest;
  };
  CHECK(step_time(true) <= 210ms);
  CHECK(step_time(false) == 350ms);
}

TEST_CASE("a rank that did nothing counts as the mean of the others; nobody did anything: all are equal") {
  tutti::testing::run_ranks(3, [](tutti::communicator& world) {
    bool const idle = world.rank() == 1;
    CHECK(calibrate(world, idle ? 0 : 10, world.rank() == 0 ? 1s : 5s) == std::vector<double>{10, 6, 2});
    CHECK(calibrate(world, 0, 1s) == std::vector<double>{1, 1, 1});
  });
}

TEST_CASE("rebalance: a rank that slows down hands over rows once, those that stay slow do not make rows wander") {
  int moves = 0;
  std::chrono::nanoseconds last{};
  (void)tutti::testing::run_ranks(
      4,
      [&](tutti::sim_communicator& world) {
        partition part(n, 4, tutti::weighted{std::vector<double>(4, 1.0)});
        std::vector<std::uint64_t> rows(part.local(world.rank()).begin(), part.local(world.rank()).end());
        tutti::rebalance policy{.hysteresis = 0.1, .memory = 0};
        for (int step = 0; step < 12; ++step) {
          double const wobble = 1 + 0.02 * ((step + world.rank()) % 3 - 1);
          double const speed = (step < 3 ? 1.0 : speeds[world.rank()]) * wobble;
          auto const took = work(world, rows.size(), speed);
          if (auto const better = policy(world, part, took)) {
            CHECK(step == 3);
            rows = redistribute(world, std::move(rows), part, *better);
            part = *better;
            if (world.rank() == 0) ++moves;
          }
          if (step == 11 && took > last) last = took;
        }
        CHECK(rows == std::vector<std::uint64_t>(part.local(world.rank()).begin(), part.local(world.rank()).end()));
      },
      tutti::sim{});
  CHECK(moves == 1);
  CHECK(last <= 215ms);
}

TEST_CASE("rebalance: without hysteresis noise moves rows at every step") {
  int moves = 0;
  (void)tutti::testing::run_ranks(
      3,
      [&](tutti::sim_communicator& world) {
        partition part(n, 3, tutti::weighted{{1, 1, 1}});
        tutti::rebalance policy{.hysteresis = 0, .memory = 0};
        for (int step = 0; step < 6; ++step) {
          double const wobble = 1 + 0.02 * ((step + world.rank()) % 3 - 1);
          if (auto const better = policy(world, part, work(world, part.count(world.rank()), wobble))) {
            part = *better;
            if (world.rank() == 0) ++moves;
          }
        }
      },
      tutti::sim{});
  CHECK(moves >= 4);
}
