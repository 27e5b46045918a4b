// SPDX-License-Identifier: BSL-1.0
// 16-bit floats by their definition, in exact arithmetic on double: slow, and sharing no line with the library.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace short_floats {

/// `exponent_bits` of half are 5, of bfloat16 8.
template <int exponent_bits>
struct format {
  static constexpr int fraction_bits = 15 - exponent_bits;
  static constexpr int bias = (1 << (exponent_bits - 1)) - 1;

  static double value(std::uint16_t bits) {
    int const fraction = bits & ((1 << fraction_bits) - 1);
    int const exponent = (bits & 0x7fff) >> fraction_bits;
    double magnitude = std::ldexp(fraction, 1 - bias - fraction_bits);
    if (exponent > 0) magnitude = std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
    if (exponent == (1 << exponent_bits) - 1)
      magnitude = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
  }

  /// The nearest, ties to the even pattern; found by bisection over the patterns, which are in the order of magnitude.
  static std::uint16_t rounded(double x) {
    int const sign = std::signbit(x) ? 0x8000 : 0;
    int const infinite = ((1 << exponent_bits) - 1) << fraction_bits;
    if (std::isnan(x)) return static_cast<std::uint16_t>(sign | infinite | 1 << (fraction_bits - 1));
    double const wanted = std::fabs(x);
    int low = 0;
    int high = infinite;
    while (high - low > 1) {
      int const middle = (low + high) / 2;
      (value(static_cast<std::uint16_t>(middle)) <= wanted ? low : high) = middle;
    }
    // What lies above the largest finite number is rounded as if there were a next one.
    double const below = value(static_cast<std::uint16_t>(low));
    double const above = high == infinite ? std::ldexp(1, bias + 1) : value(static_cast<std::uint16_t>(high));
    double const half_way = below + (above - below) / 2;
    bool const up = wanted > half_way || (wanted == half_way && low % 2 != 0);
    return static_cast<std::uint16_t>(sign | (up ? high : low));
  }
};

}  // namespace short_floats
