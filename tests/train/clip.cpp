// SPDX-License-Identifier: BSL-1.0
// Promises of train/clip.hpp, clip_by_value.hpp, clip_shards.hpp and clip_placed.hpp.
#include <tutti/train/clip.hpp>
#include <tutti/train/clip_by_value.hpp>
#include <tutti/train/clip_placed.hpp>
#include <tutti/train/clip_shards.hpp>

#include <tutti/group/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {
struct replicating {
  static constexpr bool replicates_gradients = true;
};
struct sharding {
  static constexpr bool replicates_gradients = false;
};
static_assert(tutti::gradient_replicating<replicating>);
static_assert(!tutti::gradient_replicating<sharding> && !tutti::gradient_replicating<int>);

struct network {
  std::vector<float> a;
  std::vector<double> b;
  std::int32_t calls = 1000;  // a buffer: no gradient
};
network random_gradient() {
  network g;
  std::uint32_t x = 7;
  for (int i = 0; i < 500; ++i) {
    g.a.push_back(static_cast<float>(x = x * 1664525U + 1013904223U) * 0x1p-31F - 1.0F);
    g.b.push_back(static_cast<double>(x = x * 1664525U + 1013904223U) * 0x1p-31 - 1.0);
  }
  return g;
}
double norm_by_hand(network const& g) {
  long double squares = 0;
  for (float v : g.a) squares += static_cast<long double>(v) * static_cast<long double>(v);
  for (double v : g.b) squares += static_cast<long double>(v) * static_cast<long double>(v);
  return static_cast<double>(std::sqrt(squares));
}
}  // namespace

TEST_CASE("the global norm is that of all tensors together, buffers not counted") {
  CHECK(tutti::global_norm(network{{3}, {4}}) == 5);
  CHECK(tutti::global_norm(network{}) == 0);
  network const g = random_gradient();
  CHECK(tutti::global_norm(g) == doctest::Approx(norm_by_hand(g)).epsilon(1e-12));
  // Control: the common bugs, the largest of the tensors' norms or their sum, are not this.
  double const a = tutti::global_norm(network{g.a, {}});
  double const b = tutti::global_norm(network{{}, g.b});
  CHECK(std::fabs((std::max)(a, b) - norm_by_hand(g)) > 1);
  CHECK(std::fabs(a + b - norm_by_hand(g)) > 1);
}

TEST_CASE("clipping returns the norm before, leaves the limit, keeps the direction") {
  network g = random_gradient();
  network const before = g;
  double const norm = norm_by_hand(g);
  CHECK(tutti::clip_by_global_norm(replicating{}, g, 1.0F) == doctest::Approx(norm).epsilon(1e-12));
  CHECK(norm_by_hand(g) == doctest::Approx(1).epsilon(1e-6));
  for (std::size_t i = 0; i < g.b.size(); ++i) CHECK(g.b[i] == doctest::Approx(before.b[i] / norm).epsilon(1e-12));
  CHECK(g.calls == 1000);
}

TEST_CASE("a gradient within the limit keeps every bit") {
  network g = random_gradient();
  network const before = g;
  tutti::clip_by_global_norm(replicating{}, g, 1000);
  CHECK(g.a == before.a);
  CHECK(g.b == before.b);
}

TEST_CASE("a norm that is no number is reported and nothing is scaled; a limit must be positive") {
  network g{{1, std::numeric_limits<float>::infinity()}, {2}};
  CHECK(std::isinf(tutti::clip_by_global_norm(replicating{}, g, 1)));
  CHECK(g.a[0] == 1);
  g.a[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(tutti::clip_by_global_norm(replicating{}, g, 1)));
  CHECK(g.b[0] == 2);
  CHECK_THROWS_AS(tutti::clip_by_global_norm(replicating{}, g, 0), tutti::error);
}

TEST_CASE("parts on several ranks, a copied tensor counted once, have the norm of the whole and are scaled alike") {
  network const whole = random_gradient();
  double const norm = norm_by_hand(whole);
  for (int const p : {1, 2, 3, 5})
    tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
      auto const r = static_cast<std::size_t>(world.rank()), n = static_cast<std::size_t>(p);
      auto const begin = static_cast<std::ptrdiff_t>(r * 500 / n), end = static_cast<std::ptrdiff_t>((r + 1) * 500 / n);
      network mine{{whole.a.begin() + begin, whole.a.begin() + end}, whole.b};  // a: cut; b: a copy on every rank
      auto const once = [&](std::string_view name) { return name == "a" || world.rank() == 0; };
      CHECK(tutti::global_norm(world, mine, once) == doctest::Approx(norm).epsilon(1e-12));
      if (p > 1) CHECK(tutti::global_norm(world, mine) > norm + 1);  // control: copies counted as often as there are
      CHECK(tutti::clip_by_global_norm(world, mine, 2, once) == doctest::Approx(norm).epsilon(1e-12));
      CHECK(tutti::global_norm(world, mine, once) == doctest::Approx(2).epsilon(1e-6));
      CHECK(mine.b[3] == doctest::Approx(whole.b[3] * 2 / norm).epsilon(1e-12));
    });
}

namespace {
struct rows_axis {};
struct columns_axis {};
struct placed_gradient {
  tutti::split<rows_axis, 0, tutti::split<columns_axis, 1, float>> on_both;
  std::vector<tutti::replicated<rows_axis, tutti::split<columns_axis, 0, double>>> on_one;  // in a container
  tutti::replicated<columns_axis, float> nowhere;
  std::vector<double> plain;
};
}  // namespace

TEST_CASE("placed tensors on a grid have the norm of the whole: copies are counted once, whatever the type says") {
  double const norm = std::sqrt(35 * 0.25 + 2 * 9 * 4 + 3 * 1 + 4 * 9);
  for (auto const& sizes : {std::pair(1, 1), std::pair(2, 1), std::pair(1, 3), std::pair(2, 2), std::pair(3, 2)})
    tutti::testing::run_ranks(sizes.first * sizes.second, [&](tutti::communicator& world) {
      auto g = world.grid<rows_axis, columns_axis>(sizes.first, sizes.second);
      placed_gradient mine{{g, {7, 5}, 0.5F}, {{g, {9}, 2}, {g, {9}, -2}}, {g, {3}, 1}, {3, -3, 3, -3}};
      CHECK(tutti::global_norm(g, mine) == doctest::Approx(norm).epsilon(1e-12));
      if (world.size() > 1) CHECK(tutti::global_norm(world, mine) > norm + 0.1);  // control: every copy counted
      CHECK(tutti::clip_by_global_norm(g, mine, 1) == doctest::Approx(norm).epsilon(1e-12));
      CHECK(tutti::global_norm(g, mine) == doctest::Approx(1).epsilon(1e-6));
      CHECK(mine.plain[1] == doctest::Approx(-3 / norm).epsilon(1e-12));
    });
}

TEST_CASE("clipping by value bounds every number, leaves NaN, and takes no other limit than a positive one") {
  network g{{-3, 0.5F, 3}, {-0.25, std::numeric_limits<double>::quiet_NaN(), HUGE_VAL}};
  tutti::clip_by_value(g, 1);
  CHECK(g.a == std::vector<float>{-1, 0.5F, 1});
  CHECK(g.b[0] == -0.25);
  CHECK(std::isnan(g.b[1]));
  CHECK(g.b[2] == 1);
  CHECK(g.calls == 1000);
  CHECK_THROWS_AS(tutti::clip_by_value(g, -1), tutti::error);
}
