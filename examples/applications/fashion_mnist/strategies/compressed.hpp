// SPDX-License-Identifier: BSL-1.0
// --strategy int8, topk: as data, with gradients that travel in a quarter of the bytes, or their largest hundredth
// alone.
#pragma once

#include <tutti/train/compress.hpp>

#include "../strategy.hpp"

namespace fashion_mnist {

template <class Scheme>
class compressed_strategy final : public strategy {
 public:
  compressed_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : images_(images),
        share_{world.rank(), world.size()},
        model_(initial_network(set.seed)),
        work_(set.slot_width()),
        ways_(world, model_, Scheme{}) {}

  [[nodiscard]] share_of_samples samples() const override { return share_; }

  tutti::summed step(tutti::sample_batch const& batch, double learning_rate) override {
    double samples = 0;
    work_.load(model_);
    tutti::summed const loss = sum_batch(work_, images_, batch, gradient_, one_, samples);
    ways_.sync(gradient_, samples);
    optimizer_.lr = learning_rate;
    optimizer_.step(model_, gradient_);
    return loss;
  }

  network const& whole() override { return model_; }

 private:
  image_set const& images_;
  share_of_samples share_;
  network model_, gradient_, one_;
  workspace<float> work_;
  tutti::compressed<tutti::transport::any, Scheme> ways_;
  tutti::adam optimizer_;
};

}  // namespace fashion_mnist
