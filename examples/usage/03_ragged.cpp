// SPDX-License-Identifier: BSL-1.0
// Uneven shares: rank 0 scatters a ragged list, one block per rank, of any length; every rank works on its block, and
// rank 0 gathers what came out, again of any length. Nobody but rank 0 knows a count in advance.
//
// Run: ./03_ragged --np 4
// Output:
//   rank 0 got 3 numbers, keeps 2: 2 3
//   rank 1 got 0 numbers, keeps 0:
//   rank 2 got 5 numbers, keeps 2: 5 7
//   rank 3 got 4 numbers, keeps 2: 11 13
#include <cstdio>
#include <tutti/tutti.hpp>
#include <vector>

bool is_prime(int n) {
  for (int d = 2; d * d <= n; ++d) {
    if (n % d == 0) return false;
  }
  return n > 1;
}

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    tutti::ragged<int> shares;
    if (world.rank() == 0) shares = {{1, 2, 3}, {}, {4, 5, 6, 7, 8}, {10, 11, 12, 13}};
    std::vector<int> const mine = scatter(world, shares);

    std::vector<int> primes;
    for (int n : mine) {
      if (is_prime(n)) primes.push_back(n);
    }
    tutti::ragged<int> const found = gather(world, primes);  // at rank 0; empty elsewhere

    for (std::size_t r = 0; r < found.size(); ++r) {
      std::printf("rank %zu got %zu numbers, keeps %zu:", r, shares[r].size(), found[r].size());
      for (int n : found[r]) std::printf(" %d", n);
      std::printf("\n");
    }
  });
}
