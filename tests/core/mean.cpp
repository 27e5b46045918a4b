// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/mean.hpp>

#include <doctest/doctest.h>

#include <complex>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

template <class T>
T mean_of(std::vector<T> const& all) {
  auto total = tutti::mean.widen(all[0]);
  for (std::size_t i = 1; i < all.size(); ++i) total = tutti::mean(total, tutti::mean.widen(all[i]));
  T out{};
  tutti::mean.narrow(total, all.size(), out);
  return out;
}

/// Whether m is the integer nearest to the mean, of two the even one. By comparing n m with the sum, digit by digit in
/// base 2^16: no division, and no type that could be too narrow.
template <class T>
bool is_mean(T m, std::vector<T> const& all) {
  std::vector<std::int64_t> digits(12, 0);  // 2 (n m - sum)
  auto const add = [&](T x, std::int64_t times) {
    for (std::size_t d = 0; d < 9; ++d) {
      bool const last = (d + 1) * 2 >= sizeof(T);
      digits[d] += times * (last ? static_cast<std::int64_t>(x) : std::int64_t{static_cast<std::uint16_t>(x)});
      if (last) break;
      x = static_cast<T>(x >> 16);
    }
  };
  auto const n = static_cast<std::int64_t>(all.size());
  add(m, 2 * n);
  for (T const x : all) add(x, -2);
  for (std::size_t d = 0; d + 1 < digits.size(); ++d) {
    std::int64_t const carry = digits[d] >> 16;
    digits[d] -= carry * 65536;
    digits[d + 1] += carry;
  }
  std::int64_t distance = digits[11];
  for (std::size_t d = 11; d-- > 0;) {
    if (distance > 1'000'000 || distance < -1'000'000) return false;
    distance = distance * 65536 + digits[d];
  }
  bool const tie = distance == n || distance == -n;
  return distance <= n && distance >= -n && (!tie || m % 2 == 0);
}

template <class T>
void integers() {
  using limits = std::numeric_limits<T>;
  std::vector<T> const marks{
      limits::min(), static_cast<T>(limits::min() + 1), static_cast<T>(limits::max() / 2), T{0},         T{1}, T{2},
      T{3},          static_cast<T>(T{0} - T{1}),       static_cast<T>(limits::max() - 1), limits::max()};
  std::uint64_t seed = 7;
  for (std::size_t n = 1; n <= 13; ++n)
    for (int round = 0; round < 60; ++round) {
      std::vector<T> all;
      for (std::size_t i = 0; i < n; ++i) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        all.push_back(round % 3 == 0   ? marks[seed >> 33U & 7U]
                      : round % 3 == 1 ? static_cast<T>(seed >> 60U)
                                       : marks[(seed >> 40U) % marks.size()]);
      }
      if (!is_mean(mean_of(all), all)) FAIL("wrong mean of " << n << " integers of " << sizeof(T) << " bytes");
    }
}

TEST_CASE("mean: of integers it is exact before it is rounded, to the nearest, ties to even, at every width") {
  integers<std::int8_t>();
  integers<std::uint8_t>();
  integers<std::int16_t>();
  integers<std::uint16_t>();
  integers<std::int32_t>();
  integers<std::uint32_t>();
  integers<std::int64_t>();
  integers<std::uint64_t>();
  CHECK(mean_of<int>({1, 2}) == 2);
  CHECK(mean_of<int>({2, 3}) == 2);
  CHECK(mean_of<int>({-1, -2}) == -2);
  CHECK(mean_of<int>({-1, 0}) == 0);
  CHECK(mean_of<std::uint64_t>({~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}}) == ~std::uint64_t{0});
}

#if defined(__SIZEOF_INT128__)
TEST_CASE("mean: 128-bit integers have nothing wider to be added in, and are exact too") {
  auto const top = static_cast<tutti::int128>(~tutti::uint128{0} >> 1U);
  CHECK((mean_of<tutti::int128>({top, top, top - 3}) == top - 1));
  CHECK((mean_of<tutti::int128>({-top - 1, -top - 1}) == -top - 1));
  CHECK((mean_of<tutti::int128>({-top, top, -1}) == 0));
  CHECK((mean_of<tutti::uint128>({~tutti::uint128{0}, ~tutti::uint128{0}, 0}) == ~tutti::uint128{0} / 3 * 2));
  CHECK((mean_of<tutti::int128>({tutti::int128{1} << 100, 0, 0, 0}) == tutti::int128{1} << 98));
}
#endif

TEST_CASE("mean: floats are added up wider than they are") {
  CHECK(mean_of<float>({1e30F, 1.0F, -1e30F, 3.0F}) == 0.75F);  // in float the 1 would be lost
  CHECK(mean_of<float>({3e38F, 3e38F}) == 3e38F);               // and this infinite
  CHECK(mean_of<double>({1, 2}) == 1.5);
  CHECK(mean_of<long double>({1, 2}) == 1.5L);
  CHECK(mean_of<tutti::half>({tutti::half(65504), tutti::half(65504), tutti::half(2)}) == tutti::half(43670));
  CHECK(mean_of<tutti::bfloat16>({tutti::bfloat16(256), tutti::bfloat16(1), tutti::bfloat16(1)}) == 86);
  CHECK(mean_of<std::complex<float>>({{1, 4}, {2, 1e30F}, {3, -1e30F}}) == std::complex<float>(2, 0));
}

}  // namespace
