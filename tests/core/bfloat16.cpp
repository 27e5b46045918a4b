// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/bfloat16.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <type_traits>

#include "short_floats.hpp"

namespace {

using defined = short_floats::format<8>;
using limits = std::numeric_limits<tutti::bfloat16>;

TEST_CASE("bfloat16: all 65,536 patterns are the floats they stand for, and come back") {
  int wrong = 0;
  for (int i = 0; i < 65536; ++i) {
    auto const bits = static_cast<std::uint16_t>(i);
    auto const x = tutti::bfloat16::from_bits(bits);
    auto const meant = static_cast<float>(defined::value(bits));
    if (std::isnan(meant)) {
      wrong += !std::isnan(static_cast<float>(x)) || (tutti::bfloat16(static_cast<float>(x)).bits() & 0x7fc0) != 0x7fc0;
    } else {
      wrong += static_cast<float>(x) != meant || std::signbit(static_cast<float>(x)) != std::signbit(meant);
      wrong += tutti::bfloat16(meant).bits() != bits;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE(
    "bfloat16: between any two neighbours the nearer wins, at the middle the even one, from float and from double") {
  int wrong = 0;
  auto const check = [&](double x) {
    wrong += tutti::bfloat16(x).bits() != defined::rounded(x);
    auto const f = static_cast<float>(x);
    wrong += tutti::bfloat16(f).bits() != defined::rounded(f);
  };
  for (int i = 0; i < 0x7f80; ++i) {
    double const low = defined::value(static_cast<std::uint16_t>(i));
    double const high = i + 1 == 0x7f80 ? std::ldexp(1, 128) : defined::value(static_cast<std::uint16_t>(i + 1));
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

TEST_CASE("bfloat16: arithmetic is float's, rounded once per operation") {
  using tutti::bfloat16;
  std::uint32_t seed = 1;
  int wrong = 0;
  for (int i = 0; i < 20'000; ++i) {
    seed = seed * 1664525U + 1013904223U;
    auto const a = bfloat16::from_bits(static_cast<std::uint16_t>(seed >> 16U));
    seed = seed * 1664525U + 1013904223U;
    auto const b = bfloat16::from_bits(static_cast<std::uint16_t>(seed >> 16U));
    auto const same = [&](bfloat16 got, float meant) {
      return std::isnan(meant) ? std::isnan(static_cast<float>(got)) : got.bits() == defined::rounded(meant);
    };
    float const x = a;
    float const y = b;
    wrong += !same(a + b, x + y) || !same(a - b, x - y) || !same(a * b, x * y) || !same(a / b, x / y) || !same(-a, -x);
    wrong += (a < b) != (x < y) || (a == b) != (x == y) || (a >= b) != (x >= y);
  }
  CHECK(wrong == 0);
  bfloat16 sum(1);
  sum += bfloat16(2.5);
  sum *= bfloat16(2);
  sum -= bfloat16(1);
  sum /= bfloat16(4);
  CHECK(sum == 1.5F);
  CHECK(std::is_same_v<decltype(sum + 1.0F), float>);
  CHECK(std::is_same_v<decltype(sum + sum), bfloat16>);
}

TEST_CASE("bfloat16: numeric_limits say what the format has") {
  CHECK(static_cast<double>(limits::max()) == std::ldexp(1 - std::ldexp(1, -limits::digits), limits::max_exponent));
  CHECK(limits::lowest() == -limits::max());
  CHECK(static_cast<double>(limits::min()) == std::ldexp(1, limits::min_exponent - 1));
  CHECK(static_cast<double>(limits::epsilon()) == std::ldexp(1, 1 - limits::digits));
  CHECK(static_cast<double>(limits::denorm_min()) == std::ldexp(1, limits::min_exponent - limits::digits));
  CHECK(limits::round_error() == 0.5F);
  CHECK(std::isinf(static_cast<float>(limits::infinity())));
  CHECK(std::isnan(static_cast<float>(limits::quiet_NaN())));
  CHECK(std::isnan(static_cast<float>(limits::signaling_NaN())));
  CHECK(tutti::bfloat16(259).bits() == defined::rounded(259));
  CHECK(tutti::bfloat16{}.bits() == 0);
  CHECK(std::is_trivially_copyable_v<tutti::bfloat16>);
  CHECK(sizeof(tutti::bfloat16) == 2);
}

}  // namespace
