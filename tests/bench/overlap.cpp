// SPDX-License-Identifier: BSL-1.0
// How much of an allreduce hides behind computing. Each rank of a running job measures the call alone, the computing
// alone, and both at once; rank 0 prints one line. Then the same of the gradient of 16 layers, whose backward pass
// calls each of them ready (overlapped_data_parallel), beside data_parallel after the pass.
//
//     overlap [MiB of floats = 16] [rounds = 5]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <tutti/async.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/overlapped.hpp>

namespace {

using seconds = std::chrono::duration<double>;

volatile double kept = 0;

/// Computes for a fixed amount of work, whatever else the processor does.
void compute(long steps) {
  double x = kept;
  for (long i = 0; i < steps; ++i) x = x * 0.75 + 1.5;
  kept = x;
}

double timed(tutti::communicator& world, auto&& body) {
  barrier(world);
  auto const begin = tutti::clock::now();
  body();
  return seconds(tutti::clock::now() - begin).count();
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

struct layers {
  std::vector<std::vector<float>> layer;
};

/// One contribution per rank; the backward pass takes 1.1 times as long as the gradient travels.
void train(tutti::communicator& world, std::size_t numbers, int rounds, double step) {
  constexpr std::size_t depth = 16;
  layers gradient{std::vector(depth, std::vector<float>(numbers / depth, 1.0F))};
  tutti::data_parallel after{world, gradient, world.size()};
  tutti::overlapped_data_parallel during{world, gradient, {.slots = world.size()}};
  auto const send = [&](auto& dp) {
    dp.add(world.rank(), gradient, 1);
    dp.sync(gradient);
  };
  send(after), send(during);  // memory, lanes
  std::vector<double> hidden, walls, one_by_one, calls;
  for (int round = 0; round < rounds; ++round) {
    double const alone = allreduce(world, timed(world, [&] { send(after); }), tutti::max);
    auto const steps = static_cast<long>(1.1 * alone / step / depth);
    double const computing = timed(world, [&] {
      for (std::size_t l = depth; l-- > 0;) compute(steps);
    });
    double const both = timed(world, [&] {
      during.begin(world.rank(), gradient, 1);
      for (std::size_t l = depth; l-- > 0;) {
        compute(steps);
        during.ready("layer." + std::to_string(l));
      }
      during.end();
      during.sync(gradient);
    });
    calls.push_back(alone);
    walls.push_back(both);
    one_by_one.push_back(computing + alone);
    hidden.push_back(1 - (both - computing) / alone);
  }
  double const least = allreduce(world, median(hidden), tutti::min);
  if (world.rank() == 0)
    std::printf(
        "a gradient of %zu MiB in %zu layers: sync alone %.1f ms, backward pass and sync one after the other %.1f ms, "
        "overlapped %.1f ms: the pass hides %.0f %% (wall clock, worst rank)\n",
        numbers >> 18U, depth, median(calls) * 1e3, median(one_by_one) * 1e3, median(walls) * 1e3, least * 1e2);
}

}  // namespace

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [&](tutti::communicator& world) {
    std::size_t const n = std::strtoul(argc > 1 ? argv[1] : "16", nullptr, 10) << 18U;
    int const rounds = argc > 2 ? std::atoi(argv[2]) : 5;
    std::vector<float> x(n, 1.0F);
    allreduce(world, x);

    double const step = timed(world, [] { compute(50'000'000); }) / 50e6;
    std::vector<double> hidden, overlapped, calls, walls;
    for (int round = 0; round < rounds; ++round) {
      double const alone = allreduce(world, timed(world, [&] { allreduce(world, x); }), tutti::max);
      auto const steps = static_cast<long>(1.1 * alone / step);
      double const computing = timed(world, [&] { compute(steps); });

      tutti::trace events;
      tutti::clock::time_point begin, end;
      double const both = timed(world, [&] {
        world.engine().trace_to(&events);
        auto sum = async_allreduce(world, x);
        begin = tutti::clock::now();
        compute(steps);
        end = tutti::clock::now();
        sum.get();
      });
      world.engine().trace_to(nullptr);
      auto const seen = events.events();
      auto const call = seen.back().time - seen.front().time;
      auto const within = (std::min)(end, seen.back().time) - (std::max)(begin, seen.front().time);
      overlapped.push_back(seconds(within).count() / seconds(call).count());
      hidden.push_back(1 - (both - computing) / alone);
      calls.push_back(alone);
      walls.push_back(both);
    }
    double const call = median(calls), wall = median(walls), events_say = median(overlapped);
    double const least = allreduce(world, median(hidden), tutti::min);
    if (world.rank() == 0)
      std::printf(
          "%zu MiB x %d ranks: call alone %.1f ms, computing and call together %.1f ms; of the call, computing "
          "overlaps %.0f %% (trace events) and hides %.0f %% (wall clock, worst rank)\n",
          n >> 18U, world.size(), call * 1e3, wall * 1e3, events_say * 1e2, least * 1e2);
    train(world, n, rounds, step);
  });
}
