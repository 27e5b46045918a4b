// SPDX-License-Identifier: BSL-1.0
// Promises of train/compressed.hpp and its schemes: few bytes, the same bits everywhere, and nothing lost for good.
#include <tutti/train/compress.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using tutti::communicator;
namespace compress = tutti::compress;

struct model {
  std::vector<float> weight;
  std::array<std::array<double, 3>, 2> matrix{};
  std::int64_t steps = 5;
};

void on_ranks(int n, std::function<void(communicator&)> const& body) { tutti::testing::run_ranks(n, body); }

/// A number in (-1, 1) that is not round, of any index and rank.
float noise(std::size_t i, int rank) {
  std::uint32_t x = static_cast<std::uint32_t>(i) * 2654435761U + static_cast<std::uint32_t>(rank) * 40503U + 7;
  x = (x ^ x >> 15U) * 2246822519U;
  return static_cast<float>(static_cast<std::int32_t>(x)) * 0x1p-31F;
}
std::vector<float> noisy(std::size_t n, int rank) {
  std::vector<float> g(n);
  for (std::size_t i = 0; i < n; ++i) g[i] = noise(i, rank);
  return g;
}
double weight_of(int rank) { return rank + 1; }

/// What each rank has after `steps` syncs of its own noise, and how many bytes rank 0 sent.
struct result {
  std::vector<std::vector<float>> by_rank;
  std::vector<double> sum;  // of rank 0's results over the steps
  std::uint64_t bytes = 0;
};
template <class Scheme>
result synced(int p, std::size_t n, Scheme scheme, int steps = 1, tutti::options how = {}) {
  result all;
  all.by_rank.resize(static_cast<std::size_t>(p));
  all.sum.resize(n);
  on_ranks(p, [&](communicator& world) {
    std::vector<float> gradient = noisy(n, world.rank());
    tutti::compressed dp{world, gradient, scheme};
    for (int step = 0; step < steps; ++step) {
      gradient = noisy(n, world.rank());
      double const total = dp.sync(gradient, weight_of(world.rank()), how);
      if (total != p * (p + 1) / 2) throw std::runtime_error("wrong weight");
      if (world.rank() == 0)
        for (std::size_t i = 0; i < n; ++i) all.sum[i] += static_cast<double>(gradient[i]);
    }
    if (world.rank() == 0) all.bytes = world.stats().bytes_sent;
    all.by_rank[static_cast<std::size_t>(world.rank())] = gradient;
  });
  return all;
}
std::vector<double> exact_mean(int p, std::size_t n) {
  std::vector<double> mean(n);
  for (int r = 0; r < p; ++r)
    for (std::size_t i = 0; i < n; ++i) mean[i] += static_cast<double>(noise(i, r)) / (p * (p + 1) / 2);
  return mean;
}
bool replicas_agree(result const& all) {
  auto const same_bits = [](float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
  };
  for (auto const& other : all.by_rank)
    if (!std::equal(other.begin(), other.end(), all.by_rank[0].begin(), all.by_rank[0].end(), same_bits)) return false;
  return true;
}
double largest_error(std::vector<double> const& exact, std::vector<double> const& got, int steps) {
  double most = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) most = std::max(most, std::abs(got[i] / steps - exact[i]));
  return most;
}

}  // namespace

TEST_CASE("bfloat16 and half round every contribution once, add up in float, and round the mean once") {
  auto const check = [](auto scheme, auto number) {
    using T = decltype(number);
    for (int const p : {2, 3, 8}) {
      for (std::size_t const n :
           {std::size_t{0}, std::size_t{1}, static_cast<std::size_t>(p - 1), static_cast<std::size_t>(p + 1),
            std::size_t{1000}, static_cast<std::size_t>(p == 2 ? 300'001 : 2000)}) {  // several pieces
        CAPTURE(p);
        CAPTURE(n);
        auto const all = synced(p, n, scheme);
        CHECK(replicas_agree(all));
        int wrong = 0;
        for (std::size_t i = 0; i < n; ++i) {
          float sum = 0;
          for (int r = 0; r < p; ++r) sum += static_cast<float>(T(noise(i, r)));
          wrong += all.by_rank[0][i] != static_cast<float>(T(sum / static_cast<float>(p * (p + 1) / 2)));
        }
        CHECK(wrong == 0);
      }
    }
  };
  check(compress::bfloat16{}, tutti::bfloat16{});
  check(compress::half{}, tutti::half{});
}

TEST_CASE("int8 is wrong by half a step of each rank's scale and half a step of the mean's, at most") {
  for (int const p : {2, 3, 4, 13}) {
    for (std::size_t const n : {std::size_t{1}, static_cast<std::size_t>(p), std::size_t{777}, std::size_t{9000}}) {
      CAPTURE(p);
      CAPTURE(n);
      auto const all = synced(p, n, compress::int8{});
      CHECK(replicas_agree(all));
      double const total = p * (p + 1) / 2;
      double const most = p / total * 0.5 / 127 + 0.5 / 127 * p / total + 1e-6;  // all magnitudes are below 1
      CHECK(largest_error(exact_mean(p, n), all.sum, 1) <= most);
    }
  }
}

TEST_CASE("a world of one rounds nothing, and a second rank rounds doubles but leaves integers alone") {
  on_ranks(1, [](communicator& world) {
    model g{{0.3F}, {}, 9};
    g.matrix[1][2] = 0.1;
    tutti::compressed dp{world, g, compress::int8{}};
    CHECK(dp.sync(g, 2) == 2);
    CHECK(g.weight[0] == 0.15F);
    CHECK(g.matrix[1][2] == 0.05);
    CHECK(g.steps == 9);
  });
  on_ranks(2, [](communicator& world) {
    model g{{}, {}, world.rank()};
    g.matrix[1][2] = 0.5;
    tutti::compressed dp{world, g, compress::bfloat16{}};
    CHECK(dp.sync(g, 1) == 2);
    CHECK(g.matrix[1][2] == 0.5);
    CHECK(g.matrix[0][0] == 0);
    CHECK(g.steps == world.rank());
    CHECK_THROWS_AS(dp.sync(g, 0), tutti::error);  // no weight at all
    CHECK_THROWS_AS(dp.sync(g, -1), tutti::error);
    g.weight.resize(3);
    CHECK_THROWS_AS(dp.sync(g, 1), tutti::error);
  });
}

TEST_CASE("the bytes on the wire are those of the scheme, not of floats") {
  constexpr std::size_t n = 100'000;
  constexpr int p = 4;
  constexpr double floats = 2.0 * (p - 1) / p * n * 4;  // what a plain mean sends
  constexpr double frames = 1000;                       // headers
  CHECK(static_cast<double>(synced(p, n, compress::bfloat16{}).bytes) <= floats / 2 + frames);
  CHECK(static_cast<double>(synced(p, n, compress::half{}).bytes) <= floats / 2 + frames);
  CHECK(static_cast<double>(synced(p, n, compress::int8{}).bytes) <= floats / 4 * (1 + 4.0 / 256) + frames);
  tutti::options how{};
  how.algorithm = tutti::algorithm::direct;  // each rank's share is small enough for a star, where rank 0 sends it all
  auto const sparse = synced(p, n, compress::top_k{0.01}, 1, how);
  CHECK(static_cast<double>(sparse.bytes) <= (p - 1) * 0.01 * n * 8 + frames);
  std::uint64_t sent = 0;
  on_ranks(p, [&](communicator& world) {
    std::vector<std::array<float, 250>> g(400);
    tutti::compressed dp{world, g, compress::power_sgd{2}};
    dp.sync(g, 1);
    if (world.rank() == 0) sent = world.stats().bytes_sent;
  });
  CHECK(static_cast<double>(sent) <= (p - 1) * 2 * (400 + 250) * 4 + frames);
}

TEST_CASE("with feedback nothing is lost: the mean over many steps is the exact one; without it, it is not") {
  constexpr int p = 3, steps = 40;
  constexpr std::size_t n = 600;
  auto const exact = exact_mean(p, n);
  auto const error = [&](auto scheme) {
    auto const all = synced(p, n, scheme, steps);
    CHECK(replicas_agree(all));
    return largest_error(exact, all.sum, steps);
  };
  CHECK(error(compress::bfloat16{}) < 1e-4);
  CHECK(error(compress::bfloat16{false}) > 3e-4);
  CHECK(error(compress::int8{}) < 2e-4);
  CHECK(error(compress::int8{false}) > 1e-3);
  CHECK(error(compress::top_k{0.2}) < 0.15);
  CHECK(error(compress::top_k{0.2, false}) > 0.3);
}

TEST_CASE("top-k sends the largest numbers of each rank, adds them in rank order, and keeps the rest") {
  on_ranks(2, [](communicator& world) {
    std::vector<float> g = world.rank() == 0 ? std::vector<float>{1, -8, 3, 0} : std::vector<float>{5, 2, -5, 5};
    tutti::compressed dp{world, g, compress::top_k{0.5}};
    dp.sync(g, 0.5);
    CHECK(g == std::vector<float>{5, -8, -2, 0});  // of three equal magnitudes the first two
    CHECK(dp.kept()[0] == (world.rank() == 0 ? 1.0F : 0.0F));
    CHECK(dp.kept()[3] == (world.rank() == 0 ? 0.0F : 5.0F));
    g.assign(4, 0);
    dp.sync(g, 0.5);
    CHECK(g == std::vector<float>{1, 2, 0, 5});
  });
}

TEST_CASE("PowerSGD finds a matrix of its rank, sends what is no matrix as it is, and comes back from zeros and NaN") {
  on_ranks(3, [](communicator& world) {
    struct {
      std::array<std::array<float, 20>, 30> matrix{};
      std::vector<float> bias = std::vector<float>(4);
    } g;
    tutti::compressed dp{world, g, compress::power_sgd{2}};
    auto const fill = [&](float scale) {
      for (std::size_t i = 0; i < 30; ++i)
        for (std::size_t j = 0; j < 20; ++j)
          g.matrix[i][j] = scale * (noise(i, 0) * noise(j, 1) + 0.5F * noise(i, 2) * noise(j, 3));
      for (float& b : g.bias) b = scale * 0.1F;
    };
    auto const wrong = [&] {
      auto const got = g;
      fill(1);
      float most = 0;
      for (std::size_t i = 0; i < 30; ++i)
        for (std::size_t j = 0; j < 20; ++j) most = std::max(most, std::abs(got.matrix[i][j] - g.matrix[i][j]));
      CHECK(got.bias[0] == doctest::Approx(0.1));
      return most;
    };
    fill(0);
    dp.sync(g, 2);
    CHECK(g.matrix[3][3] == 0);
    fill(2);  // sums over two samples on every rank
    dp.sync(g, 2);
    CHECK(wrong() < 1e-4F);
    fill(std::numeric_limits<float>::quiet_NaN());
    dp.sync(g, 2);
    CHECK(std::isnan(g.matrix[3][3]));
    fill(2);
    dp.sync(g, 2);
    CHECK(wrong() < 1e-4F);
  });
}

TEST_CASE("a NaN of one rank is seen by all and forgotten at the next step") {
  auto const check = [](auto scheme) {
    on_ranks(3, [&](communicator& world) {
      std::vector<float> g = noisy(600, world.rank());
      if (world.rank() == 1) g[300] = std::numeric_limits<float>::infinity();
      tutti::compressed dp{world, g, scheme};
      dp.sync(g, 1);
      CHECK_FALSE(std::isfinite(g[300]));
      g.assign(600, 0.25F);
      dp.sync(g, 0.25);
      for (float const v : g) REQUIRE(std::isfinite(v));
    });
  };
  check(compress::bfloat16{});
  check(compress::int8{});
  check(compress::top_k{0.1});
}
