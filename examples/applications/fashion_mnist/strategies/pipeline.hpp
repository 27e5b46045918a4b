// SPDX-License-Identifier: BSL-1.0
// --strategy pipeline: the first layer on one process, the second on another; a slot is a microbatch. One process has
// both layers; of three and four, some have the same.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <span>
#include <tutti/train/loss.hpp>
#include <tutti/train/pipeline.hpp>
#include <utility>
#include <vector>

#include "../strategy.hpp"

namespace fashion_mnist {

/// One layer: its weights, and what it keeps of every microbatch between the forward and the backward pass. Matrices
/// are as wide and aligned as those of `workspace`, hence the same bits.
class layer_stage {
 public:
  using matrix = workspace<float>::matrix;
  struct dense {
    std::vector<float> weight, bias;
  };

  layer_stage(tutti::pipeline<>& pipe, int number, settings const& set, image_set const& images)
      : first_(number == 0),
        images_(images),
        model_(first_ ? layer(initial_network(set.seed), 0) : layer(initial_network(set.seed), 1)),
        gradient_(model_),
        replicas_(pipe.replicas(), model_, set.slots),
        inputs_(static_cast<std::size_t>(set.slots), matrix(first_ ? pixels : hidden, set.slot_width())),
        outputs_(static_cast<std::size_t>(set.slots), matrix(first_ ? hidden : classes, set.slot_width())) {}

  [[nodiscard]] dense const& model() const { return model_; }
  [[nodiscard]] static dense layer(network model, int number) {
    if (number == 0) return {std::move(model.weight1), std::move(model.bias1)};
    return {std::move(model.weight2), std::move(model.bias2)};
  }

  void begin(tutti::sample_batch const& batch) {
    batch_ = batch;
    loss_ = {};
    weight_ = view(model_.weight);
    bias_ = view(model_.bias);
  }
  std::span<float const> forward(std::vector<float> const& in, int m) {
    matrix& x = inputs_[static_cast<std::size_t>(m)];
    matrix& y = outputs_[static_cast<std::size_t>(m)];
    if (first_)
      read(slot(m), x);
    else
      std::copy(in.begin(), in.end(), x.data());
    y.noalias() = weight_ * x;
    if (first_) {
      y = (y.colwise() + bias_.col(0)).cwiseMax(0.0F);
    } else {
      y.colwise() += bias_.col(0);
      judge(slot(m), y);
    }
    return {y.data(), static_cast<std::size_t>(y.size())};
  }
  std::span<float const> backward(std::vector<float> const& gout, int m) {
    matrix const& x = inputs_[static_cast<std::size_t>(m)];
    matrix& y = outputs_[static_cast<std::size_t>(m)];  // of the second layer already the gradient
    if (first_) {
      back_ = Eigen::Map<matrix const>(gout.data(), y.rows(), y.cols());
      y = (y.array() > 0.0F).select(back_, 0.0F);
    } else {
      back_.noalias() = weight_.transpose() * y;
    }
    product_.noalias() = y * x.transpose();
    view(gradient_.weight) = product_;
    view(gradient_.bias) = y.rowwise().sum();
    replicas_.add(m, gradient_, static_cast<double>(slot(m).size()));
    return {back_.data(), static_cast<std::size_t>(back_.size())};
  }
  tutti::summed end(double learning_rate) {
    replicas_.sync(gradient_);
    optimizer_.lr = learning_rate;
    optimizer_.step(model_, gradient_);
    return loss_;
  }

 private:
  [[nodiscard]] tutti::sample_slot slot(int m) const { return {batch_.all(), replicas_.slots(), m}; }
  [[nodiscard]] Eigen::Map<matrix> view(std::vector<float>& v) const {
    Eigen::Index const rows = outputs_.front().rows();
    return {v.data(), rows, static_cast<Eigen::Index>(v.size()) / rows};
  }
  void read(tutti::sample_slot const& ids, matrix& to) const {
    Eigen::Index column = 0;
    for (auto const id : ids) {
      std::uint8_t const* const image = images_.image(static_cast<std::size_t>(id));
      float* const values = to.col(column++).data();
      for (std::size_t p = 0; p < pixels; ++p) values[p] = static_cast<float>(image[p]) * (1.0F / 255.0F);
    }
    to.rightCols(to.cols() - column).setZero();
  }
  /// Adds up the losses; the scores give way to their gradient.
  void judge(tutti::sample_slot const& ids, matrix& scores) {
    Eigen::Index column = 0;
    for (auto const id : ids) {
      std::span<float> const z(scores.col(column++).data(), classes);
      loss_ += tutti::loss::softmax_cross_entropy(z, images_.labels[static_cast<std::size_t>(id)], z);
    }
    scores.rightCols(scores.cols() - column).setZero();  // unused columns teach nothing
  }

  bool first_;
  image_set const& images_;
  dense model_, gradient_;
  tutti::data_parallel<tutti::transport::any> replicas_;
  tutti::adam optimizer_;
  tutti::sample_batch batch_;
  tutti::summed loss_;
  matrix weight_, bias_, product_, back_;
  std::vector<matrix> inputs_, outputs_;  // by microbatch
};

class pipeline_strategy final : public strategy {
 public:
  pipeline_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : world_(world),
        pipe_(world, tutti::one_f_one_b({.stages = 2, .microbatches = set.slots, .ranks = world.size()})) {
    for (int const s : pipe_.stages()) mine_.emplace_back(pipe_, s, set, images);
  }

  [[nodiscard]] share_of_samples samples() const override { return {pipe_.replicas().rank(), pipe_.replicas().size()}; }

  tutti::summed step(tutti::sample_batch const& batch, double learning_rate) override {
    for (layer_stage& s : mine_) s.begin(batch);
    pipe_.run(mine_);
    tutti::summed loss;
    for (layer_stage& s : mine_) loss += s.end(learning_rate);
    return loss;
  }

  network const& whole() override {
    std::vector<layer_stage::dense> layers{layer_stage::layer({}, 0), layer_stage::layer({}, 1)};
    for (int s = 0; s < 2; ++s) {
      auto& layer = layers[static_cast<std::size_t>(s)];
      if (world_.rank() == pipe_.root(s)) layer = mine_[static_cast<std::size_t>(s - pipe_.stages().front())].model();
      broadcast(world_, layer, pipe_.root(s));
    }
    whole_ = {layers[0].weight, layers[0].bias, layers[1].weight, layers[1].bias};
    return whole_;
  }

 private:
  tutti::communicator& world_;
  tutti::pipeline<> pipe_;
  std::vector<layer_stage> mine_;
  network whole_;
};

}  // namespace fashion_mnist
