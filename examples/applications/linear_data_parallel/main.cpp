// SPDX-License-Identifier: BSL-1.0
// Linear regression by gradient descent, each process with some of the samples: what data-parallel training is, in the
// types of tutti. Compares the weights with the normal equations'.
//
// Run: ./linear_data_parallel --np 3
//
// With n samples in all, S_k of them on process k, and the loss L = (1/n) sum_k sum_(i in S_k) (x_i . w - y_i)^2,
//   dL/dw = (2/n) sum_k X_k' (X_k w - y_k):
// every process finds a term, one allreduce makes the sum, and all take the same step.
#include <cstdio>
#include <string>

#include "../fashion_mnist/progress.hpp"
#include "problem.hpp"

struct data;

int main(int argc, char** argv) {
  using namespace linear;
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    auto g = world.grid<data>(world.size());
    tutti::split<data, 0, double> x(g, {samples, features}), y(g, {samples, 1});
    tutti::replicated<data, double> w(g, {features, 1});
    fill(x, y);

    fashion_mnist::progress bar("linear_data_parallel", steps, world.rank() == 0);
    for (int step = 0; step < steps; ++step) {
      auto residual = matmul(x, w);
      for (std::size_t i = 0; i < y.size(); ++i) residual[i] -= y[i];
      tutti::partial<data, tutti::sum, double> terms = matmul(transposed(x), residual);
      auto const gradient = redistribute<tutti::replicated<data>>(g, std::move(terms));
      for (std::size_t j = 0; j < w.size(); ++j) w[j] -= rate * 2 / static_cast<double>(samples) * gradient[j];
      bar.show(static_cast<std::size_t>(step) + 1, [] { return std::string("one allreduce a step"); });
    }
    bar.clear();
    report(world, g.along<data>().stats(), x.size(), {w.begin(), w.end()});
  });
}
