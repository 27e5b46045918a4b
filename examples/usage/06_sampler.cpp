// SPDX-License-Identifier: BSL-1.0
// Cut data among ranks: partition() says who owns which item; a sampler shuffles, and hands out every sample exactly
// once per epoch. Neither communicates: they are arithmetic, and give the same answer everywhere.
//
// Run: ./06_sampler --np 3
// Output:
//   10 items over 3 ranks, block: 4 3 3
//   item 6 belongs to rank 1
//   epoch 0: 3 batches, 10 samples, each exactly once
//   epoch 1: 3 batches, 10 samples, each exactly once
#include <algorithm>
#include <cstdio>
#include <tutti/tutti.hpp>
#include <vector>

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    tutti::partition const part(10, world.size(), tutti::block{});
    if (world.rank() == 0) std::printf("%s\nitem 6 belongs to rank %d\n", part.explain().c_str(), part.owner(6));

    tutti::sampler s{.size = 10, .global_batch = 4, .seed = 1};
    for (unsigned epoch = 0; epoch < 2; ++epoch) {
      std::vector<int> times_seen(10);  // by this rank, and after the allreduce by all of them
      int batches = 0;
      for (auto const& batch : s.epochs(epoch + 1).on(world)) {
        ++batches;
        for (auto const slot : batch.slots()) {  // those of the batch's 8 parts that this rank computes
          for (auto const sample : slot) ++times_seen[sample];
        }
      }
      allreduce(world, times_seen);
      if (world.rank() == 0 && times_seen == std::vector<int>(10, 1)) {
        std::printf("epoch %u: %d batches, 10 samples, each exactly once\n", epoch, batches);
      }
    }
  });
}
