// SPDX-License-Identifier: BSL-1.0
// The lines of a user who trains a model by data parallel, by ZeRO, and keeps it on disk: the same whatever the model
// is.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tutti/core/hash.hpp>
#include <tutti/shard/checkpoint.hpp>
#include <tutti/shard/replicate.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/sgd.hpp>
#include <tutti/train/verify_replicas.hpp>
#include <tutti/train/zero.hpp>

namespace kinds {

using tutti::communicator;
using weights = std::map<std::string, std::vector<double>>;
constexpr int steps = 4, slots = 4, samples_per_slot = 3;
constexpr double rate = 0.05;

/// What a sample would have number `i` of a tensor be; the loss is the squared distance.
inline double target(std::string_view name, std::size_t i, int step, int sample) {
  return static_cast<double>(tutti::fnv1a().add(name).add(static_cast<std::uint64_t>(i)).value() % 97) / 8 +
         std::sin(step + 0.1 * sample);
}

/// Writes into `gradient` the sum over the samples of a slot.
template <class Gradient, class Model>
void gradient_at(Gradient& gradient, Model const& model, int step, int slot) {
  tutti::zip_tensors(gradient, model, [&](auto const& g, auto const& w) {
    using T = typename decltype(g.data)::element_type;
    if constexpr (std::is_floating_point_v<T>) {
      if (g.kind != tutti::role::parameter) return;
      for (std::size_t i = 0; i < g.data.size(); ++i) {
        g.data[i] = 0;
        for (int s = slot * samples_per_slot; s < (slot + 1) * samples_per_slot; ++s)
          g.data[i] += w.data[i] - static_cast<T>(target(w.name, i, step, s));
      }
    }
  });
}

template <class Model>
weights weights_of(Model const& model) {
  weights all;
  tutti::for_each_tensor(model, [&](auto const& t) {
    for (auto x : t.data) all[std::string(t.name)].push_back(static_cast<double>(x));
  });
  return all;
}

/// The oracle: full batches and steps with momentum in doubles, one process, no tutti. (Not Adam, whose steps hardly
/// depend on the scale of the gradient: a wrong mean would pass.)
template <class Model>
weights expected(Model const& initial) {
  weights all = weights_of(initial);
  tutti::for_each_tensor(initial, [&](auto const& t) {
    if (t.kind == tutti::role::buffer) return;
    std::string const name(t.name);
    auto& numbers = all[name];
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      double velocity = 0;
      for (int step = 0; step < steps; ++step) {
        double g = 0;
        for (int s = 0; s < slots * samples_per_slot; ++s) g += numbers[i] - target(name, i, step, s);
        velocity = 0.9 * velocity + g / (slots * samples_per_slot);
        numbers[i] -= rate * velocity;
      }
    }
  });
  return all;
}

/// `make()` is a new model, `gradient_of(model)` something of its signature for its gradient. `path` is a directory.
template <class Make, class GradientOf>
weights lines_of_a_user(communicator& world, Make make, GradientOf gradient_of, std::string const& path) {
  auto const cuts = tutti::slot_cuts(slots, world.size());
  auto const rank = static_cast<std::size_t>(world.rank());

  auto model = make();
  replicate(world, model);
  tutti::data_parallel dp{world, model, slots};
  tutti::sgd opt{.lr = rate, .momentum = 0.9};
  for (int step = 0; step < steps; ++step) {
    auto gradient = gradient_of(model);
    for (auto slot = static_cast<int>(cuts[rank]); slot < static_cast<int>(cuts[rank + 1]); ++slot) {
      gradient_at(gradient, model, step, slot);
      dp.add(slot, gradient, samples_per_slot);
    }
    dp.sync(gradient);
    opt.step(model, gradient);
  }
  verify_replicas(world, model);

  auto sharded = make();
  replicate(world, sharded);
  auto zero = tutti::zero<2>(world, sharded, tutti::sgd{.lr = rate, .momentum = 0.9}, slots);
  for (int step = 0; step < steps; ++step) {
    auto gradient = gradient_of(sharded);
    for (auto slot = static_cast<int>(cuts[rank]); slot < static_cast<int>(cuts[rank + 1]); ++slot) {
      gradient_at(gradient, sharded, step, slot);
      zero.add(slot, gradient, samples_per_slot);
    }
    zero.step(sharded);
  }
  CHECK(weights_of(sharded) == weights_of(model));

  auto loaded = make();
  CHECK(weights_of(loaded) != weights_of(model));  // control
  tutti::checkpoint::save(path, model, world);
  tutti::checkpoint::load(path, loaded, world);
  CHECK(weights_of(loaded) == weights_of(model));
  return weights_of(model);
}

/// Nobody else's directory, not there yet.
inline std::string new_path(std::string const& kind) {
  auto const now = std::chrono::steady_clock::now().time_since_epoch().count();
  return (std::filesystem::temp_directory_path() / ("tutti-" + kind + "-" + std::to_string(now))).string();
}

/// Runs them on some ranks, compares with the oracle, and returns the bits that all worlds ended with.
template <class Make, class GradientOf>
weights train_everywhere(std::string const& kind, Make make, GradientOf gradient_of) {
  auto const path = new_path(kind);
  weights first;
  for (int const size : {1, 2, 3, 5})
    tutti::testing::run_ranks(size, [&](communicator& world) {
      weights const ended = lines_of_a_user(world, make, gradient_of, path);
      if (world.rank() != 0) return;
      if (size == 1) first = ended;
      CHECK(ended == first);
    });
  std::filesystem::remove_all(path);
  weights const right = expected(make());
  CHECK(first.size() == right.size());
  for (auto const& [name, numbers] : right)
    for (std::size_t i = 0; i < numbers.size(); ++i)
      CHECK(first[name].at(i) == doctest::Approx(numbers[i]).epsilon(1e-5));
  return first;
}

}  // namespace kinds
