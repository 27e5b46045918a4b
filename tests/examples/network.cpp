// SPDX-License-Identifier: BSL-1.0
// The hand-written backward pass of the application fashion_mnist, against differences of its own loss and more.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "../../examples/applications/fashion_mnist/network.hpp"

namespace {

using namespace fashion_mnist;

image_set const& samples() {
  static image_set const set = generate_image_set(64, 5);
  return set;
}

/// The summed loss by plain loops: an oracle that shares no line with the workspace.
double serial_loss(basic_network<double> const& model, image_set const& set, std::vector<std::size_t> const& ids) {
  double loss = 0;
  for (std::size_t id : ids) {
    std::vector<double> h = model.first.bias, z = model.last.bias;
    for (std::size_t i = 0; i < hidden; ++i) {
      for (std::size_t p = 0; p < pixels; ++p) h[i] += model.first.weight[p * hidden + i] * (set.image(id)[p] / 255.0);
      h[i] = h[i] > 0 ? h[i] : 0;
    }
    double total = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      for (std::size_t i = 0; i < hidden; ++i) z[c] += model.last.weight[i * classes + c] * h[i];
      total += std::exp(z[c]);
    }
    loss += std::log(total) - z[set.labels[id]];
  }
  return loss;
}

bool same_bits(std::vector<float> const& a, std::vector<float> const& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("the gradient is the derivative of the loss (central differences in double)") {
  auto model = initial_network<double>(3);
  random_source source(11);
  for (auto& b : model.first.bias) b = source.uniform(-0.1, 0.1);
  for (auto& b : model.last.bias) b = source.uniform(-0.1, 0.1);
  std::vector<std::size_t> const ids{4, 0, 63, 17, 21};
  workspace<double> work(8);  // wider than the samples: unused columns must not count
  work.load(model);
  basic_network<double> gradient;
  tutti::summed const loss = work.sum_gradients(samples(), ids, gradient);
  CHECK(loss.count == 5);
  CHECK(loss.sum == doctest::Approx(serial_loss(model, samples(), ids)).epsilon(1e-12));

  auto const check = [&](std::vector<double>& weights, std::vector<double> const& derivative, std::size_t every) {
    double worst = 0, largest = 0;
    for (std::size_t i = 0; i < weights.size(); i += every) {
      double const step = 1e-6, kept = weights[i];
      weights[i] = kept + step;
      double const above = serial_loss(model, samples(), ids);
      weights[i] = kept - step;
      double const below = serial_loss(model, samples(), ids);
      weights[i] = kept;
      worst = (std::max)(worst, std::abs((above - below) / (2 * step) - derivative[i]));
      largest = (std::max)(largest, std::abs(derivative[i]));
    }
    CHECK(worst <= 1e-6);
    CHECK(largest > 1e-3);  // the comparison was not of zeros
  };
  check(model.first.weight, gradient.first.weight, 331);
  check(model.first.bias, gradient.first.bias, 1);
  check(model.last.weight, gradient.last.weight, 7);
  check(model.last.bias, gradient.last.bias, 1);
}

TEST_CASE("a slot's gradient has the same bits in any workspace of its width, wherever its results lie") {
  auto const model = initial_network(1);
  std::vector<std::size_t> const ids{1, 2, 3, 5, 8, 13, 21};
  network first;
  workspace<float> one(8);
  one.load(model);
  tutti::summed const loss = one.sum_gradients(samples(), ids, first);

  std::vector<char> shift;  // odd allocations in between move the others
  for (std::size_t n : {3U, 17U, 40U}) {
    shift.resize(shift.size() + n);
    network again = first, moved = model;
    workspace<float> other(8);
    other.load(moved);
    (void)other.sum_gradients(samples(), std::vector<std::size_t>{30, 31, 32, 33, 34, 35, 36, 37}, again);
    CHECK(other.sum_gradients(samples(), ids, again) == loss);
    CHECK(same_bits(again.first.weight, first.first.weight));
    CHECK(same_bits(again.first.bias, first.first.bias));
    CHECK(same_bits(again.last.weight, first.last.weight));
    CHECK(same_bits(again.last.bias, first.last.bias));
  }
}

TEST_CASE("an empty slot has a gradient of zero") {
  network gradient = initial_network(9);
  workspace<float> work(4);
  work.load(initial_network(1));
  CHECK(work.sum_gradients(samples(), std::vector<std::size_t>{}, gradient) == tutti::summed{});
  for (auto const* part : {&gradient.first.weight, &gradient.first.bias, &gradient.last.weight, &gradient.last.bias}) {
    CHECK(std::all_of(part->begin(), part->end(), [](float v) { return v == 0.0F; }));
  }
}

TEST_CASE("a network whose outputs are the labels counts every sample as correct, a shifted one none") {
  network model;  // all weights zero: the biases decide
  std::vector<std::size_t> ids;
  for (std::size_t i = 0; i < samples().size() && ids.size() < 4; ++i) {
    if (samples().labels[i] == 6) ids.push_back(i);
  }
  REQUIRE_FALSE(ids.empty());
  workspace<float> work(8);
  model.last.bias[6] = 1;
  work.load(model);
  CHECK(work.accuracy(samples(), ids) ==
        tutti::summed{static_cast<double>(ids.size()), static_cast<double>(ids.size())});
  model.last.bias[7] = 2;
  work.load(model);
  CHECK(work.accuracy(samples(), ids).sum == 0);
}
