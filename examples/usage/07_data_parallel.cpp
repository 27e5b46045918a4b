// SPDX-License-Identifier: BSL-1.0
// Data-parallel training of y = 3 x - 2: every rank computes its share of each batch, and steps with the exact mean
// over the whole batch. A batch has 8 slots whatever the number of ranks, so --np 1 ends with the very same bits.
//
// Run: ./07_data_parallel --np 4
// Output:
//   y = 3.0000 x + -2.0000
#include <cstdio>
#include <tutti/tutti.hpp>

struct line {
  double slope = 0;
  double offset = 0;
};

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    line model, gradient;
    replicate(world, model);
    tutti::data_parallel dp{world, gradient};
    tutti::adam optimizer{0.05};
    tutti::sampler sampler{.size = 1000, .global_batch = 50, .seed = 1};

    for (auto const& batch : sampler.epochs(60).on(world))
      train_step(dp, optimizer, model, gradient, batch, [&](auto const& slot, line& sum) {
        for (auto const sample : slot) {  // the sum over the slot, not the mean: dp divides, once
          double const x = static_cast<double>(sample) / 500 - 1;
          double const error = model.slope * x + model.offset - (3 * x - 2);
          sum.slope += error * x;
          sum.offset += error;
        }
      });
    if (world.rank() == 0) std::printf("y = %.4f x + %.4f\n", model.slope, model.offset);
  });
}
