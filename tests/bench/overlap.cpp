// SPDX-License-Identifier: BSL-1.0
// How much of an allreduce hides behind computing. Each rank of a running job measures the call alone, the computing
// alone, and both at once; rank 0 prints one line.
//
//     overlap [MiB of floats = 16] [rounds = 5]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <tutti/async.hpp>

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
    auto const median = [&](std::vector<double>& v) {
      std::sort(v.begin(), v.end());
      return v[v.size() / 2];
    };
    double const call = median(calls), wall = median(walls), events_say = median(overlapped);
    double const least = allreduce(world, median(hidden), tutti::min);
    if (world.rank() == 0)
      std::printf(
          "%zu MiB x %d ranks: call alone %.1f ms, computing and call together %.1f ms; of the call, computing "
          "overlaps %.0f %% (trace events) and hides %.0f %% (wall clock, worst rank)\n",
          n >> 18U, world.size(), call * 1e3, wall * 1e3, events_say * 1e2, least * 1e2);
  });
}
