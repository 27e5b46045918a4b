// SPDX-License-Identifier: BSL-1.0
// The checksum of stored bytes: CRC-32, which every language's library computes alike.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <tutti/core/bytes.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// tables[k][b]: what byte b does to the sum when k more bytes follow it.
[[nodiscard]] consteval std::array<std::array<std::uint32_t, 256>, 8> crc32_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t sum = b;
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1U ^ ((sum & 1U) != 0 ? 0xedb88320U : 0U);
    tables[0][b] = sum;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t b = 0; b < 256; ++b) tables[k][b] = tables[k - 1][b] >> 8U ^ tables[0][tables[k - 1][b] & 255U];
  return tables;
}

/// Eight bytes at a time (Kounavis & Berry 2005). `before`: the sum of what precedes, to go on from there.
[[nodiscard]] inline std::uint32_t crc32(const_bytes data, std::uint32_t before = 0) noexcept {
  static constexpr auto tables = crc32_tables();
  std::uint32_t sum = ~before;
  std::byte const* at = data.data();
  std::size_t left = data.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint32_t const low = sum ^ load_little<std::uint32_t>(at);
    std::uint32_t const high = load_little<std::uint32_t>(at + 4);
    sum = tables[7][low & 255U] ^ tables[6][low >> 8U & 255U] ^ tables[5][low >> 16U & 255U] ^ tables[4][low >> 24U] ^
          tables[3][high & 255U] ^ tables[2][high >> 8U & 255U] ^ tables[1][high >> 16U & 255U] ^
          tables[0][high >> 24U];
  }
  for (; left > 0; --left, ++at) sum = sum >> 8U ^ tables[0][(sum ^ std::to_integer<std::uint32_t>(*at)) & 255U];
  return ~sum;
}

}  // namespace tutti::inline TUTTI_ABI::detail
