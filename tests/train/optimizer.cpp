// SPDX-License-Identifier: BSL-1.0
// Promises of train/sgd.hpp, adam.hpp, adamw.hpp, lars.hpp and trainable_tensors.hpp: optimisers over whole models.
#include <tutti/train/optimizer.hpp>

#include <cstdint>
#include <span>
#include <vector>

#include <doctest/doctest.h>

namespace {

struct layer {
  std::vector<float> weight;
  double bias = 0;
  std::int64_t calls = 0;  // integral: a buffer
};
struct network {
  std::vector<layer> layers;
  float scale = 1;
};
network start() { return {{{{0.5F, -1.25F}, 0.5, 3}, {{2, 0, 1}, -1, 4}}, 2}; }
network gradient() { return {{{{1, -2}, 0.5, 77}, {{0.25F, 0, 3}, 8, 78}}, -1}; }

// The same weights as two flat lists.
struct flat {
  std::vector<float> f32;
  std::vector<double> f64;
};
flat flattened(network const& n) {
  flat f;
  for (auto const& l : n.layers) {
    f.f32.insert(f.f32.end(), l.weight.begin(), l.weight.end());
    f.f64.push_back(l.bias);
  }
  f.f32.push_back(n.scale);
  return f;
}

}  // namespace

TEST_CASE("a model is stepped like its flat list of weights, bit for bit, and its buffers are left alone") {
  network model = start();
  network const g = gradient();
  flat w = flattened(model);
  flat const flat_g = flattened(g);
  tutti::adam opt{1e-3F};
  std::vector<float> m32(6), v32(6);
  std::vector<double> m64(2), v64(2);
  for (unsigned t = 1; t <= 10; ++t) {
    opt.step(model, g);
    auto const scalars = tutti::adam_scalars::at(t, 1e-3F, 0.9, 0.999, 1e-8);
    tutti::adam_kernel<float>(w.f32, flat_g.f32, m32, v32, scalars);
    tutti::adam_kernel<double>(w.f64, flat_g.f64, m64, v64, scalars);
  }
  CHECK(flattened(model).f32 == w.f32);
  CHECK(flattened(model).f64 == w.f64);
  CHECK(w.f32 != flattened(start()).f32);
  CHECK(model.layers[0].calls == 3);
  CHECK(model.layers[1].calls == 4);
  CHECK(opt.steps == 10);
}

TEST_CASE("sgd: one step is w - lr g; momentum remembers, and takes memory only then") {
  network model = start();
  tutti::sgd opt{.lr = 0.5};
  opt.step(model, gradient());
  CHECK(flattened(model).f32 == std::vector<float>{0, -0.25F, 1.875F, 0, -0.5F, 2.5F});
  CHECK(flattened(model).f64 == std::vector<double>{0.25, -5});
  CHECK(opt.velocity.f32.empty());

  model = start();
  tutti::sgd heavy{.lr = 0.5, .momentum = 0.5};
  heavy.step(model, gradient());
  heavy.step(model, gradient());  // velocities g, 1.5 g: together 1.25 g
  CHECK(flattened(model).f64 == std::vector<double>{0.5 - 1.25 * 0.5, -1 - 1.25 * 8});

  model = start();
  tutti::sgd nesterov{.lr = 0.5, .momentum = 0.5, .nesterov = true};
  nesterov.step(model, gradient());  // g + 0.5 g
  CHECK(flattened(model).f64 == std::vector<double>{0.5 - 0.75 * 0.5, -1 - 0.75 * 8});
}

TEST_CASE("adamw steps a model like its flat list; lars steps tensor by tensor, each by its own norm") {
  network model = start();
  network const g = gradient();
  flat w = flattened(model);
  flat const flat_g = flattened(g);
  tutti::adamw opt{.lr = 1e-3, .weight_decay = 0.1};
  std::vector<float> m32(6), v32(6);
  for (unsigned t = 1; t <= 10; ++t) {
    opt.step(model, g);
    tutti::adamw_kernel<float>(w.f32, flat_g.f32, m32, v32, 1e-3 * 0.1,
                               tutti::adam_scalars::at(t, 1e-3, 0.9, 0.999, 1e-8));
  }
  CHECK(flattened(model).f32 == w.f32);
  CHECK(model.layers[0].calls == 3);

  model = start();
  tutti::lars by_layer{.lr = 1, .momentum = 0, .weight_decay = 0, .trust = 0.5};
  by_layer.step(model, g);
  // scale: |w| = 2, g = -1, so the step is 0.5 * 2 / 1 * -1; bias of layer 1: |w| = 1, g = 8: 0.5 * 1 / 8 * 8.
  CHECK(model.scale == 3.0F);
  CHECK(model.layers[1].bias == -1.5);
  CHECK(model.layers[0].calls == 3);
}

TEST_CASE("an optimiser copied in mid-run goes on with the same bits") {
  network model = start();
  tutti::adam opt{1e-2};
  for (int i = 0; i < 5; ++i) opt.step(model, gradient());
  network other = model;
  tutti::adam copy = opt;
  tutti::adam fresh{1e-2};
  network control = model;
  opt.step(model, start());  // another direction than before
  copy.step(other, start());
  fresh.step(control, start());
  CHECK(flattened(model).f32 == flattened(other).f32);
  CHECK(flattened(model).f32 != flattened(control).f32);
}

TEST_CASE("a gradient that does not match, and a model that grew, are refused and change nothing") {
  network model = start();
  tutti::adam opt{};
  opt.step(model, gradient());
  network const before = model;
  network wrong = gradient();
  wrong.layers[1].weight.push_back(1);
  CHECK_THROWS_AS(opt.step(model, wrong), tutti::error);
  network grown = start();
  grown.layers.push_back({{1, 2}, 3, 4});
  CHECK_THROWS_WITH_AS(opt.step(grown, grown), "adam: the model has 11 weights, it had 8 at the first step",
                       tutti::error);
  CHECK(flattened(model).f32 == flattened(before).f32);
  CHECK(opt.steps == 1);
}

TEST_CASE("an optimiser is itself a model, so that it can be saved and sent") {
  std::size_t numbers = 0;
  network model = start();
  tutti::adam opt{};
  opt.step(model, gradient());
  tutti::for_each_tensor(opt, [&](auto const& t) { numbers += t.data.size(); });
  CHECK(numbers == 5 + 2 * 8);
}
