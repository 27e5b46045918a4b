// SPDX-License-Identifier: BSL-1.0
// Which numbers of a whole tensor a rank, or a piece of a file, holds; and what two of them have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::checkpoint {

/// Of a tensor laid out row by row: `runs` runs of `run` neighbours each, one every `stride`, from number `first` on. A
/// flat range is one run; a range of rows too; a range of columns one run per row.
struct slice {
  std::uint64_t first = 0;
  std::uint64_t run = 0;
  std::uint64_t stride = 0;
  std::uint64_t runs = 0;

  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return run * runs; }
  friend bool operator==(slice const&, slice const&) = default;

  /// Numbers [first, first + count) of the tensor.
  [[nodiscard]] static constexpr slice range(std::uint64_t first, std::uint64_t count) noexcept {
    return {first, count, count, count > 0 ? 1U : 0U};
  }
  /// Indices [begin, begin + count) along dimension `dim`, all of the others. Needs dim < shape.size().
  [[nodiscard]] static slice along(std::span<std::size_t const> shape, std::size_t dim, std::uint64_t begin,
                                   std::uint64_t count) noexcept {
    std::uint64_t outer = 1;
    std::uint64_t inner = 1;
    for (std::size_t d = 0; d < shape.size(); ++d) (d < dim ? outer : inner) *= d == dim ? 1 : shape[d];
    if (count * inner * outer == 0) return {};
    if (outer == 1 || count == shape[dim]) return range(begin * inner, count * inner * outer);
    return {begin * inner, count * inner, shape[dim] * inner, outer};
  }
};

/// Calls f(position in a, position in b, count) for every run of numbers that both hold; positions count the numbers
/// of a slice in order.
template <class F>
void for_each_common(slice const& a, slice const& b, F f) {
  for (std::uint64_t i = 0; i < a.runs; ++i) {
    std::uint64_t const from = a.first + i * a.stride;
    std::uint64_t const to = from + a.run;
    std::uint64_t j = from < b.first + b.run || b.stride == 0 ? 0 : (from - b.first - b.run) / b.stride + 1;
    for (; j < b.runs && b.first + j * b.stride < to; ++j) {
      std::uint64_t const begin = b.first + j * b.stride;
      std::uint64_t const low = (std::max)(from, begin);
      std::uint64_t const high = (std::min)(to, begin + b.run);
      if (low < high) f(i * a.run + (low - from), j * b.run + (low - begin), high - low);
    }
  }
}

}  // namespace tutti::inline TUTTI_ABI::checkpoint
