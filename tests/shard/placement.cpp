// SPDX-License-Identifier: BSL-1.0
#include <tutti/shard/placement.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <tutti/shard/checkpoint.hpp>
#include <tutti/train/adam.hpp>
#include <tutti/train/memory_of.hpp>

#include "../data/scratch.hpp"

namespace {

using tutti::communicator;
using tutti::replicated;
using tutti::split;

struct tp;
struct dp;

struct layers {
  split<tp, 1, float> columns;
  split<tp, 0, double> rows;
  replicated<tp, float> bias;
};
template <class F>
void each(layers& l, F f) {
  f(l.columns);
  f(l.rows);
  f(l.bias);
}
layers on(tutti::grid<tp> const& g) { return {{g, {5, 7}}, {g, {7, 3}}, {g, {7}}}; }

/// The gradient of weight i of the whole in a step.
double slope(std::size_t i, int step) { return std::sin(static_cast<double>(i * 7 + static_cast<std::size_t>(step))); }

TEST_CASE(
    "placed: three ranks train and save a split model, a reader sees it whole, two and eight go on to one process's "
    "bits") {
  struct plain {
    std::vector<float> columns = std::vector<float>(35);
    std::vector<double> rows = std::vector<double>(21);
    std::vector<float> bias = std::vector<float>(7);
  } one, by_one, saved;
  tutti::adam serial{.lr = 0.1};
  for (int step = 0; step < 5; ++step) {
    for (std::size_t i = 0; i < 35; ++i) by_one.columns[i] = static_cast<float>(slope(i, step));
    for (std::size_t i = 0; i < 21; ++i) by_one.rows[i] = slope(i, step);
    for (std::size_t i = 0; i < 7; ++i) by_one.bias[i] = static_cast<float>(slope(i, step));
    serial.step(one, by_one);
    if (step == 2) saved = one;
  }
  scratch const folder;
  std::string const path = (folder.path / "state").string();
  auto const train = [&](communicator& world, int first, int last, bool remember) {
    auto g = world.grid<tp>(world.size());
    layers model = on(g), gradient = model;
    tutti::adam optimizer{.lr = 0.1};
    std::tuple state{std::ref(model), memory_of(model, optimizer.mean), memory_of(model, optimizer.mean_of_squares),
                     std::ref(optimizer.steps)};
    if (first > 0) tutti::checkpoint::load(path, state, world);
    if (!remember) optimizer = {.lr = 0.1};
    for (int step = first; step < last; ++step) {
      each(gradient, [&](auto& x) {
        using T = typename std::remove_reference_t<decltype(x)>::value_type;
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(slope(x.layout().index_in_whole(i), step));
      });
      optimizer.step(model, gradient);
    }
    if (first == 0) tutti::checkpoint::save(path, state, world);
    bool same = true;
    auto const compare = [&](auto const& x, auto const& whole) {
      for (std::size_t i = 0; i < x.size(); ++i) same = same && x[i] == whole[x.layout().index_in_whole(i)];
    };
    compare(model.columns, one.columns);
    compare(model.rows, one.rows);
    compare(model.bias, one.bias);
    return same;
  };
  tutti::testing::run_ranks(3, [&](communicator& world) { (void)train(world, 0, 3, true); });
  tutti::checkpoint::reader reader(path);
  std::vector<float> columns(35);
  reader.read("0.columns", std::span(columns));
  CHECK(columns == saved.columns);
  for (int const p : {2, 8})
    tutti::testing::run_ranks(p, [&](communicator& world) {
      CHECK(train(world, 3, 5, true));
      CHECK(allreduce(world, train(world, 3, 5, false) ? 1 : 0) < world.size());  // without its memory it differs
    });
}

TEST_CASE("placed: what does not fit is refused by a sentence") {
  tutti::testing::run_ranks(4, [](communicator& world) {
    auto g = world.grid<dp, tp>(2, 2);
    CHECK_THROWS_WITH_AS((split<tp, 2, int>(g, {3, 3})),
                         doctest::Contains("cannot be split along dimension 2; dimensions count from 0"), tutti::error);
    CHECK_THROWS_WITH_AS((split<tp, 0, int>(g, {4}, std::vector<int>(3))),
                         doctest::Contains("got 3 elements, and has room for 2 here"), tutti::error);
    split<dp, 0, split<tp, 1, int>> box(g, {4, 4});
    CHECK_THROWS_WITH_AS((void)part_of(box), doctest::Contains("split along one dimension"), tutti::error);
  });
}

}  // namespace
