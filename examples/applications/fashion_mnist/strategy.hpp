// SPDX-License-Identifier: BSL-1.0
// What a way to train has to say, so that one loop, one table and one hash serve them all.
#pragma once

#include <cstdint>
#include <string>
#include <tutti/tutti.hpp>

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

/// A way to train the network: all processes make one together and call it together.
class strategy {
 public:
  virtual ~strategy() = default;

  [[nodiscard]] virtual share_of_samples samples() const = 0;
  /// One step of training. Returns the losses this process has to report: over all processes, each sample's once.
  virtual tutti::summed step(tutti::sample_batch const& batch, double learning_rate) = 0;
  /// The whole model, put together on every process.
  virtual network const& whole() = 0;

  /// How many samples went through this process so far.
  [[nodiscard]] std::uint64_t computed() const { return computed_; }

 protected:
  std::uint64_t computed_ = 0;
};

}  // namespace fashion_mnist
