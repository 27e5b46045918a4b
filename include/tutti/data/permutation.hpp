// SPDX-License-Identifier: BSL-1.0
// A shuffled order of [0, n) that is computed, not stored: a keyed bijection with random access.
#pragma once

#include <bit>
#include <cstdint>

#include <tutti/core/version.hpp>
#include <tutti/data/index_iterator.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {
/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014; constants by Stafford): every input bit reaches every output
/// bit.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}
}  // namespace detail

/// `permutation(n, seed, epoch)[i]` takes each value of [0, n) once as i runs over [0, n). Equal arguments give equal
/// values on every platform and in every version of the library; memory is constant.
///
/// How: a Feistel network over a square of at least max(n, 256) places, its columns a power of two, its rows as few as
/// cover n: columns are mixed by exclusive or, rows by addition modulo their number, with a keyed hash in eight rounds.
/// A place beyond n goes through the network again until it falls inside (cycle walking, Black & Rogaway 2002), less
/// than once in sqrt(n) / 2 times for n >= 256. Smaller squares would save passes for small n, but there eight rounds
/// do not reach all orders equally often. A good shuffle, not a cipher.
class permutation {
 public:
  using iterator = detail::index_iterator<permutation>;

  permutation() = default;
  constexpr permutation(std::uint64_t n, std::uint64_t seed, std::uint64_t epoch = 0) noexcept
      : n_(n), key_(detail::mix64(detail::mix64(seed + golden) + epoch * golden + 1)) {
    std::uint64_t const last = n < 256 ? 255 : n - 1;
    column_bits_ = static_cast<unsigned>(std::bit_width(last)) / 2;
    rows_ = (last >> column_bits_) + 1;
  }

  [[nodiscard]] constexpr std::uint64_t size() const noexcept { return n_; }

  /// Needs i < size().
  [[nodiscard]] constexpr std::uint64_t operator[](std::uint64_t i) const noexcept {
    std::uint64_t x = once(i);
    while (x >= n_) x = once(x);
    return x;
  }
  /// Where `value` stands: `order[order.index_of(v)] == v`. Needs value < size(); as fast as the other direction.
  [[nodiscard]] constexpr std::uint64_t index_of(std::uint64_t value) const noexcept {
    std::uint64_t x = back(value);
    while (x >= n_) x = back(x);
    return x;
  }
  [[nodiscard]] iterator begin() const { return {*this, 0}; }
  [[nodiscard]] iterator end() const { return {*this, n_}; }

 private:
  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;  // 2^64 / the golden ratio
  static constexpr unsigned round_pairs = 4;

  /// 32 bits.
  [[nodiscard]] constexpr std::uint64_t hash(unsigned round, std::uint64_t half) const noexcept {
    std::uint64_t const x = (key_ + round * golden + half) * 0xbf58476d1ce4e5b9ULL;
    return ((x ^ (x >> 32U)) * 0x94d049bb133111ebULL) >> 32U;
  }
  [[nodiscard]] constexpr std::uint64_t to_column(std::uint64_t hash) const noexcept {
    return hash & ((std::uint64_t{1} << column_bits_) - 1);
  }
  [[nodiscard]] constexpr std::uint64_t to_row(std::uint64_t hash) const noexcept { return hash * rows_ >> 32U; }

  [[nodiscard]] constexpr std::uint64_t once(std::uint64_t x) const noexcept {
    std::uint64_t column = to_column(x);
    std::uint64_t row = x >> column_bits_;
    for (unsigned round = 0; round < 2 * round_pairs; round += 2) {
      column ^= to_column(hash(round, row));
      row += to_row(hash(round + 1, column));
      row -= row >= rows_ ? rows_ : 0;
    }
    return row << column_bits_ | column;
  }
  [[nodiscard]] constexpr std::uint64_t back(std::uint64_t x) const noexcept {
    std::uint64_t column = to_column(x);
    std::uint64_t row = x >> column_bits_;
    for (unsigned round = 2 * round_pairs; round > 0; round -= 2) {
      std::uint64_t const step = to_row(hash(round - 1, column));
      row += row < step ? rows_ : 0;
      row -= step;
      column ^= to_column(hash(round - 2, row));
    }
    return row << column_bits_ | column;
  }

  std::uint64_t n_ = 0;
  std::uint64_t key_ = 0;
  std::uint64_t rows_ = 16;
  unsigned column_bits_ = 4;
};

}  // namespace tutti::inline TUTTI_ABI
