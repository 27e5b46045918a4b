// SPDX-License-Identifier: BSL-1.0
// --strategy local: every process takes sixteen steps by itself, on its share of sixteen batches; then all models
// become their mean.
#pragma once

#include <tutti/train/local_sgd.hpp>

#include "../strategy.hpp"

namespace fashion_mnist {

class local_strategy final : public strategy {
 public:
  local_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : images_(images),
        share_{world.rank(), world.size()},
        model_(initial_network(set.seed)),
        work_(set.slot_width()),
        ways_(world, model_, tutti::adam{}, 16) {}

  [[nodiscard]] share_of_samples samples() const override { return share_; }

  tutti::summed step(tutti::sample_batch const& batch, double learning_rate) override {
    double samples = 0;
    work_.load(model_);
    tutti::summed const loss = sum_batch(work_, images_, batch, gradient_, one_, samples);
    ways_.optimizer().lr = learning_rate;
    ways_.step(model_, gradient_, samples);
    return loss;
  }

  network const& whole() override {
    ways_.sync(model_);
    return model_;
  }

 private:
  image_set const& images_;
  share_of_samples share_;
  network model_, gradient_, one_;
  workspace<float> work_;
  tutti::local_sgd<tutti::transport::any, tutti::adam> ways_;
};

}  // namespace fashion_mnist
