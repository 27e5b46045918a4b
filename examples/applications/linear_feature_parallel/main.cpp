// SPDX-License-Identifier: BSL-1.0
// Linear regression by gradient descent, each process with some of the features of all samples, and their weights: what
// model-parallel training is, in the types of tutti. Compares the weights with the normal equations'.
//
// Run: ./linear_feature_parallel --np 3
//
// With F_k the features of process k, the prediction is y^ = sum_k X_(F_k) w_(F_k): every process finds a term, one
// allreduce makes the sum. The gradient by a process's weights, (2/n) X_(F_k)' (y^ - y), needs nothing from the others:
// gradients are put side by side, not averaged.
#include <cstdio>
#include <string>

#include "../fashion_mnist/progress.hpp"
#include "../linear_data_parallel/problem.hpp"

struct model;

int main(int argc, char** argv) {
  using namespace linear;
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    auto g = world.grid<model>(world.size());
    tutti::split<model, 1, double> x(g, {samples, features});
    tutti::replicated<model, double> y(g, {samples, 1});
    tutti::split<model, 0, double> w(g, {features, 1});
    fill(x, y);

    fashion_mnist::progress bar("linear_feature_parallel", steps, world.rank() == 0);
    for (int step = 0; step < steps; ++step) {
      tutti::partial<model, tutti::sum, double> terms = matmul(x, w);
      auto residual = redistribute<tutti::replicated<model>>(g, std::move(terms));
      for (std::size_t i = 0; i < y.size(); ++i) residual[i] -= y[i];
      auto const gradient = matmul(transposed(x), residual);
      for (std::size_t j = 0; j < w.size(); ++j) w[j] -= rate * 2 / static_cast<double>(samples) * gradient[j];
      bar.show(static_cast<std::size_t>(step) + 1, [] { return std::string("one allreduce a step"); });
    }
    bar.clear();
    auto const moved = g.along<model>().stats();
    auto const all = redistribute<tutti::replicated<model>>(g, w);
    report(world, moved, x.size(), {all.begin(), all.end()});
  });
}
