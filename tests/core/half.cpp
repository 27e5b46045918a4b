// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/half.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <type_traits>

#include "short_floats.hpp"

namespace {

using defined = short_floats::format<5>;
using limits = std::numeric_limits<tutti::half>;

TEST_CASE("half: all 65,536 patterns are the floats they stand for, and come back") {
  int wrong = 0;
  for (int i = 0; i < 65536; ++i) {
    auto const bits = static_cast<std::uint16_t>(i);
    auto const x = tutti::half::from_bits(bits);
    auto const meant = static_cast<float>(defined::value(bits));
    if (std::isnan(meant)) {
      wrong += !std::isnan(static_cast<float>(x)) || (tutti::half(static_cast<float>(x)).bits() & 0x7e00) != 0x7e00;
    } else {
      wrong += static_cast<float>(x) != meant || std::signbit(static_cast<float>(x)) != std::signbit(meant);
      wrong += tutti::half(meant).bits() != bits;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("half: between any two neighbours the nearer wins, at the middle the even one, from float and from double") {
  int wrong = 0;
  auto const check = [&](double x) {
    wrong += tutti::half(x).bits() != defined::rounded(x);
    auto const f = static_cast<float>(x);
    wrong += tutti::half(f).bits() != defined::rounded(f);
  };
  for (int i = 0; i < 0x7c00; ++i) {
    double const low = defined::value(static_cast<std::uint16_t>(i));
    double const high = i + 1 == 0x7c00 ? 65536.0 : defined::value(static_cast<std::uint16_t>(i + 1));
    double const middle = low + (high - low) / 2;
    for (double const x : {middle, std::nextafter(middle, low), std::nextafter(middle, high),
                           static_cast<double>(std::nextafter(static_cast<float>(middle), 0.0F)),
                           static_cast<double>(std::nextafter(static_cast<float>(middle), HUGE_VALF))}) {
      check(x);
      check(-x);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("half: arithmetic is float's, rounded once per operation") {
  using tutti::half;
  std::uint32_t seed = 1;
  int wrong = 0;
  for (int i = 0; i < 20'000; ++i) {
    seed = seed * 1664525U + 1013904223U;
    auto const a = half::from_bits(static_cast<std::uint16_t>(seed >> 16U));
    seed = seed * 1664525U + 1013904223U;
    auto const b = half::from_bits(static_cast<std::uint16_t>(seed >> 16U));
    auto const same = [&](half got, float meant) {
      return std::isnan(meant) ? std::isnan(static_cast<float>(got)) : got.bits() == defined::rounded(meant);
    };
    float const x = a;
    float const y = b;
    wrong += !same(a + b, x + y) || !same(a - b, x - y) || !same(a * b, x * y) || !same(a / b, x / y) || !same(-a, -x);
    wrong += (a < b) != (x < y) || (a == b) != (x == y) || (a >= b) != (x >= y);
  }
  CHECK(wrong == 0);
  half sum(1);
  sum += half(2.5);
  sum *= half(2);
  sum -= half(1);
  sum /= half(4);
  CHECK(sum == 1.5F);
  CHECK(std::is_same_v<decltype(sum + 1.0F), float>);
  CHECK(std::is_same_v<decltype(sum + sum), half>);
}

TEST_CASE("half: numeric_limits say what the format has") {
  CHECK(static_cast<double>(limits::max()) == std::ldexp(1 - std::ldexp(1, -limits::digits), limits::max_exponent));
  CHECK(limits::lowest() == -limits::max());
  CHECK(static_cast<double>(limits::min()) == std::ldexp(1, limits::min_exponent - 1));
  CHECK(static_cast<double>(limits::epsilon()) == std::ldexp(1, 1 - limits::digits));
  CHECK(static_cast<double>(limits::denorm_min()) == std::ldexp(1, limits::min_exponent - limits::digits));
  CHECK(limits::round_error() == 0.5F);
  CHECK(std::isinf(static_cast<float>(limits::infinity())));
  CHECK(std::isnan(static_cast<float>(limits::quiet_NaN())));
  CHECK(std::isnan(static_cast<float>(limits::signaling_NaN())));
  CHECK(tutti::half(2049).bits() == defined::rounded(2049));
  CHECK(tutti::half{}.bits() == 0);
  CHECK(std::is_trivially_copyable_v<tutti::half>);
  CHECK(sizeof(tutti::half) == 2);
}

}  // namespace
