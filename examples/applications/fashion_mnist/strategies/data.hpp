// SPDX-License-Identifier: BSL-1.0
// --strategy data: every process has the whole model and computes some samples of every batch.
#pragma once

#include "../strategy.hpp"

namespace fashion_mnist {

class data_strategy final : public strategy {
 public:
  data_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : images_(images),
        share_{world.rank(), world.size()},
        model_(initial_network(set.seed)),
        work_(set.slot_width()),
        ways_(world, model_, set.slots) {
    replicate(world, model_);
  }

  [[nodiscard]] share_of_samples samples() const override { return share_; }

  tutti::summed step(tutti::sample_batch const& batch, double learning_rate) override {
    optimizer_.lr = learning_rate;
    work_.load(model_);
    return train_step(ways_, optimizer_, model_, gradient_, batch, [&](auto const& slot, network& sum) {
      computed_ += slot.size();
      return work_.sum_gradients(images_, slot, sum);
    });
  }

  network const& whole() override { return model_; }

 private:
  image_set const& images_;
  share_of_samples share_;
  network model_, gradient_;
  workspace<float> work_;
  tutti::data_parallel<tutti::transport::any> ways_;
  tutti::adam optimizer_;
};

}  // namespace fashion_mnist
