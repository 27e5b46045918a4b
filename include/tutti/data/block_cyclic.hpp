// SPDX-License-Identifier: BSL-1.0
// The block-cyclic scheme: runs of a fixed length are dealt to the ranks, round and round.
#pragma once

#include <cstdint>
#include <string_view>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Items [k length, (k + 1) length) belong to rank k mod size, whatever n: neighbours stay together up to `length`, and
/// when data is appended, no old item changes its owner. Two ranks' counts differ by at most `length`. A length of 0 is
/// refused.
struct block_cyclic {
  static constexpr std::string_view name = "block_cyclic";
  std::uint64_t length = 1;

  explicit constexpr block_cyclic(std::uint64_t items_per_run = 1) : length(items_per_run) {
    if (length == 0) throw error(error_kind::config, "block_cyclic with runs of 0 items");
  }

  [[nodiscard]] constexpr std::uint64_t count(std::uint64_t n, std::uint64_t size, std::uint64_t r) const noexcept {
    std::uint64_t const runs = n / length;  // full ones; the next rank has what is left
    std::uint64_t const full = runs / size + (r < runs % size ? 1 : 0);
    return full * length + (r == runs % size ? n % length : 0);
  }
  [[nodiscard]] constexpr std::uint64_t owner(std::uint64_t, std::uint64_t size, std::uint64_t i) const noexcept {
    return i / length % size;
  }
  [[nodiscard]] constexpr std::uint64_t position(std::uint64_t, std::uint64_t size, std::uint64_t i) const noexcept {
    return i / length / size * length + i % length;
  }
  [[nodiscard]] constexpr std::uint64_t item(std::uint64_t, std::uint64_t size, std::uint64_t r,
                                             std::uint64_t p) const noexcept {
    return (p / length * size + r) * length + p % length;
  }
};

}  // namespace tutti::inline TUTTI_ABI
