// SPDX-License-Identifier: BSL-1.0
// k-means on P processes beside a plain single-process one in Eigen on n / P rows: seconds per step of each, and their
// ratio. Both make 10 steps from the same rows, and see the same data; medians of 5 runs.
//
//   g++ -std=c++20 -O2 -pthread -Iinclude -isystem /usr/include/eigen3 tests/bench/kmeans.cpp -o kmeans && ./kmeans
//   --np 2
#include <tutti/kmeans.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr int n = 60'000, d = 784, k = 10, steps = 10, runs = 5;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Lloyd's steps as one writes them with Eigen; `block` rows per product.
double plain(matrix const& x, matrix centroids, Eigen::Index block) {
  double const start = seconds();
  matrix sums(k, d), products;
  for (int step = 0; step < steps; ++step) {
    Eigen::RowVectorXf const half = centroids.rowwise().squaredNorm().transpose() / 2;
    Eigen::ArrayXf counts = Eigen::ArrayXf::Zero(k);
    sums.setZero();
    for (Eigen::Index first = 0; first < x.rows(); first += block) {
      auto const rows = x.middleRows(first, std::min(block, x.rows() - first));
      products.noalias() = rows * centroids.transpose();
      products.rowwise() -= half;
      for (Eigen::Index i = 0; i < rows.rows(); ++i) {
        Eigen::Index c = 0;
        products.row(i).maxCoeff(&c);
        sums.row(c) += rows.row(i);
        counts[c] += 1;
      }
    }
    for (int c = 0; c < k; ++c)
      if (counts[c] > 0) centroids.row(c) = sums.row(c) / counts[c];
  }
  volatile float kept = centroids.sum();
  static_cast<void>(kept);
  return (seconds() - start) / steps;
}

double median(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    tutti::partition const part(n, world.size(), tutti::block{});
    auto const mine = part.local(world.rank());
    matrix x(static_cast<Eigen::Index>(mine.size()), d);
    std::vector<std::span<float const>> rows;
    for (std::size_t i = 0; i < mine.size(); ++i) {
      auto const r = static_cast<Eigen::Index>(i);
      for (Eigen::Index j = 0; j < d; ++j) {
        auto const bits = tutti::detail::mix64(mine[i] * d + static_cast<std::uint64_t>(j));
        auto const shape = tutti::detail::mix64(mine[i] % 17 * d + static_cast<std::uint64_t>(j));
        x(r, j) = static_cast<float>(bits >> 40U) * 0x1p-24F + static_cast<float>(shape >> 63U);
      }
      rows.emplace_back(x.row(r).data(), d);
    }
    std::vector<float> start(x.data(), x.data() + k * d);
    broadcast(world, start);
    Eigen::Map<matrix const> const first(start.data(), k, d);

    std::vector<double> ours, theirs;
    for (int run = 0; run < runs; ++run) {
      barrier(world);
      double const from = seconds();
      auto const found =
          tutti::kmeans{{.k = k, .iterations = steps, .tolerance = 0, .centroids = start}}.fit(world, rows);
      ours.push_back((seconds() - from) / found.iterations);
      barrier(world);
      if (world.rank() == 0)
        theirs.push_back(std::min({plain(x, first, x.rows()), plain(x, first, 1024), plain(x, first, 256)}));
      barrier(world);
    }
    if (world.rank() == 0)
      std::printf("%d x %d, k = %d, P = %d: %.2f ms per step; plain Eigen on %lld rows: %.2f ms; ratio %.2f\n", n, d, k,
                  world.size(), 1e3 * median(ours), static_cast<long long>(x.rows()), 1e3 * median(theirs),
                  median(ours) / median(theirs));
  });
}
