// SPDX-License-Identifier: BSL-1.0
// Promises of train/clip.hpp.
#include <tutti/train/clip.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
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
