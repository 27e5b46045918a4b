// SPDX-License-Identifier: BSL-1.0
// --strategy zero1, zero2, zero3: as data, but every process keeps only its part of what Adam remembers, of the mean
// gradient, and with zero3 of the model.
#pragma once

#include <tutti/train/zero.hpp>

#include "../strategy.hpp"

namespace fashion_mnist {

/// Stages 1 and 2: the model is whole on every process.
template <int stage>
class zero_strategy final : public strategy {
 public:
  zero_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : images_(images),
        share_{world.rank(), world.size()},
        model_(initial_network(set.seed)),
        work_(set.slot_width()),
        ways_(tutti::zero<stage>(world, model_, tutti::adam{}, set.slots)) {}

  [[nodiscard]] share_of_samples samples() const override { return share_; }

  tutti::summed step(tutti::sample_batch const& batch, double learning_rate) override {
    tutti::summed loss;
    work_.load(model_);
    for (auto const slot : batch.slots()) {
      computed_ += slot.size();
      loss += work_.sum_gradients(images_, slot, gradient_);
      ways_.add(slot.index(), gradient_, static_cast<double>(slot.size()));
    }
    ways_.optimizer().lr = learning_rate;
    ways_.step(model_);
    return loss;
  }

  network const& whole() override { return model_; }

 private:
  image_set const& images_;
  share_of_samples share_;
  network model_, gradient_;
  workspace<float> work_;
  tutti::zero_trainer<stage, tutti::adam, tutti::transport::any> ways_;
};

/// Stage 3: a layer is put together for as long as it is used; between steps nobody has the model.
class zero3_strategy final : public strategy {
 public:
  zero3_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : images_(images),
        share_{world.rank(), world.size()},
        ways_(tutti::zero<3>(
            world, 2, [&](int i) { return layer_of_network(initial_network(set.seed), i); }, tutti::adam{}, set.slots)),
        last_(set.slot_width()) {
    for (int i = 0; i < set.slots; ++i) {
      first_.emplace_back(set.slot_width());
      back_.emplace_back();
    }
  }

  [[nodiscard]] share_of_samples samples() const override { return share_; }

  tutti::summed step(tutti::sample_batch const& batch, double learning_rate) override {
    auto const slots = batch.slots();
    weights<float> w;
    load(0, w);
    for (auto const slot : slots) first_[at(slot)].forward(w, images_, slot);
    load(1, w);
    tutti::summed loss;
    layer gradient = layer_of<float>(hidden, classes);
    for (auto const slot : slots) {
      last_.forward(w, first_[at(slot)].output());
      computed_ += slot.size();
      loss += last_.backward(w, images_, slot, gradient);
      back_[at(slot)] = last_.by_input();
      ways_.add(1, slot.index(), gradient, static_cast<double>(slot.size()));
    }
    ways_.reduce(1);
    gradient = layer_of<float>(pixels, hidden);
    for (auto const slot : slots) {
      first_[at(slot)].backward(back_[at(slot)], gradient);
      ways_.add(0, slot.index(), gradient, static_cast<double>(slot.size()));
    }
    ways_.reduce(0);
    ways_.optimizer().lr = learning_rate;
    ways_.step();
    return loss;
  }

  network const& whole() override {
    ways_.gather(0, whole_.first);
    ways_.gather(1, whole_.last);
    return whole_;
  }

 private:
  static layer layer_of_network(network model, int i) {
    return i == 0 ? std::move(model.first) : std::move(model.last);
  }
  static std::size_t at(tutti::sample_slot const& slot) { return static_cast<std::size_t>(slot.index()); }
  void load(int i, weights<float>& to) {
    layer whole = i == 0 ? layer_of<float>(pixels, hidden) : layer_of<float>(hidden, classes);
    ways_.gather(i, whole);
    to.load(whole);
  }

  image_set const& images_;
  share_of_samples share_;
  tutti::zero_trainer<3, tutti::adam, tutti::transport::any> ways_;
  std::vector<first_layer<float>> first_;  // by slot, for the way back
  std::vector<matrix<float>> back_;
  last_layer<float> last_;
  network whole_;
};

}  // namespace fashion_mnist
