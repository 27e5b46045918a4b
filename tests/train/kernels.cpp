// SPDX-License-Identifier: BSL-1.0
// Promises of train/kernels.hpp and the kernels of adamw.hpp and lars.hpp: reference vectors, and bits that do not
// depend on how the weights are cut.
#include <tutti/train/adamw.hpp>
#include <tutti/train/kernels.hpp>
#include <tutti/train/lars.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <doctest/doctest.h>

namespace {

// A hundred steps on g_i = 0.1 (i + 1) w_i - 0.3 ((t + i) mod 3) from (0.5, -1.25, 2, 0). The expected weights come
// from a Python script that writes down the papers' own formulas in float64 (Sutskever et al. 2013 with a velocity;
// Kingma & Ba 2015, algorithm 1, with m-hat and v-hat), not the rearranged ones of the kernels; torch::optim of
// LibTorch 1.13 prints the same numbers for the same gradients, and those of AdamW. lr = 0.05, Adam 0.02, decay 0.1.
using four = std::array<double, 4>;
constexpr four plain{1.483617997699523, 0.5052913282465086, 1.2133104373212433, 0.6462125515996876};
constexpr four momentum{3.003115644142786, 1.5127576675626198, 1.0005205944956093, 0.7417949151623537};
constexpr four nesterov{2.999860253591848, 1.5170088070410495, 0.9943325917679221, 0.7389591126181054};
constexpr four adam{1.695713408677933, 0.27946393822031473, 1.1017618344760074, 0.7322804888779575};
constexpr four adamw{1.516421327912652, 0.3322629598421596, 0.9867860623575763, 0.6874352002456938};

template <class T, class Step>
four hundred_steps(Step step) {
  std::vector<T> w{T(0.5), T(-1.25), T(2), T(0)};
  std::vector<T> g(4);
  for (unsigned t = 1; t <= 100; ++t) {
    for (unsigned i = 0; i < 4; ++i) g[i] = T(0.1) * T(i + 1) * w[i] - T(0.3) * T((t + i) % 3);
    step(std::span<T>(w), std::span<T const>(g), t);
  }
  return {double(w[0]), double(w[1]), double(w[2]), double(w[3])};
}

double distance(four const& a, four const& b) {
  double most = 0;
  for (std::size_t i = 0; i < 4; ++i) most = std::fmax(most, std::fabs(a[i] - b[i]));
  return most;
}

template <class T>
four run_sgd(double mu, bool nesterov_too) {
  std::vector<T> v(4);
  return hundred_steps<T>([&](std::span<T> w, std::span<T const> g, unsigned) {
    tutti::sgd_momentum_kernel(w, g, std::span<T>(v), 0.05, mu, nesterov_too);
  });
}
template <class T>
four run_adam(double epsilon = 1e-8) {
  std::vector<T> m(4), v(4);
  return hundred_steps<T>([&](std::span<T> w, std::span<T const> g, unsigned t) {
    tutti::adam_kernel(w, g, std::span<T>(m), std::span<T>(v), tutti::adam_scalars::at(t, 0.02, 0.9, 0.999, epsilon));
  });
}
template <class T>
four run_plain() {
  return hundred_steps<T>([](std::span<T> w, std::span<T const> g, unsigned) { tutti::sgd_kernel(w, g, 0.05); });
}

}  // namespace

TEST_CASE("a hundred steps of each optimiser end where the papers' formulas end") {
  CHECK(distance(run_plain<double>(), plain) < 1e-12);
  CHECK(distance(run_sgd<double>(0.9, false), momentum) < 1e-12);
  CHECK(distance(run_sgd<double>(0.9, true), nesterov) < 1e-12);
  CHECK(distance(run_adam<double>(), adam) < 1e-12);
  CHECK(distance(run_plain<float>(), plain) < 1e-6);
  CHECK(distance(run_sgd<float>(0.9, false), momentum) < 1e-6);
  CHECK(distance(run_sgd<float>(0.9, true), nesterov) < 1e-6);
  CHECK(distance(run_adam<float>(), adam) < 1e-6);
}

// Controls: a wrong formula is seen by these vectors.
TEST_CASE("a missing bias correction or a wrong momentum would be seen") {
  std::vector<double> m(4), v(4);
  auto const uncorrected = hundred_steps<double>([&](std::span<double> w, std::span<double const> g, unsigned) {
    tutti::adam_kernel(w, g, std::span<double>(m), std::span<double>(v), {0.02, 1, 1 - 0.9, 1 - 0.999, 1e-8});
  });
  CHECK(distance(uncorrected, adam) > 1e-3);
  CHECK(distance(run_sgd<double>(0.9, false), nesterov) > 1e-3);
  CHECK(distance(run_sgd<double>(0.9001, false), momentum) > 1e-6);
  CHECK(distance(run_adam<double>(1e-4), adam) > 1e-6);
}

// The papers' own formulas in long double: Loshchilov & Hutter 2019, algorithm 2, and You, Gitman & Ginsburg 2017,
// algorithm 1, the four weights being one tensor.
four adamw_reference(long double decay) {
  long double w[] = {0.5L, -1.25L, 2, 0}, m[4] = {}, v[4] = {}, power1 = 1, power2 = 1;
  for (unsigned t = 1; t <= 100; ++t) {
    power1 *= 0.9L;
    power2 *= 0.999L;
    for (unsigned i = 0; i < 4; ++i) {
      long double const g = 0.1L * (i + 1) * w[i] - 0.3L * ((t + i) % 3);
      m[i] = 0.9L * m[i] + 0.1L * g;
      v[i] = 0.999L * v[i] + 0.001L * g * g;
      w[i] -= 0.02L * ((m[i] / (1 - power1)) / (std::sqrt(v[i] / (1 - power2)) + 1e-8L) + decay * w[i]);
    }
  }
  return {double(w[0]), double(w[1]), double(w[2]), double(w[3])};
}
four lars_reference() {
  long double w[] = {0.5L, -1.25L, 2, 0}, v[4] = {}, g[4];
  for (unsigned t = 1; t <= 100; ++t) {
    long double weights = 0, slopes = 0;
    for (unsigned i = 0; i < 4; ++i) {
      g[i] = 0.1L * (i + 1) * w[i] - 0.3L * ((t + i) % 3);
      weights += w[i] * w[i];
      slopes += g[i] * g[i];
    }
    long double const local = 0.02L * std::sqrt(weights) / (std::sqrt(slopes) + 0.1L * std::sqrt(weights));
    for (unsigned i = 0; i < 4; ++i) {
      v[i] = 0.9L * v[i] + 0.3L * local * (g[i] + 0.1L * w[i]);
      w[i] -= v[i];
    }
  }
  return {double(w[0]), double(w[1]), double(w[2]), double(w[3])};
}
template <class T>
four run_adamw(double decay) {
  std::vector<T> m(4), v(4);
  return hundred_steps<T>([&](std::span<T> w, std::span<T const> g, unsigned t) {
    tutti::adamw_kernel(w, g, std::span<T>(m), std::span<T>(v), 0.02 * decay,
                        tutti::adam_scalars::at(t, 0.02, 0.9, 0.999, 1e-8));
  });
}
template <class T>
four run_lars() {
  std::vector<T> v(4);
  return hundred_steps<T>([&](std::span<T> w, std::span<T const> g, unsigned) {
    double const ratio = tutti::lars_ratio<T>(w, g, 0.02, 0.1);
    tutti::lars_kernel(w, g, std::span<T>(v), 0.3 * ratio, 0.9, 0.1);
  });
}

TEST_CASE("a hundred steps of AdamW and of LARS end where the papers' formulas end; L2 in Adam's gradient does not") {
  CHECK(distance(adamw_reference(0.1L), adamw) < 1e-12);  // paper and LibTorch agree
  CHECK(distance(run_adamw<double>(0.1), adamw) < 1e-12);
  CHECK(distance(run_adamw<float>(0.1), adamw) < 1e-6);
  CHECK(distance(run_lars<double>(), lars_reference()) < 1e-12);
  CHECK(distance(run_lars<float>(), lars_reference()) < 1e-6);

  std::vector<double> m(4), v(4), with_l2(4);
  auto const coupled = hundred_steps<double>([&](std::span<double> w, std::span<double const> g, unsigned t) {
    for (std::size_t i = 0; i < 4; ++i) with_l2[i] = g[i] + 0.1 * w[i];
    tutti::adam_kernel<double>(w, with_l2, m, v, tutti::adam_scalars::at(t, 0.02, 0.9, 0.999, 1e-8));
  });
  CHECK(distance(coupled, adamw) > 1e-2);
}

TEST_CASE("LARS: a tensor of zeros, or a gradient of zeros, has ratio 1") {
  std::vector<double> const zeros(3), some{3, 0, 4}, slope{1, 0, 0};
  CHECK(tutti::lars_ratio<double>(zeros, some, 0.02, 0.1) == 1);
  CHECK(tutti::lars_ratio<double>(some, zeros, 0.02, 0.1) == 1);
  CHECK(tutti::lars_ratio<double>(some, slope, 0.5, 1) == doctest::Approx(0.5 * 5 / (1 + 5.0)));
}

TEST_CASE("shard-wise is bit for bit the whole, however the weights are cut") {
  constexpr std::size_t n = 3003;
  std::vector<float> start(n), g(n);
  std::uint32_t x = 1;
  for (auto* values : {&start, &g}) {
    for (float& f : *values) f = static_cast<float>(x = x * 1664525U + 1013904223U) * 0x1p-31F - 1.0F;
  }
  enum class by { sgd, adam, adamw };
  auto const run = [&](std::size_t shard, by optimiser) {
    std::vector<float> w = start, m(n), v(n);
    for (unsigned t = 1; t <= 5; ++t) {
      for (std::size_t at = 0; at < n; at += shard) {
        std::size_t const size = n - at < shard ? n - at : shard;
        auto const cut = [&](std::vector<float>& all) { return std::span<float>(all).subspan(at, size); };
        auto const scalars = tutti::adam_scalars::at(t, 1e-3, 0.9, 0.999, 1e-8);
        if (optimiser == by::adam) {
          tutti::adam_kernel<float>(cut(w), cut(g), cut(m), cut(v), scalars);
        } else if (optimiser == by::adamw) {
          tutti::adamw_kernel<float>(cut(w), cut(g), cut(m), cut(v), 0.001, scalars);
        } else {
          tutti::sgd_momentum_kernel<float>(cut(w), cut(g), cut(m), 0.1, 0.9, true);
        }
      }
    }
    return w;
  };
  for (by const optimiser : {by::sgd, by::adam, by::adamw}) {
    auto const whole = run(n, optimiser);
    CHECK(whole != start);
    for (std::size_t shard : {1U, 3U, 7U, 16U, 500U}) CHECK(run(shard, optimiser) == whole);
  }
}

TEST_CASE("the powers in Adam's scalars are right at any step") {
  for (unsigned t : {1U, 2U, 3U, 7U, 100U, 12345U}) {
    auto const scalars = tutti::adam_scalars::at(t, 1, 0.9, 0.999, 1e-8);
    CHECK(scalars.rate == doctest::Approx(1 / (1 - std::pow(0.9, t))).epsilon(1e-12));
    CHECK(scalars.root == doctest::Approx(std::sqrt(1 - std::pow(0.999, t))).epsilon(1e-12));
  }
}
