// SPDX-License-Identifier: BSL-1.0
// Promises of train/block_coordinate.hpp: systems of equations, against Gaussian elimination.
#include <tutti/train/block_coordinate.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;
using tutti::testing::over;
using tutti::testing::run_ranks;

constexpr std::size_t n = 24;
using vector = std::vector<double>;
using matrix = std::vector<vector>;

/// Symmetric, positive definite, far from diagonal: plain Jacobi diverges on it.
matrix coupled() {
  matrix a(n, vector(n, 0.3));
  for (std::size_t i = 0; i < n; ++i) a[i][i] = 1 + 0.1 * static_cast<double>(i % 5);
  return a;
}
vector right_side() {
  vector b(n);
  for (std::size_t i = 0; i < n; ++i) b[i] = std::sin(static_cast<double>(i * i));
  return b;
}
/// Solves a x = b by elimination with pivots.
vector solve(matrix a, vector b) {
  std::size_t const m = b.size();
  for (std::size_t k = 0; k < m; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k; i < m; ++i)
      if (std::fabs(a[i][k]) > std::fabs(a[pivot][k])) pivot = i;
    std::swap(a[k], a[pivot]);
    std::swap(b[k], b[pivot]);
    for (std::size_t i = k + 1; i < m; ++i) {
      double const factor = a[i][k] / a[k][k];
      for (std::size_t j = k; j < m; ++j) a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (std::size_t k = m; k-- > 0;) {
    for (std::size_t j = k + 1; j < m; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

struct range {
  std::size_t first, last;
};
range block_of(int rank, int ranks) {
  return {n * static_cast<std::size_t>(rank) / static_cast<std::size_t>(ranks),
          n * static_cast<std::size_t>(rank + 1) / static_cast<std::size_t>(ranks)};
}
/// What this block alone would do about the residual: its own equations, solved.
template <class Residual, class Change>
void solve_alone(range me, Residual residual, Change change) {
  matrix const a = coupled();
  matrix own;
  vector left;
  for (std::size_t i = me.first; i < me.last; ++i) {
    own.emplace_back(a[i].begin() + static_cast<std::ptrdiff_t>(me.first),
                     a[i].begin() + static_cast<std::ptrdiff_t>(me.last));
    left.push_back(residual[i]);
  }
  vector const best = solve(own, left);
  std::copy(best.begin(), best.end(), change.begin());
}
template <class Change, class Removed>
void take_off(range me, Change change, Removed removed) {
  matrix const a = coupled();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = me.first; j < me.last; ++j) removed[i] += a[i][j] * change[j - me.first];
}

/// The largest error of any weight after `steps`; damping 0: the default. Not coupled: each rank trains its part of the
/// weights as if there were no others.
double error_after(int ranks, int steps, double damping, bool together, over medium = over::memory) {
  vector const expected = solve(coupled(), right_side());
  std::vector<double> errors(static_cast<std::size_t>(ranks));
  auto const on_rank = [&](communicator& world) {
    range const me = block_of(world.rank(), world.size());
    vector mine(me.last - me.first);
    auto const train = [&](communicator& comm) {
      tutti::block_coordinate blocks{comm, right_side(), damping};
      for (int step = 0; step < steps; ++step)
        blocks.step(
            mine, [&](auto residual, auto change) { solve_alone(me, residual, change); },
            [&](auto change, auto removed) { take_off(me, change, removed); });
    };
    if (together) {
      train(world);
    } else {
      auto alone = world.split(world.rank());
      train(alone);
    }
    double most = 0;
    for (std::size_t i = 0; i < mine.size(); ++i) most = (std::max)(most, std::fabs(mine[i] - expected[me.first + i]));
    errors[static_cast<std::size_t>(world.rank())] = std::isnan(most) ? HUGE_VAL : most;
  };
  run_ranks(ranks, on_rank, medium);
  return *std::max_element(errors.begin(), errors.end());
}

}  // namespace

TEST_CASE("damped blocks solve a coupled system to 1e-8; undamped ones and uncoupled ones do not") {
  CHECK(error_after(1, 1, 0, true) <= 1e-8);
  for (int const ranks : {2, 3, 7}) {
    INFO(ranks << " ranks");
    CHECK(error_after(ranks, 120 * ranks, 0, true) <= 1e-8);
    CHECK(error_after(ranks, 120 * ranks, 0, false) > 0.01);
    if (ranks > 2) CHECK(error_after(ranks, 100, 1, true) > 1);
  }
  CHECK(error_after(3, 360, 0, true, over::sockets) <= 1e-8);
}

TEST_CASE("a rank may have no weights, and the residual has the same bits everywhere") {
  std::vector<vector> residuals(13);
  run_ranks(13, [&](communicator& world) {
    range me = block_of(world.rank(), 12);
    if (world.rank() == 12) me = {n, n};
    vector mine(me.last - me.first);
    tutti::block_coordinate blocks{world, right_side()};
    CHECK(blocks.damping() == 1.0 / 13);
    for (int step = 0; step < 20; ++step)
      blocks.step(
          std::span<double>(mine), [&](auto residual, auto change) { solve_alone(me, residual, change); },
          [&](auto change, auto removed) { take_off(me, change, removed); });
    residuals[static_cast<std::size_t>(world.rank())] = blocks.residual();
  });
  for (auto const& r : residuals) CHECK(worlds::same_bits(r, residuals[0]));
  CHECK(residuals[0] != right_side());
}
