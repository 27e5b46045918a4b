// SPDX-License-Identifier: BSL-1.0
// Sums of numbers that do not depend on the order of adding: every number is rounded to one grid, and counted in whole
// steps of it.
#pragma once

#include <bit>
#include <cstdint>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// A grid for up to `count` numbers of at most `largest` in size, as fine as 64 bits allow: 2^-50 of `largest` up to
/// 4096 numbers, 2^-32 for 10^9. Adding is one floating-point and one integer addition: x + magic, whose lowest bits
/// are x in steps. (Demmel & Nguyen 2013 sum reproducibly along these lines.)
class fixed_point {
 public:
  fixed_point() = default;
  fixed_point(double largest, std::uint64_t count) noexcept {
    int const bits = 62 - static_cast<int>(std::bit_width(count));
    step_ = largest > 0 ? 1.0 : 0x1p-50;
    for (double x = largest; x > 1; x /= 2) step_ *= 2;
    for (double x = largest; x > 0 && x <= 0.5; x *= 2) step_ /= 2;
    for (int i = 0; i < (bits < 50 ? bits : 50) && largest > 0; ++i) step_ /= 2;
    magic_ = 0x1.8p52 * step_;
  }

  /// To be added up as whole numbers, wrapping around.
  [[nodiscard]] std::uint64_t raw(double x) const noexcept { return std::bit_cast<std::uint64_t>(x + magic_); }
  /// The sum of `count` numbers from the sum of their raw().
  [[nodiscard]] double sum(std::uint64_t raws, std::uint64_t count) const noexcept {
    return static_cast<double>(std::bit_cast<std::int64_t>(raws - count * std::bit_cast<std::uint64_t>(magic_))) *
           step_;
  }

 private:
  double step_ = 1;
  double magic_ = 0x1.8p52;
};

}  // namespace tutti::inline TUTTI_ABI::detail
