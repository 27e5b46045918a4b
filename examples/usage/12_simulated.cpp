// SPDX-License-Identifier: BSL-1.0
// Would it scale? The same function, on hosts you do not have: each rank computes its share of a step of 64 ms, then
// all sum a gradient of 1 MiB. The clock is virtual: the program takes a second, and prints the same in every run.
//
// Run: ./12_simulated
// Output:
//   hosts   1 Gbit/s  10 Gbit/s
//       1      64 ms      64 ms
//       4      29 ms      17 ms
//      16      20 ms       6 ms
//      64      18 ms       3 ms
#include <chrono>
#include <cstdio>
#include <tutti/sim.hpp>
#include <vector>

using namespace std::chrono_literals;

void step(auto& world) {
  std::vector<float> gradient(1 << 18, 1.0f);
  world.compute(64ms / world.size());  // advances this rank's clock; on real ranks it would sleep
  allreduce(world, gradient, {.algorithm = tutti::algorithm::direct});
}

int main() {
  std::printf("hosts   1 Gbit/s  10 Gbit/s\n");
  for (int hosts : {1, 4, 16, 64}) {
    std::printf("%5d", hosts);
    for (double gigabits : {1.0, 10.0}) {
      tutti::sim const network{.alpha = 50us, .beta = gigabits * 1e9 / 8};
      auto const report = tutti::testing::run_ranks(
          hosts, [](auto& world) { step(world); }, network);
      std::printf("%8.0f ms", std::chrono::duration<double, std::milli>(report.time()).count());
    }
    std::printf("\n");
  }
}
