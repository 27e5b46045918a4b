// SPDX-License-Identifier: BSL-1.0
// Training y = 3 x - 2 without waiting for the slowest: rank 0 keeps the weights, the others send it gradients and get
// newer weights back. One of them is slow; no other ever gets more than 4 steps ahead of it.
//
// Run: ./22_asynchronous --np 4
// Output:
//   y = 3.0000 x + -2.0000
#include <cstdio>
#include <tutti/train.hpp>

using namespace std::chrono_literals;

struct line {
  double slope = 0;
  double offset = 0;
};

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    line model;
    tutti::parameter_server server{world, tutti::sgd{.lr = 0.2}, tutti::ssp{4}};
    server.train(model, [&](auto& worker) {
      tutti::sampler sampler{.size = 1000, .global_batch = 50, .seed = 1};
      for (auto const& batch : sampler.epochs(20).on(worker)) {
        if (worker.rank() == 2) world.compute(1ms);  // the slow one
        line gradient;
        double samples = 0;
        for (auto const slot : batch.slots())
          for (auto const sample : slot) {  // the sum, not the mean: the server divides, once
            double const x = static_cast<double>(sample) / 500 - 1;
            double const error = model.slope * x + model.offset - (3 * x - 2);
            gradient.slope += error * x;
            gradient.offset += error;
            ++samples;
          }
        worker.step(model, gradient, samples);
      }
    });
    if (world.rank() == 0) std::printf("y = %.4f x + %.4f\n", model.slope, model.offset);
  });
}
