// SPDX-License-Identifier: BSL-1.0
#include <tutti/engine/kernels.hpp>

#include <doctest/doctest.h>

#include <complex>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <tutti/engine/fold.hpp>

#include "../core/short_floats.hpp"

namespace {

namespace te = tutti::engine;
using tutti::bfloat16;
using tutti::half;

/// Bytes without a pattern: of floats some are infinite, tiny or no number at all.
std::vector<std::byte> noise(std::size_t n, std::uint64_t seed) {
  std::vector<std::byte> bytes(n);
  for (std::byte& b : bytes) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    b = static_cast<std::byte>(seed >> 56U);
  }
  return bytes;
}

template <class T>
bool same(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

/// Compares `op` on runs of every length that may matter, from addresses aligned as T is and no better, with
/// `expected` on one pair at a time; in place over either side too.
template <class T, class Op, class Expected>
void agrees(Op const& op, Expected expected) {
  te::reducer const r = te::make_reducer<T>(op);
  int wrong = 0;
  for (std::size_t const n : {0U, 1U, 7U, 8U, 15U, 16U, 17U, 31U, 33U, 64U, 127U, 128U, 129U, 500U}) {
    auto const left = noise((n + 1) * sizeof(T), n + 1);
    auto const right = noise((n + 1) * sizeof(T), n + 2);
    for (int in_place = 0; in_place < 3; ++in_place) {
      auto out = in_place == 1 ? left : right;
      std::byte* const to = out.data() + sizeof(T);
      r.apply(r.op, to, in_place == 1 ? to : left.data() + sizeof(T), in_place == 2 ? to : right.data() + sizeof(T), n);
      for (std::size_t i = 1; i <= n; ++i) {
        T a;
        T b;
        T got;
        std::memcpy(&a, &left[i * sizeof(T)], sizeof a);
        std::memcpy(&b, &right[i * sizeof(T)], sizeof b);
        std::memcpy(&got, &out[i * sizeof(T)], sizeof got);
        wrong += !same(got, static_cast<T>(expected(a, b)));
      }
    }
  }
  CHECK(wrong == 0);
}

template <class T>
void integers() {
  using U = std::uint64_t;
  agrees<T>(tutti::sum, [](T a, T b) { return static_cast<U>(a) + static_cast<U>(b); });
  agrees<T>(tutti::prod, [](T a, T b) { return static_cast<U>(a) * static_cast<U>(b); });
  agrees<T>(tutti::min, [](T a, T b) { return b < a ? b : a; });
  agrees<T>(tutti::max, [](T a, T b) { return b < a ? a : b; });
  agrees<T>(tutti::bit_and, [](T a, T b) { return ~(~static_cast<U>(a) | ~static_cast<U>(b)); });
  agrees<T>(tutti::bit_or, [](T a, T b) { return ~(~static_cast<U>(a) & ~static_cast<U>(b)); });
  agrees<T>(tutti::bit_xor, [](T a, T b) { return static_cast<U>(a | b) & ~static_cast<U>(a & b); });
}

template <class T>
void extremes() {
  agrees<T>(tutti::min, [](T a, T b) { return a != a ? a : b != b ? b : b < a ? b : a; });
  agrees<T>(tutti::max, [](T a, T b) { return a != a ? a : b != b ? b : a < b ? b : a; });
}

TEST_CASE("kernels: integers of every width, as one at a time") {
  integers<std::int8_t>();
  integers<std::uint8_t>();
  integers<std::int16_t>();
  integers<std::uint16_t>();
  integers<std::int32_t>();
  integers<std::uint32_t>();
  integers<std::int64_t>();
  integers<std::uint64_t>();
  agrees<std::byte>(tutti::bit_or, [](std::byte a, std::byte b) { return ~(~a & ~b); });
}

TEST_CASE("kernels: floats have the bits of one addition at a time, NaNs and infinities included") {
  agrees<float>(tutti::sum, [](float a, float b) { return a + b; });
  agrees<double>(tutti::sum, [](double a, double b) { return a + b; });
  agrees<float>(tutti::prod, [](float a, float b) { return a * b; });
  agrees<double>(tutti::prod, [](double a, double b) { return a * b; });
  extremes<float>();
  extremes<double>();
  extremes<half>();
  extremes<bfloat16>();
}

TEST_CASE("kernels: complex numbers are added part by part") {
  te::reducer const r = te::make_reducer<std::complex<float>>(tutti::sum);
  std::vector<std::complex<float>> left;
  std::vector<std::complex<float>> right;
  std::vector<std::complex<float>> expected;
  for (int i = 0; i < 101; ++i) {
    auto const x = static_cast<float>(i);
    left.emplace_back(x, 1e8F - x);
    right.emplace_back(0.1F * x, x);
    expected.emplace_back(x + 0.1F * x, (1e8F - x) + x);
  }
  auto const to = std::as_writable_bytes(std::span(left));
  r.apply(r.op, to.data(), to.data(), std::as_bytes(std::span(right)).data(), left.size());
  CHECK(left == expected);
}

template <class T, int exponent_bits>
void accumulates() {
  using defined = short_floats::format<exponent_bits>;
  for (bool const mean : {false, true}) {
    te::reducer const r = mean ? te::make_reducer<T>(tutti::mean) : te::make_reducer<T>(tutti::sum);
    REQUIRE(r.wide());
    int wrong = 0;
    for (std::size_t const n : {0U, 1U, 15U, 16U, 17U, 33U, 1000U}) {
      auto const a = noise(n * 2, 11);
      auto const b = noise(n * 2, 12);
      std::vector<float> wide_a(n + 1);
      std::vector<float> wide_b(n + 1);
      std::vector<T> out(n + 1);
      auto const bytes = [](auto& v) { return std::as_writable_bytes(std::span(v)).data(); };
      r.widen(r.op, bytes(wide_a), a.data(), n);
      r.widen(r.op, bytes(wide_b), b.data(), n);
      r.apply(r.op, bytes(wide_a), bytes(wide_a), bytes(wide_b), n);
      r.narrow(r.op, bytes(out), bytes(wide_a), n, 3);
      for (std::size_t i = 0; i < n; ++i) {
        std::uint16_t x = 0;
        std::uint16_t y = 0;
        std::memcpy(&x, &a[i * 2], 2);
        std::memcpy(&y, &b[i * 2], 2);
        float total = static_cast<float>(defined::value(x)) + static_cast<float>(defined::value(y));
        if (mean) total /= 3;
        std::uint16_t const meant = defined::rounded(total);
        bool const nan = total != total;
        wrong += nan ? out[i] == out[i] : out[i].bits() != meant;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("kernels: half and bfloat16 are added up as floats and rounded once") {
  accumulates<half, 5>();
  accumulates<bfloat16, 8>();
}

}  // namespace
