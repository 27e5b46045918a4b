// SPDX-License-Identifier: BSL-1.0
// The smallest program: four processes add up a vector. Started without --np it is a world of one, and still right.
//
// Run: ./01_hello --np 4
// Output:
//   4 ranks: 0 + 1 + 2 + 3 = 6 in each of 1048576 elements
#include <algorithm>
#include <cstdio>
#include <tutti/tutti.hpp>
#include <vector>

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    std::vector<float> x(1 << 20, static_cast<float>(world.rank()));
    allreduce(world, x);  // in place; the sum, with the same bits on every rank
    if (world.rank() == 0 && std::all_of(x.begin(), x.end(), [&](float v) { return v == x[0]; })) {
      std::printf("%d ranks: 0 + 1 + 2 + 3 = %g in each of %zu elements\n", world.size(), static_cast<double>(x[0]),
                  x.size());
    }
  });
}
