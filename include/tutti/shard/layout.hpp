// SPDX-License-Identifier: BSL-1.0
// Which part of a row-major tensor is here: a box of it, by arithmetic alone. Receives shapes, ranks and sizes, and
// hands down first indices, extents, and copies between a tensor and a run of indices of one of its dimensions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/block.hpp>

namespace tutti::inline TUTTI_ABI {

/// The indices [begin, end) of one dimension.
struct index_run {
  std::size_t begin = 0;
  std::size_t end = 0;
  [[nodiscard]] constexpr std::size_t size() const noexcept { return end - begin; }
  friend bool operator==(index_run const&, index_run const&) = default;
};

/// What `rank` of `size` ranks holds of n indices: runs in rank order, the first n mod size of them one longer; where n
/// is less than size, the last ones are empty.
[[nodiscard]] constexpr index_run share_of(std::size_t n, int size, int rank) noexcept {
  auto const begin =
      static_cast<std::size_t>(block{}.item(n, static_cast<std::uint64_t>(size), static_cast<std::uint64_t>(rank), 0));
  auto const count = block{}.count(n, static_cast<std::uint64_t>(size), static_cast<std::uint64_t>(rank));
  return {begin, begin + static_cast<std::size_t>(count)};
}

/// A box of a row-major tensor. The elements of the box lie in memory row by row too, without gaps.
struct tensor_layout {
  std::vector<std::size_t> shape{};  ///< of the whole tensor
  std::vector<index_run> here{};     ///< one run per dimension

  tensor_layout() = default;
  explicit tensor_layout(std::vector<std::size_t> whole) : shape(std::move(whole)) {
    for (std::size_t n : shape) here.push_back({0, n});
  }

  /// Leaves of dimension `dim` what `rank` of `size` holds. Throws config if the tensor has no such dimension.
  void cut(std::size_t dim, int size, int rank) {
    if (dim >= shape.size())
      throw error(error_kind::config, "a tensor of " + std::to_string(shape.size()) +
                                          " dimensions cannot be split along dimension " + std::to_string(dim) +
                                          "; dimensions count from 0");
    here[dim] = share_of(shape[dim], size, rank);
  }

  /// The number of elements that are here.
  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t n = 1;
    for (auto const& run : here) n *= run.size();
    return n;
  }
  /// Where element i of the box stands in the whole tensor. Needs i < size().
  [[nodiscard]] std::size_t index_in_whole(std::size_t i) const noexcept {
    std::size_t at = 0;
    std::size_t stride = 1;
    for (std::size_t d = shape.size(); d-- > 0; stride *= shape[d]) {
      at += (here[d].begin + i % here[d].size()) * stride;
      i /= here[d].size();
    }
    return at;
  }
  friend bool operator==(tensor_layout const&, tensor_layout const&) = default;
};

namespace detail {

/// A dense tensor seen from one of its dimensions: `outer` times `n` runs of `inner` elements.
struct slab {
  std::size_t outer = 1;
  std::size_t n = 1;
  std::size_t inner = 1;

  slab(tensor_layout const& box, std::size_t dim) : n(box.here[dim].size()) {
    for (std::size_t d = 0; d < box.here.size(); ++d)
      if (d != dim) (d < dim ? outer : inner) *= box.here[d].size();
  }
  [[nodiscard]] std::size_t elements(index_run run) const noexcept { return outer * run.size() * inner; }

  /// Copies the indices of `run` out of `all` to `to`, without gaps, and the other way round.
  template <class T>
  void take(std::span<T const> all, index_run run, T* to) const {
    std::size_t const width = run.size() * inner;
    for (std::size_t o = 0; o < outer; ++o)
      std::copy_n(all.data() + (o * n + run.begin) * inner, width, to + o * width);
  }
  template <class T>
  void put(T const* from, index_run run, std::span<T> all) const {
    std::size_t const width = run.size() * inner;
    for (std::size_t o = 0; o < outer; ++o)
      std::copy_n(from + o * width, width, all.data() + (o * n + run.begin) * inner);
  }
};

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
