// SPDX-License-Identifier: BSL-1.0
// --strategy tensor: every process computes all samples with its columns of the first layer and its rows of the last.
#pragma once

#include <tutti/shard/reshard.hpp>
#include <tutti/train/tensor.hpp>

#include "../strategy.hpp"

namespace fashion_mnist {

class tensor_strategy final : public strategy {
  struct model_axis {};
  template <class T>
  using whole_of = tutti::replicated<model_axis, T>;
  /// Weights are inputs x outputs, row by row: the very memory of a `layer`.
  struct split_network {
    tutti::column_linear<model_axis, float> first;
    tutti::row_linear<model_axis, float> last;
  };

 public:
  tensor_strategy(tutti::communicator& world, settings const& set, image_set const& images)
      : images_(images),
        grid_(world.grid<model_axis>(world.size())),
        reports_(world.rank() == 0),
        model_{{grid_, pixels, hidden}, {grid_, hidden, classes}} {
    network const all = initial_network(set.seed);
    model_.first.weight =
        redistribute<tutti::split<model_axis, 1>>(grid_, whole_of<float>(grid_, {pixels, hidden}, all.first.weight));
    model_.last.weight =
        redistribute<tutti::split<model_axis, 0>>(grid_, whole_of<float>(grid_, {hidden, classes}, all.last.weight));
  }

  [[nodiscard]] share_of_samples samples() const override { return {0, 1}; }

  tutti::summed step(tutti::sample_batch const& batch, double learning_rate) override {
    whole_of<float> const x = read(batch);
    auto h = model_.first.forward(x);
    for (float& v : h) v = v > 0 ? v : 0.0F;
    auto z = redistribute<whole_of<void>>(grid_, model_.last.forward(h));

    tutti::summed loss;
    std::size_t sample = 0;
    for (auto const id : batch.all()) {
      std::span<float> const scores(z.data() + classes * sample++, classes);  // give way to their gradient
      loss += tutti::loss::softmax_cross_entropy(scores, images_.labels[static_cast<std::size_t>(id)], scores);
    }
    for (float& v : z) v /= static_cast<float>(batch.size());

    split_network gradient;
    gradient.last = model_.last.gradient(h, z);
    auto by_h = model_.last.backward(z);
    for (std::size_t i = 0; i < h.size(); ++i) by_h[i] = h[i] > 0 ? by_h[i] : 0.0F;
    gradient.first = model_.first.gradient(x, by_h);
    optimizer_.lr = learning_rate;
    optimizer_.step(model_, gradient);
    computed_ += batch.size();
    return reports_ ? loss : tutti::summed{};
  }

  network const& whole() override {
    fill(model_.first.weight, whole_.first.weight);
    fill(model_.first.bias, whole_.first.bias);
    fill(model_.last.weight, whole_.last.weight);
    fill(model_.last.bias, whole_.last.bias);
    return whole_;
  }
  [[nodiscard]] std::vector<tutti::communicator const*> groups() override { return {&grid_.along<model_axis>()}; }

 private:
  whole_of<float> read(tutti::sample_batch const& batch) {
    whole_of<float> x(grid_, {static_cast<std::size_t>(batch.size()), pixels});
    float* to = x.data();
    for (auto const id : batch.all()) {
      std::uint8_t const* const image = images_.image(static_cast<std::size_t>(id));
      for (std::size_t p = 0; p < pixels; ++p) *to++ = static_cast<float>(image[p]) * (1.0F / 255.0F);
    }
    return x;
  }
  template <class Placed>
  void fill(Placed part, std::vector<float>& to) {
    auto const all = redistribute<whole_of<void>>(grid_, std::move(part));
    to.assign(all.begin(), all.end());
  }

  image_set const& images_;
  tutti::grid<model_axis> grid_;
  bool reports_;
  split_network model_;
  tutti::adam optimizer_;
  network whole_;
};

}  // namespace fashion_mnist
