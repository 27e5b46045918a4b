// SPDX-License-Identifier: BSL-1.0
// ZeRO 3: no rank ever has the model, only 1/P of its weights, of the mean gradient and of what Adam remembers. Layers
// are put together one at a time. The same bits on any number of ranks.
//
// Run: ./21_zero --np 4
// Output:
//   10 layers of 1000 weights, loss 3.3 -> 0.0
#include <cmath>
#include <cstdio>
#include <tutti/train.hpp>

using layer = std::vector<float>;  // y[i] = x[i] + weight[i]

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    constexpr int layers = 10, slots = 8;
    auto const make = [](int i) { return layer(1000, 0.01F * static_cast<float>(i)); };
    auto trainer = tutti::zero<3>(world, layers, make, tutti::adam{.lr = 0.01}, slots);
    int const first = tutti::slot_cut(slots, world.size(), world.rank());
    int const last = tutti::slot_cut(slots, world.size(), world.rank() + 1);

    double before = 0, loss = 0;
    for (int step = 0; step < 200; ++step) {
      std::vector<layer> outputs(static_cast<std::size_t>(last - first), layer(1000));
      for (int i = 0; i < layers; ++i) {  // forward, all slots through one layer
        layer weight = make(i);
        trainer.gather(i, weight);
        for (layer& y : outputs)
          for (std::size_t k = 0; k < y.size(); ++k) y[k] += weight[k];
      }
      double mine = 0;
      for (layer& y : outputs)
        for (float& z : y) mine += 0.5 * std::pow(z -= 3, 2.0);  // now the gradient by the output
      for (int i = layers; i-- > 0;) {                           // backward: the same for every layer
        for (int s = first; s < last; ++s) trainer.add(i, s, outputs[static_cast<std::size_t>(s - first)], 1);
        trainer.reduce(i);
      }
      trainer.step();
      loss = allreduce(world, mine) / slots / 1000;
      if (step == 0) before = loss;
    }
    if (world.rank() == 0) std::printf("%d layers of 1000 weights, loss %.1f -> %.1f\n", layers, before, loss);
  });
}
