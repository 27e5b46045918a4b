// SPDX-License-Identifier: BSL-1.0
// The promise of every door that opens a kind of model: data parallel, ZeRO and checkpoints take all by the same lines.
// (LibTorch's modules: tests/libtorch/module.cpp.)
#include <tutti/eigen.hpp>

#include <doctest/doctest.h>

#include <unsupported/Eigen/CXX11/Tensor>

#include <tutti/group/testing.hpp>

#include "../model/five_models.hpp"
#include "model_kinds.hpp"

namespace {
template <class Model>
Model same(Model const& model) {
  return model;
}
}  // namespace

TEST_CASE("structs, containers, private members behind Boost and Eigen train by the same lines to the same bits") {
  auto const plain = kinds::train_everywhere(
      "plain", [] { return five::plain{}; }, &same<five::plain>);
  auto const containers = kinds::train_everywhere("containers", &five::make_containers, &same<five::containers>);
  auto const boost = kinds::train_everywhere(
      "boost", [] { return five::behind_boost{}; }, &same<five::behind_boost>);
  auto const eigen = kinds::train_everywhere("eigen", &five::make_eigen, &same<five::eigen>);
  CHECK(containers == plain);
  CHECK(boost == plain);
  CHECK(eigen == plain);
}

TEST_CASE("what Eigen has beside matrices is kept and read back as well") {
  struct state {
    Eigen::Tensor<float, 3> cube{2, 3, 4};
    Eigen::SparseMatrix<double> graph{3, 3};
  };
  auto const path = kinds::new_path("state");
  tutti::testing::run_ranks(3, [&](kinds::communicator& world) {
    state saved, loaded;
    saved.cube.setConstant(7);
    loaded.cube.setZero();
    for (state* s : {&saved, &loaded}) {
      s->graph.insert(1, 2) = s == &saved ? 5 : 0;
      s->graph.makeCompressed();
    }
    tutti::checkpoint::save(path, saved, world);
    tutti::checkpoint::load(path, loaded, world);
    CHECK(loaded.cube(1, 2, 3) == 7);
    CHECK(loaded.graph.coeff(1, 2) == 5);
    broadcast(world, saved.cube);
  });
  std::filesystem::remove_all(path);
}
