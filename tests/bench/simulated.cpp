// SPDX-License-Identifier: BSL-1.0
// Predicted times of allreduces, for tests/bench/scaling.py.
//
//   simulated scaling ALGORITHM BYTES RANKS...    one rank per host, the default network; a line per number of ranks:
//                                                 ranks, microseconds, messages
//   simulated loopback --np P                     measured beside predicted, a line per size and algorithm:
//                                                 bytes, algorithm, measured and predicted microseconds
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <tutti/sim.hpp>

namespace {

using namespace std::chrono_literals;
using tutti::algorithm;
using tutti::clock;
namespace plan = tutti::plan;

// Chosen once, beside the runs on the host that docs/simulation.md names.
constexpr tutti::sim loopback{
    .overhead = 2600ns, .host_alpha = 900ns, .copy = 10e9, .fold = 50e9, .wake = 2500ns, .hosts = 1, .cores = 2};

double microseconds(std::chrono::nanoseconds t) { return static_cast<double>(t.count()) / 1e3; }

int scaling(int argc, char** argv) {
  for (plan::row const& way : plan::table()) {
    if (way.what != plan::collective::allreduce || tutti::to_string(way.algorithm) != argv[2]) continue;
    for (int i = 4; i < argc; ++i) {
      auto const t = plan::simulate(way, std::atoi(argv[i]), std::strtoull(argv[3], nullptr, 10), tutti::sim{});
      std::printf("%s %.1f %llu\n", argv[i], microseconds(t.time()), static_cast<unsigned long long>(t.messages));
      std::fflush(stdout);
    }
    return 0;
  }
  return 2;
}

/// Median over calls of the latest end minus the latest begin, after a barrier.
double measured(tutti::communicator& world, std::vector<float>& data, algorithm how, int calls) {
  std::vector<clock::rep> begins, ends;
  for (int i = 0; i < calls; ++i) {
    barrier(world);
    begins.push_back(clock::now().time_since_epoch().count());
    allreduce(world, data, {.algorithm = how});
    ends.push_back(clock::now().time_since_epoch().count());
  }
  allreduce(world, begins, tutti::max);
  allreduce(world, ends, tutti::max);
  for (std::size_t i = 0; i < ends.size(); ++i) ends[i] -= begins[i];
  std::nth_element(ends.begin(), ends.begin() + calls / 2, ends.end());
  return microseconds(std::chrono::nanoseconds(ends[static_cast<std::size_t>(calls) / 2]));
}

void compare(tutti::communicator& world) {
  for (std::size_t bytes : {64U, 4096U, 65536U, 1U << 20U, 8U << 20U})
    for (algorithm how : {algorithm::star, algorithm::direct, algorithm::binomial, algorithm::doubling}) {
      std::vector<float> data(bytes / sizeof(float));
      (void)measured(world, data, how, 3);
      double const took = measured(world, data, how, bytes > 1'000'000 ? 15 : 101);
      if (world.rank() != 0) continue;
      plan::row const& way = *plan::find(plan::collective::allreduce, how, world.size());
      double const told = microseconds(plan::simulate(way, world.size(), bytes, loopback).time());
      std::printf("%zu %s %.1f %.1f\n", bytes, std::string(tutti::to_string(how)).c_str(), took, told);
    }
}

}  // namespace

int main(int argc, char** argv) {
  std::string const mode = argc > 1 ? argv[1] : "";
  if (mode == "scaling" && argc > 4) return scaling(argc, argv);
  if (mode == "loopback") return tutti::run(argc, argv, compare);
  std::fprintf(stderr, "simulated: say `scaling ALGORITHM BYTES RANKS...` or `loopback --np P`\n");
  return 2;
}
