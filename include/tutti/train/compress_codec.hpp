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

/// What is converted at a time: arrays of this length on the stack, in loops that compilers turn into vectors.
inline constexpr std::size_t codec_block = 256;

/// 2 bytes a number: each rounded to the nearest T.
template <class T>
struct short_codec {
  [[nodiscard]] static constexpr std::size_t bytes(std::size_t n) noexcept { return 2 * n; }
  /// Writes x to `to` and leaves in x what that lost.
  static void encode(std::span<float> x, std::byte* to) noexcept {
    for (std::size_t n = 0; !x.empty(); x = x.subspan(n), to += 2 * n) {
      n = (std::min)(codec_block, x.size());
      float v[codec_block] = {};
      std::uint16_t bits[codec_block];
      std::memcpy(v, x.data(), 4 * n);
      for (std::size_t i = 0; i < codec_block; ++i) {
        T const rounded(v[i]);
        bits[i] = rounded.bits();
        v[i] = detail::lost(v[i], static_cast<float>(rounded));
      }
      std::memcpy(to, bits, 2 * n);
      std::memcpy(x.data(), v, 4 * n);
    }
  }
  /// Calls use(i, array, n) for the next `count` numbers from `first` on: number first + i + k is array[k], k < n.
  template <class F>
  static void decode(std::byte const* from, std::size_t first, std::size_t count, F use) {
    for (std::size_t at = 0, n = 0; at < count; at += n) {
      n = (std::min)(codec_block, count - at);
      std::uint16_t bits[codec_block] = {};
      float v[codec_block];
      std::memcpy(bits, from + 2 * (first + at), 2 * n);
      for (std::size_t i = 0; i < codec_block; ++i) v[i] = static_cast<float>(T::from_bits(bits[i]));
      use(at, v, n);
    }
  }
};

/// A byte a number, and a scale for each block of them: its largest magnitude is 127. A block with a NaN or an infinity
/// becomes NaN.
struct int8_codec {
  [[nodiscard]] static constexpr std::size_t bytes(std::size_t n) noexcept {
    return n + (n + codec_block - 1) / codec_block * 4;
  }
  static void encode(std::span<float> x, std::byte* to) noexcept {
    for (std::size_t n = 0; !x.empty(); x = x.subspan(n), to += 4 + n) {
      n = (std::min)(codec_block, x.size());
      float v[codec_block] = {};
      std::int8_t whole[codec_block];
      std::memcpy(v, x.data(), 4 * n);
      float const scale = round_block(v, whole);
      std::memcpy(to, &scale, 4);
      std::memcpy(to + 4, whole, n);
      std::memcpy(x.data(), v, 4 * n);
    }
  }
  template <class F>
  static void decode(std::byte const* from, std::size_t first, std::size_t count, F use) {
    for (std::size_t at = 0, n = 0; at < count; at += n) {
      std::size_t const within = (first + at) % codec_block;
      n = (std::min)(codec_block - within, count - at);
      std::byte const* const block = from + (first + at) / codec_block * (codec_block + 4);
      float scale = 0;
      std::int8_t whole[codec_block] = {};
      float v[codec_block];
      std::memcpy(&scale, block, 4);
      std::memcpy(whole, block + 4 + within, n);
      for (std::size_t i = 0; i < codec_block; ++i) v[i] = scale * static_cast<float>(whole[i]);
      use(at, v, n);
    }
  }

 private:
  /// Returns the scale; leaves in v what rounding to `whole` lost.
  static float round_block(float (&v)[codec_block], std::int8_t (&whole)[codec_block]) noexcept {
    std::int32_t most = 0;  // magnitudes order as their bits do, infinity and NaN last
    for (float const x : v) {
      std::int32_t const magnitude = std::bit_cast<std::int32_t>(x) & 0x7fff'ffff;
      most = magnitude > most ? magnitude : most;
    }
    float const largest = std::bit_cast<float>(most);
    bool const wild = most >= 0x7f80'0000;
    if (wild) std::fill_n(v, codec_block, 0.0F);
    bool const tiny = wild || largest < 0x1p-100F;  // too small to divide by: sent as zeros, and kept
    float const scale = tiny ? 0.0F : largest / 127;
    float const by = tiny ? 0.0F : 127 / largest;
    constexpr float magic = 12582912;  // 1.5 * 2^23: adding it rounds to a whole number, in the lowest bits
    float rounded[codec_block];
    for (std::size_t i = 0; i < codec_block; ++i) rounded[i] = v[i] * by + magic;
    for (std::size_t i = 0; i < codec_block; ++i) v[i] -= scale * (rounded[i] - magic);
    for (std::size_t i = 0; i < codec_block; ++i)
      whole[i] = static_cast<std::int8_t>(std::bit_cast<std::uint32_t>(rounded[i]) & 255U);
    return wild ? std::bit_cast<float>(0x7fc0'0000) : scale;
  }
};

}  // namespace tutti::inline TUTTI_ABI::detail
