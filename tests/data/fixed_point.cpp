// SPDX-License-Identifier: BSL-1.0
// Promises of data/fixed_point.hpp.
#include <tutti/data/fixed_point.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "statistics.hpp"

namespace {

TEST_CASE("fixed_point: the sum has the same bits in any order, and is that of long double to 2^-30 of the largest") {
  for (double const scale : {1.0, 255.0, 3e-20, 7e30}) {
    auto all = statistics::numbers(10'000, -0.4);
    double largest = 0;
    long double due = 0;
    for (double& x : all) {
      x *= scale;
      largest = std::fmax(largest, std::fabs(x));
      due += x;
    }
    tutti::detail::fixed_point const grid(largest, all.size());
    auto const sum = [&](auto first, auto last) {
      std::uint64_t raws = 0;
      for (; first != last; ++first) raws += grid.raw(*first);
      return grid.sum(raws, all.size());
    };
    double const forward = sum(all.begin(), all.end());
    CHECK(forward == sum(all.rbegin(), all.rend()));
    CHECK(std::fabs(forward - static_cast<double>(due)) <= largest * 0x1p-30);
    // Control: floats added up as they come.
    float a = 0, b = 0;
    for (double x : all) a += static_cast<float>(x);
    for (auto x = all.rbegin(); x != all.rend(); ++x) b += static_cast<float>(*x);
    CHECK(a != b);
  }
}

TEST_CASE("fixed_point: as many of the largest as were announced do not overflow; zeros are zero") {
  for (std::uint64_t const n : {std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{1} << 40U}) {
    tutti::detail::fixed_point const grid(3.0, n);
    CHECK(grid.sum(n * grid.raw(3.0), n) == 3.0 * static_cast<double>(n));
    CHECK(grid.sum(n * grid.raw(-3.0), n) == -3.0 * static_cast<double>(n));
  }
  tutti::detail::fixed_point const none(0, 5);
  CHECK(none.sum(5 * none.raw(0), 5) == 0);
}

}  // namespace
