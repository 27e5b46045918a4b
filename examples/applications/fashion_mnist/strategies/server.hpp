// SPDX-License-Identifier: BSL-1.0
// --strategy server: process 0 keeps the weights; the others send it gradients and get newer weights back, never more
// than three steps ahead of the slowest.
#pragma once

#include <tutti/train/parameter_server.hpp>

#include "../strategy.hpp"

namespace fashion_mnist {

/// Adam, which on the server must know by itself how far training is.
struct fading_adam {
  tutti::adam adam;
  double rate = 0;
  double last_step = 1;
  template <class Weights, class Gradient>
  void step(Weights& weights, Gradient const& gradient) {
    adam.lr = rate * (std::max)(1 - static_cast<double>(adam.steps) / last_step, 0.0);
    adam.step(weights, gradient);
  }
};

class server_strategy final : public strategy {
 public:
  server_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : images_(images),
        model_(initial_network(set.seed)),
        work_(set.slot_width()),
        server_(world, fading_adam{{}, set.learning_rate, steps(world, set, images)}, tutti::ssp{3}) {}

  [[nodiscard]] share_of_samples samples() const override { return share_; }

  tutti::summed step(tutti::sample_batch const&, double) override { return {}; }

  void train(course& data) override {
    server_.train(model_, [&](auto& worker) {
      share_ = {worker.rank(), worker.size()};
      for (std::uint64_t number = 1; number <= data.epochs(); ++number)
        data.epoch(number, share_, [&](auto const& batch, double) {
          double samples = 0;
          work_.load(model_);
          tutti::summed const loss = sum_batch(work_, images_, batch, gradient_, one_, samples);
          worker.step(model_, gradient_, samples);
          return loss;
        });
    });
    data.report(data.epochs(), model_);
  }

  network const& whole() override { return model_; }

 private:
  /// Of the optimiser, if every worker's gradients were a step of their own.
  static double steps(tutti::communicator const& world, settings const& set, image_set const& images) {
    auto const workers = static_cast<double>((std::max)(world.size() - 1, 1));
    return workers * static_cast<double>(set.epochs * ((images.size() + set.batch - 1) / set.batch));
  }

  image_set const& images_;
  share_of_samples share_;
  network model_, gradient_, one_;
  workspace<float> work_;
  tutti::parameter_server<tutti::transport::any, fading_adam> server_;
};

}  // namespace fashion_mnist
