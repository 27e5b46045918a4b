// SPDX-License-Identifier: BSL-1.0
// --strategy pipeline: the layers are two stages on different processes, and the slots of a batch pass through them one
// behind another. Further processes are replicas of stages.
#pragma once

#include <tutti/train/pipeline.hpp>

#include "../strategy.hpp"

namespace fashion_mnist {

class pipeline_strategy final : public strategy {
 public:
  pipeline_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : world_(world), pipe_(world, tutti::one_f_one_b({2, set.slots, world.size()})) {
    network model = initial_network(set.seed);
    for (int const number : pipe_.stages())
      stages_.emplace_back(*this, images, set, number, std::move(number == 0 ? model.first : model.last));
  }

  [[nodiscard]] share_of_samples samples() const override { return {0, 1}; }  // which slots, the pipeline knows

  tutti::summed step(tutti::sample_batch const& batch, double learning_rate) override {
    slots_ = batch.slots();
    loss_ = {};
    for (stage& s : stages_) s.load();
    pipe_.run(stages_);
    for (stage& s : stages_) s.step(learning_rate);
    return loss_;
  }

  network const& whole() override {
    for (int number = 0; number < 2; ++number) {
      layer& part = number == 0 ? whole_.first : whole_.last;
      for (stage const& s : stages_)
        if (s.number() == number) part = s.model();
      broadcast(world_, part, pipe_.root(number));
    }
    return whole_;
  }
  [[nodiscard]] std::vector<tutti::communicator const*> groups() override { return {&pipe_.replicas()}; }

 private:
  /// One layer, on this process and its replicas.
  class stage {
   public:
    stage(pipeline_strategy& all, image_set const& images, settings const& set, int number, layer model)
        : all_(&all),
          images_(&images),
          number_(number),
          model_(std::move(model)),
          gradient_(model_),
          replicas_(all.pipe_.replicas(), model_, set.slots) {
      for (int m = 0; m < set.slots; ++m)
        if (number == 0)
          first_.emplace_back(set.slot_width());
        else
          last_.emplace_back(set.slot_width());
    }

    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] layer const& model() const { return model_; }
    void load() { weights_.load(model_); }
    void step(double learning_rate) {
      optimizer_.lr = learning_rate;
      replicas_.sync(gradient_);
      optimizer_.step(model_, gradient_);
    }

    std::span<float const> forward(std::vector<float> const& in, int m) {
      auto const at = static_cast<std::size_t>(m);
      if (number_ == all_->pipe_.stages().front()) all_->computed_ += slot(m).size();
      if (number_ == 0) return flat(first_[at].forward(weights_, *images_, slot(m)));
      last_[at].forward(weights_, columns(in));
      return {};
    }
    std::span<float const> backward(std::vector<float> const& by_output, int m) {
      auto const at = static_cast<std::size_t>(m);
      if (number_ == 0) {
        first_[at].backward(columns(by_output), gradient_);
      } else {
        all_->loss_ += last_[at].backward(weights_, *images_, slot(m), gradient_);
      }
      replicas_.add(m, gradient_, static_cast<double>(slot(m).size()));
      return number_ == 0 ? std::span<float const>{} : flat(last_[at].by_input());
    }

   private:
    [[nodiscard]] tutti::sample_slot slot(int m) const { return all_->slots_[static_cast<std::uint64_t>(m)]; }
    static std::span<float const> flat(matrix<float> const& m) {
      return {m.data(), static_cast<std::size_t>(m.size())};
    }
    static Eigen::Map<matrix<float> const> columns(std::vector<float> const& v) {
      auto const rows = static_cast<Eigen::Index>(hidden);
      return {v.data(), rows, static_cast<Eigen::Index>(v.size()) / rows};
    }

    pipeline_strategy* all_;
    image_set const* images_;
    int number_;
    layer model_, gradient_;
    weights<float> weights_;
    std::vector<first_layer<float>> first_;  // by microbatch, for the backward pass
    std::vector<last_layer<float>> last_;
    tutti::data_parallel<tutti::transport::any> replicas_;
    tutti::adam optimizer_;
  };

  tutti::communicator& world_;
  tutti::pipeline<> pipe_;
  std::vector<stage> stages_;
  tutti::sample_slots slots_;
  tutti::summed loss_;
  network whole_;
};

}  // namespace fashion_mnist
