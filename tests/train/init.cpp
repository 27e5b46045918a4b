// SPDX-License-Identifier: BSL-1.0
#include <tutti/train/init.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <tutti/train/matmul.hpp>
#include <tutti/train/tensor.hpp>

namespace {

using tutti::communicator;
using tutti::replicated;
using tutti::split;
namespace init = tutti::init;

struct tp;

/// One process's model, which knows nothing of tutti, and the same cut among ranks.
struct layer {
  std::vector<std::array<float, 64>> weight = std::vector<std::array<float, 64>>(5);
  std::array<float, 64> bias{};
};
struct last_layer {
  std::vector<std::array<double, 3>> weight = std::vector<std::array<double, 3>>(64);
  std::array<double, 3> bias{};
};
struct network {
  layer first;
  last_layer second;
};
struct split_network {
  tutti::column_linear<tp, float> first;
  tutti::row_linear<tp, double> second;
};

template <class P, class Whole>
bool is_slice(P const& part, Whole const& whole) {
  auto const* const all = reinterpret_cast<typename P::value_type const*>(whole.data());
  bool same = true;
  for (std::size_t i = 0; i < part.size(); ++i) same = same && part[i] == all[part.layout().index_in_whole(i)];
  return same;
}

TEST_CASE("init: a sharded model's weights are a slice of the whole model's, bit for bit, on any number of ranks") {
  for (int const p : {1, 2, 3, 4, 7})
    tutti::testing::run_ranks(p, [](communicator& world) {
      network whole;
      init::he{.seed = 11}.fill(whole);
      auto g = world.grid<tp>(world.size());
      split_network mine{{g, 5, 64}, {g, 64, 3}};
      mine.first.bias = {g, {64}, 1.0F};
      init::he{.seed = 11}.fill(mine);
      CHECK(is_slice(mine.first.weight, whole.first.weight));
      CHECK(is_slice(mine.first.bias, whole.first.bias));
      CHECK(is_slice(mine.second.weight, whole.second.weight));

      init::he{.seed = 12}.fill(mine);  // the seed matters,
      CHECK(!is_slice(mine.first.weight, whole.first.weight));
      init::he{.seed = 11}.fill("other", mine.first.weight);  // and so does the name
      CHECK(!is_slice(mine.first.weight, whole.first.weight));

      std::vector<float> flat(100);  // a run of the flat tensor, as a shard by bytes has it
      init::he{.seed = 11}.fill("first.weight", std::span(flat), {5, 64}, 130);
      for (std::size_t i = 0; i < 100; ++i) CHECK(flat[i] == whole.first.weight[(130 + i) / 64][(130 + i) % 64]);
    });
}

TEST_CASE("init: the numbers are those of the formula, which a program in another language computed") {
  init::he const by{.seed = 1};
  CHECK(by.at("first.weight", std::sqrt(6.0 / 5), 0) == -0x1.9242579f68492p-4);
  CHECK(by.at("first.weight", std::sqrt(6.0 / 5), 319) == -0x1.98275bb7506c1p-4);
  CHECK(init::xavier{.seed = 7}.at("second.weight", std::sqrt(6.0 / 74), 1000003) == -0x1.fe731f239e04ep-4);
  network model;
  by.fill(model);
  CHECK(model.first.weight[0][0] == static_cast<float>(-0x1.9242579f68492p-4));
  CHECK(model.first.weight[4][63] == static_cast<float>(-0x1.98275bb7506c1p-4));
  CHECK(model.first.bias == std::array<float, 64>{});
}

TEST_CASE("init: ranks that share a seed hold one model, ranks with seeds of their own do not") {
  tutti::testing::run_ranks(3, [](communicator& world) {
    auto const hashes = [&](std::uint64_t seed) {
      network model;
      init::xavier{seed}.fill(model);
      std::uint64_t const mine = tutti::fnv1a().add(std::as_bytes(std::span(model.first.weight))).value();
      return allreduce(world, mine, tutti::min) == allreduce(world, mine, tutti::max);
    };
    CHECK(hashes(5));
    CHECK(!hashes(5 + static_cast<std::uint64_t>(world.rank())));
  });
}

TEST_CASE("init: with he, the variance of activations stays within [0.5, 2] through ten relu layers, on any cut") {
  for (int const p : {1, 3})
    tutti::testing::run_ranks(p, [](communicator& world) {
      auto g = world.grid<tp>(world.size());
      std::size_t const width = 128, samples = 24;
      auto const run = [&](auto const& by) {
        init::variance_report report;
        split<tp, 0, double> x(g, {samples, width});
        init::uniform<init::detail::he_limit>{3}.fill("x", std::span(x.data(), x.size()), {2, 2},
                                                      x.here(0).begin * width);  // variance 1
        for (int l = 0; l < 10; ++l) {
          std::string const name = "hidden" + std::to_string(l);
          replicated<tp, double> w(g, {width, width});
          by.fill(name, w);
          x = matmul(x, w);
          for (double& a : x) a = a > 0 ? a : 0;
          report.add(name, x);
        }
        report.combine(g.along<tp>());
        return report;
      };
      auto const good = run(init::he{1});
      CHECK(good.layers() == 10);
      CHECK(good.within(0.5, 2));
      CHECK(good.of(9).count() == samples * width);
      CHECK(good.explain().substr(0, 17) == "hidden0: variance");
      CHECK(!run(init::xavier{1}).within(0.5, 2));  // fades by half in every layer
    });
}

TEST_CASE("init: the fan counts inputs, outputs and the extent of kernels, and PyTorch's order") {
  std::vector<double> some(4000);
  init::he{.seed = 2}.fill("k", std::span(some), init::fan::of(std::vector<std::size_t>{8, 16, 3, 3}));
  tutti::moments<> seen;
  for (double w : some) seen.add(w);
  CHECK(seen.variance() == doctest::Approx(2.0 / 72).epsilon(0.05));
  init::he{.seed = 2, .outputs_first = true}.fill("k", std::span(some), {8, 16});
  seen = {};
  for (double w : some) seen.add(w);
  CHECK(seen.variance() == doctest::Approx(2.0 / 16).epsilon(0.05));
}

}  // namespace
