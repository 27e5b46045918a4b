// SPDX-License-Identifier: BSL-1.0
// What a way to train has to say, so that one loop, one table and one hash serve them all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <tutti/tutti.hpp>
#include <vector>

#include "dataset.hpp"
#include "network.hpp"

namespace fashion_mnist {

struct settings {
  std::string strategy = "data";
  std::uint64_t epochs = 5;
  std::uint64_t batch = 64;
  int slots = 8;
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::uint64_t seed = 1;
  double learning_rate = 2e-3;

  /// The most samples a slot can have.
  [[nodiscard]] std::size_t slot_width() const {
    auto const parts = static_cast<std::uint64_t>(slots);
    return static_cast<std::size_t>((batch + parts - 1) / parts);
  }
};

/// Which share of every batch a process computes. Processes that compute it together have the same.
struct share_of_samples {
  int number = 0;
  int shares = 1;
  [[nodiscard]] int rank() const { return number; }
  [[nodiscard]] int size() const { return shares; }
};

using step_function = std::function<tutti::summed(tutti::sample_batch const&, double learning_rate)>;

/// The loop over the data, the same for every strategy.
class course {
 public:
  virtual ~course() = default;
  [[nodiscard]] virtual std::uint64_t epochs() const = 0;
  /// Takes the steps of one epoch, from 1 on, as one of `share`.
  virtual void epoch(std::uint64_t number, share_of_samples share, step_function const& step) = 0;
  /// Measures the model at the end of an epoch and prints a line. Called by all processes together.
  virtual void report(std::uint64_t number, network const& whole) = 0;
};

/// A way to train the network: all processes make one together and call it together.
class strategy {
 public:
  virtual ~strategy() = default;

  /// Which samples this process computes.
  [[nodiscard]] virtual share_of_samples samples() const = 0;
  /// One step of training. Returns the losses this process has to report: over all processes, each sample's once.
  virtual tutti::summed step(tutti::sample_batch const& batch, double learning_rate) = 0;
  /// The whole model, put together on every process.
  virtual network const& whole() = 0;

  /// All epochs. Those who wait for each other at every step, or often, need no other.
  virtual void train(course& data) {
    for (std::uint64_t number = 1; number <= data.epochs(); ++number) {
      data.epoch(number, samples(), [this](auto const& batch, double rate) { return step(batch, rate); });
      data.report(number, whole());
    }
  }

  /// The communicators it uses beside the world.
  [[nodiscard]] virtual std::vector<tutti::communicator const*> groups() { return {}; }
  /// How many samples went through this process so far.
  [[nodiscard]] std::uint64_t computed() const { return computed_; }

 protected:
  /// The sum of the gradients of all slots of this process, and of their losses; `one` is for one slot's.
  template <class Work>
  tutti::summed sum_batch(Work& work, image_set const& images, tutti::sample_batch const& batch, network& sum,
                          network& one, double& samples) {
    tutti::summed loss;
    samples = 0;
    tutti::for_each_tensor(sum, [](auto const& t) { std::fill(t.data.begin(), t.data.end(), 0.0F); });
    for (auto const slot : batch.slots()) {
      loss += work.sum_gradients(images, slot, one);
      tutti::zip_tensors(sum, one, [](auto const& to, auto const& from) {
        for (std::size_t i = 0; i < to.data.size(); ++i) to.data[i] += from.data[i];
      });
      samples += static_cast<double>(slot.size());
      computed_ += slot.size();
    }
    return loss;
  }

  std::uint64_t computed_ = 0;
};

}  // namespace fashion_mnist
