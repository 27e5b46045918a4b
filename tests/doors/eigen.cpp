// SPDX-License-Identifier: BSL-1.0
// Promises of eigen.hpp, and of the walk where it meets what needs no header: Eigen's matrices and tensors.
#include <tutti/eigen.hpp>

#include <Eigen/Core>
#include <unsupported/Eigen/CXX11/Tensor>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/shard/replicate.hpp>
#include <tutti/train/data_parallel.hpp>

namespace {

using tutti::communicator;
using shape = std::vector<std::size_t>;

template <class M>
shape shape_of(M& m) {
  shape all;
  tutti::for_each_tensor(m, [&](auto const& t) { all.assign(t.shape.begin(), t.shape.end()); });
  return all;
}

/// Reads a tensor as anybody does who has only the span and the shape: the last index is the fastest.
template <class M>
double at(M& m, std::vector<std::size_t> const& index) {
  double found = 0;
  tutti::for_each_tensor(m, [&](auto const& t) {
    std::size_t offset = 0;
    for (std::size_t i = 0; i < index.size(); ++i) offset = offset * t.shape[i] + index[i];
    found = static_cast<double>(t.data[offset]);
  });
  return found;
}

using sparse = Eigen::SparseMatrix<float>;
using diagonal = Eigen::DiagonalMatrix<double, 3>;

sparse stencil() {
  sparse m(4, 3);
  for (int i = 0; i < 3; ++i) {
    m.insert(i, i) = static_cast<float>(i + 1);
    m.insert(i + 1, i) = static_cast<float>(10 * i);
  }
  m.makeCompressed();
  return m;
}

struct everything {
  Eigen::MatrixXf columns = Eigen::MatrixXf::Zero(3, 2);
  Eigen::Matrix<float, 2, 3, Eigen::RowMajor> rows = Eigen::Matrix<float, 2, 3, Eigen::RowMajor>::Zero();
  Eigen::VectorXd vector = Eigen::VectorXd::Zero(4);
  Eigen::Tensor<float, 3> cube{2, 3, 4};
  sparse graph = stencil();
  diagonal scale{1, 2, 3};
  Eigen::Quaternionf turn{1, 0, 0, 0};
  Eigen::Affine3d pose = Eigen::Affine3d::Identity();
  everything() { cube.setZero(); }
  friend void tutti_visit(everything& m, auto&& v) {
    v("columns", m.columns);
    v("rows", m.rows);
    v("vector", m.vector);
    v("cube", m.cube);
    v("graph", m.graph);
    v("scale", m.scale);
    v("turn", m.turn);
    v("pose", m.pose);
  }
};

}  // namespace

TEST_CASE("span and shape say where each number of a matrix or tensor is, whatever its storage order") {
  Eigen::MatrixXf columns(3, 2);
  Eigen::Matrix<double, 3, 2, Eigen::RowMajor> rows;
  Eigen::Tensor<float, 3> cube(2, 3, 4);
  Eigen::Tensor<float, 3, Eigen::RowMajor> row_cube(2, 3, 4);
  Eigen::TensorFixedSize<float, Eigen::Sizes<2, 5>> fixed;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 2; ++j) {
      columns(i, j) = static_cast<float>(10 * i + j);
      rows(i, j) = 10 * i + j;
      for (int k = 0; k < 4; ++k) cube(j, i, k) = row_cube(j, i, k) = static_cast<float>(100 * j + 10 * i + k);
    }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 5; ++j) fixed(i, j) = static_cast<float>(10 * i + j);

  CHECK(shape_of(columns) == shape{2, 3});
  CHECK(at(columns, {1, 2}) == 21);
  CHECK(shape_of(rows) == shape{3, 2});
  CHECK(at(rows, {2, 1}) == 21);
  CHECK(shape_of(cube) == shape{4, 3, 2});
  CHECK(at(cube, {3, 2, 1}) == 123);
  CHECK(shape_of(row_cube) == shape{2, 3, 4});
  CHECK(at(row_cube, {1, 2, 3}) == 123);
  CHECK(shape_of(fixed) == shape{5, 2});
  CHECK(at(fixed, {4, 1}) == 14);

  Eigen::Map<Eigen::MatrixXf> map(columns.data(), 2, 3);
  CHECK(shape_of(map) == shape{3, 2});
  Eigen::VectorXf vector(5);
  Eigen::RowVector3d row;
  auto column = columns.col(1);
  CHECK(shape_of(vector) == shape{5});
  CHECK(shape_of(row) == shape{3});
  CHECK(shape_of(column) == shape{3});
}

TEST_CASE("the other types are models too: their numbers, in place, named by their field alone") {
  everything m;
  std::vector<std::string> found;
  tutti::for_each_tensor(m, [&]<class T>(tutti::tensor<T> const& t) {
    found.push_back(std::string(t.name) + (t.kind == tutti::role::buffer ? " kept " : " ") +
                    std::to_string(t.data.size()));
    if (t.kind == tutti::role::parameter)
      for (T& x : t.data) x = T(7);
  });
  CHECK(found == std::vector<std::string>{"columns 6", "rows 6", "vector 4", "cube 24", "graph.values 6",
                                          "graph.outer kept 4", "graph.inner kept 6", "scale 3", "turn 4", "pose 16"});
  CHECK(m.graph.coeff(2, 1) == 7);
  CHECK(m.graph.coeff(3, 0) == 0);
  CHECK(m.scale.diagonal() == Eigen::Vector3d::Constant(7));
  CHECK(m.turn.w() == 7);
  CHECK(m.pose.matrix()(0, 3) == 7);

  sparse loose(4, 3);
  loose.insert(1, 1) = 1;
  CHECK_THROWS_WITH_AS(shape_of(loose), doctest::Contains("makeCompressed"), tutti::error);
}

TEST_CASE("such a model is replicated, reduced and averaged by the lines that any model takes") {
  for (int const size : {1, 2, 3, 5})
    tutti::testing::run_ranks(size, [&](communicator& world) {
      everything model;
      model.columns.setConstant(static_cast<float>(world.rank() + 1));
      model.graph.coeffRef(0, 0) = static_cast<float>(world.rank() + 1);
      model.cube.setConstant(static_cast<float>(world.rank() + 1));
      tutti::replicate(world, model);
      CHECK(model.columns == Eigen::MatrixXf::Ones(3, 2));
      CHECK(model.graph.coeff(0, 0) == 1);

      everything gradient;  // this rank's sum over `rank` samples
      auto const samples = static_cast<float>(world.rank());
      gradient.columns.setConstant(3 * samples);
      gradient.cube.setConstant(5 * samples);
      gradient.scale.diagonal().setConstant(2 * world.rank());
      tutti::data_parallel dp{world, model};
      if (size > 1) {
        dp.sync(gradient, samples);
        CHECK(gradient.columns == Eigen::MatrixXf::Constant(3, 2, 3));
        CHECK(gradient.cube(1, 2, 3) == 5);
        CHECK(gradient.scale.diagonal() == Eigen::Vector3d::Constant(2));
      }
      Eigen::Tensor<float, 3> cube(2, 3, 4);
      cube.setConstant(static_cast<float>(world.rank()));
      broadcast(world, cube, size - 1);
      CHECK(cube(1, 2, 3) == static_cast<float>(size - 1));
      cube.setConstant(static_cast<float>(world.rank()));
      allreduce(world, cube);
      CHECK(cube(0, 1, 2) == static_cast<float>(size * (size - 1) / 2));
    });
}
