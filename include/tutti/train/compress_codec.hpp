// SPDX-License-Identifier: BSL-1.0
// Numbers in fewer bits: bfloat16, half, and 8-bit integers with a scale per block. Pure functions on memory.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <tutti/core/bfloat16.hpp>
#include <tutti/core/bytes.hpp>
#include <tutti/core/half.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// What rounding lost; nothing where that is no number, for it would come back at every step.
[[nodiscard]] constexpr float lost(float exact, float sent) noexcept {
  float const rest = exact - sent;
  return rest - rest == 0 ? rest : 0.0F;
}

/// 2 bytes a number: each rounded to the nearest T.
template <class T>
struct short_codec {
  [[nodiscard]] static constexpr std::size_t bytes(std::size_t n) noexcept { return 2 * n; }
  /// Writes x to `to` and leaves in x what that lost.
  static void encode(std::span<float> x, std::byte* to) noexcept {
    for (std::size_t i = 0; i < x.size(); ++i) {
      T const rounded(x[i]);
      x[i] = detail::lost(x[i], static_cast<float>(rounded));
      std::uint16_t const bits = rounded.bits();
      std::memcpy(to + 2 * i, &bits, 2);
    }
  }
  /// Calls use(i, number first + i) for the next `count`.
  template <class F>
  static void decode(std::byte const* from, std::size_t first, std::size_t count, F use) {
    for (std::size_t i = 0; i < count; ++i) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, from + 2 * (first + i), 2);
      use(i, static_cast<float>(T::from_bits(bits)));
    }
  }
};

/// A byte a number, and a scale for each `block` of them: its largest magnitude is 127. A block with a NaN or an
/// infinity becomes NaN.
struct int8_codec {
  std::size_t block = 256;

  [[nodiscard]] constexpr std::size_t bytes(std::size_t n) const noexcept { return n + (n + block - 1) / block * 4; }
  void encode(std::span<float> x, std::byte* to) const noexcept {
    for (; !x.empty(); x = x.subspan((std::min)(block, x.size())))
      to = encode_block(x.first((std::min)(block, x.size())), to);
  }
  template <class F>
  void decode(std::byte const* from, std::size_t first, std::size_t count, F use) const {
    for (std::size_t i = 0; i < count;) {
      std::size_t const within = (first + i) % block;
      std::size_t const run = (std::min)(block - within, count - i);
      std::byte const* const at = from + (first + i) / block * (block + 4);
      float scale = 0;
      std::memcpy(&scale, at, 4);
      for (std::size_t k = 0; k < run; ++k)
        use(i + k, scale * static_cast<float>(static_cast<std::int8_t>(at[4 + within + k])));
      i += run;
    }
  }

 private:
  static std::byte* encode_block(std::span<float> x, std::byte* to) noexcept {
    std::int32_t most = 0;  // magnitudes order as their bits do, infinity and NaN last
    for (float const v : x) most = (std::max)(most, std::bit_cast<std::int32_t>(v) & 0x7fff'ffff);
    auto const largest = std::bit_cast<float>(most);
    bool const wild = most >= 0x7f80'0000;
    bool const tiny = largest < 0x1p-100F;  // too small to divide by: sent as zeros, and kept
    float const scale = wild ? std::bit_cast<float>(0x7fc0'0000) : tiny ? 0.0F : largest / 127;
    float const by = wild || tiny ? 0.0F : 127 / largest;
    std::memcpy(to, &scale, 4);
    to += 4;
    constexpr float magic = 12582912;  // 1.5 * 2^23: adding it rounds to a whole number, in the lowest bits
    for (std::size_t i = 0; i < x.size(); ++i) {
      auto const bits = std::bit_cast<std::uint32_t>((wild ? 0.0F : x[i] * by) + magic);
      auto const whole = static_cast<std::int8_t>(bits & 255U);
      x[i] = wild ? 0.0F : x[i] - scale * static_cast<float>(whole);
      to[i] = static_cast<std::byte>(whole);
    }
    return to + x.size();
  }
};

}  // namespace tutti::inline TUTTI_ABI::detail
