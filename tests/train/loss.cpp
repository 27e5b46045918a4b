// SPDX-License-Identifier: BSL-1.0
// Promises of train/loss.hpp, metric.hpp and summed.hpp.
#include <tutti/train/loss.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <tutti/core/op.hpp>
#include <tutti/train/metric.hpp>

#include <doctest/doctest.h>

static_assert(tutti::reduction<tutti::sum_op, tutti::summed>, "an allreduce with sum must take it");

namespace {
// log sum exp by the definition, in long double, for moderate logits.
double cross_entropy_by_hand(std::vector<double> const& z, std::size_t label) {
  long double total = 0;
  for (double v : z) total += std::exp(static_cast<long double>(v));
  return static_cast<double>(std::log(total) - static_cast<long double>(z[label]));
}
}  // namespace

TEST_CASE("a mean over uneven shards is the mean of the whole, which the mean of means is not") {
  std::vector<double> const prediction{1, 2, 3, 4, 5, 6, 7}, target{0, 0, 1, 9, 5, 2, 7};
  std::span const p(prediction), t(target);
  auto const whole = tutti::loss::mse(p, t);
  auto const one = tutti::loss::mse(p.first(2), t.first(2));
  auto const two = tutti::loss::mse(p.subspan(2), t.subspan(2));
  CHECK(whole.mean() == doctest::Approx(50.0 / 7));
  CHECK(tutti::sum(one, two) == whole);
  CHECK((one.mean() + two.mean()) / 2 != doctest::Approx(whole.mean()));
  CHECK(std::isnan(tutti::summed{}.mean()));
}

TEST_CASE("gradients are the derivatives of the sums, by central differences") {
  std::vector<double> z{0.3, -1.2, 2.5, 0.0};
  std::vector<double> const target{1, 2, 3, 4};
  std::vector<double> g(4), h(4);
  tutti::loss::softmax_cross_entropy(z, 1, g);
  tutti::loss::mse(z, target, h);
  for (std::size_t j = 0; j < 4; ++j) {
    auto const difference = [&](auto f) {
      auto up = z, down = z;
      up[j] += 1e-5;
      down[j] -= 1e-5;
      return (f(up) - f(down)) / 2e-5;
    };
    CHECK(g[j] == doctest::Approx(difference([](auto const& x) { return cross_entropy_by_hand(x, 1); })).epsilon(1e-7));
    CHECK(h[j] == doctest::Approx(difference([&](auto const& x) { return tutti::loss::mse(x, target).sum; })));
  }
}

TEST_CASE("softmax cross-entropy: the definition's value, at logits of +-1e4 too") {
  std::vector<double> const z{0.3, -1.2, 2.5, 0.0};
  for (std::size_t label = 0; label < 4; ++label) {
    CHECK(tutti::loss::softmax_cross_entropy(z, label).sum == doctest::Approx(cross_entropy_by_hand(z, label)));
  }
  std::array<float, 3> const large{1e4F, -1e4F, 0};
  std::array<float, 3> g{};
  CHECK(tutti::loss::softmax_cross_entropy(large, 0, g) == tutti::summed{0, 1});
  CHECK(g == std::array<float, 3>{0, 0, 0});
  CHECK(tutti::loss::softmax_cross_entropy(large, 1, g) == tutti::summed{2e4, 1});
  CHECK(g == std::array<float, 3>{1, -1, 0});
  std::array<float, 2> const equal{1e4F, 1e4F};
  CHECK(tutti::loss::softmax_cross_entropy(equal, 1).sum == doctest::Approx(std::log(2.0)));
  // Control: by the definition alone, these overflow.
  CHECK_FALSE(std::isfinite(std::log(std::exp(1e4) + std::exp(-1e4)) - 1e4));
}

TEST_CASE("the gradient may overwrite the logits") {
  std::vector<float> z{1, 2, 3}, g(3);
  tutti::loss::softmax_cross_entropy(z, 2, g);
  tutti::loss::softmax_cross_entropy(z, 2, z);
  CHECK(z == g);
}

// Control: a softmax before the loss (a common mistake, "from_logits" after a softmax layer) is seen in its value: over
// ten classes it can never fall below log(e + 9) - 1.
TEST_CASE("a double softmax would be seen") {
  std::vector<double> logits(10, 0.0);
  logits[4] = 30;
  CHECK(tutti::loss::softmax_cross_entropy(logits, 4).sum < 1e-11);
  std::vector<double> probabilities(10);
  double total = 0;
  for (double z : logits) total += std::exp(z);
  for (std::size_t j = 0; j < 10; ++j) probabilities[j] = std::exp(logits[j]) / total;
  CHECK(tutti::loss::softmax_cross_entropy(probabilities, 4).sum == doctest::Approx(std::log(std::exp(1) + 9) - 1));
}

TEST_CASE("accuracy counts right answers: the largest score, the first of equal ones, never a NaN") {
  std::vector<float> const scores{0.1F, 0.7F, 0.7F, 0.2F};
  CHECK(tutti::metric::accuracy(scores, std::size_t{1}) == tutti::summed{1, 1});
  CHECK(tutti::metric::accuracy(scores, std::size_t{2}) == tutti::summed{0, 1});
  CHECK(tutti::metric::accuracy(scores, std::size_t{0}) == tutti::summed{0, 1});
  std::vector<float> const broken(3, std::numeric_limits<float>::quiet_NaN());
  for (std::size_t label = 0; label < 3; ++label) CHECK(tutti::metric::accuracy(broken, label).sum == 0);
  CHECK(tutti::metric::accuracy(std::vector<float>{broken[0]}, std::size_t{0}).sum == 0);
  std::vector<int> const predicted{1, 2, 3, -1};
  std::vector<unsigned char> const labels{1, 0, 3, 255};
  CHECK(tutti::metric::accuracy(predicted, labels) == tutti::summed{2, 4});
}

TEST_CASE("labels and sizes that do not fit are refused in one sentence") {
  std::vector<float> const z{1, 2}, three(3);
  std::vector<float> g(3);
  CHECK_THROWS_WITH_AS((void)tutti::loss::softmax_cross_entropy(z, 2),
                       "loss::softmax_cross_entropy: label 2 of 2 classes", tutti::error);
  CHECK_THROWS_WITH_AS((void)tutti::loss::mse(z, three), "loss::mse: 2 values meet 3", tutti::error);
  CHECK_THROWS_AS(tutti::loss::softmax_cross_entropy(z, 0, g), tutti::error);
  CHECK_THROWS_AS((void)tutti::metric::accuracy(std::vector<float>{}, std::size_t{0}), tutti::error);
}
