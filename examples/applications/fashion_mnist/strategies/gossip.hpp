// SPDX-License-Identifier: BSL-1.0
// --strategy gossip: processes in a ring, each of which mixes its model with those of its two neighbours and steps by
// its own gradient. Judged is the mean of all models.
#pragma once

#include <tutti/train/gossip.hpp>

#include "../strategy.hpp"

namespace fashion_mnist {

class gossip_strategy final : public strategy {
 public:
  gossip_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : world_(world),
        images_(images),
        share_{world.rank(), world.size()},
        model_(initial_network(set.seed)),
        work_(set.slot_width()),
        ways_(world, metropolis(world, tutti::ring_of(world)), tutti::adam{}) {}

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
    mean_ = model_;
    allreduce(world_, mean_, tutti::mean);
    return mean_;
  }

 private:
  tutti::communicator& world_;
  image_set const& images_;
  share_of_samples share_;
  network model_, gradient_, one_, mean_;
  workspace<float> work_;
  tutti::gossip<tutti::transport::any, tutti::adam> ways_;
};

}  // namespace fashion_mnist
