// SPDX-License-Identifier: BSL-1.0
// Says of which whole tensor a rank's numbers are a part, for what must be put together again: a checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/shard/slice.hpp>

namespace tutti::inline TUTTI_ABI::checkpoint {

/// A view of numbers that are part of a tensor cut among ranks. Put it where the tensor would stand in the state: under
/// the name it has there, all ranks together hold the whole. Ranks may hold nothing of it, or the same part; parts must
/// not overlap otherwise. To the model walk it is an ordinary block of numbers.
template <class T>
class part {
 public:
  /// `mine` are numbers [first, first + mine.size()) of `total`.
  part(std::span<T> mine, std::uint64_t first, std::uint64_t total)
      : part(mine, {static_cast<std::size_t>(total)}, slice::range(first, mine.size())) {}
  /// `mine` has indices [begin, begin + count) of dimension `dim` of a tensor of shape `whole`, row by row.
  part(std::span<T> mine, std::vector<std::size_t> whole, std::size_t dim, std::uint64_t begin, std::uint64_t count)
      : part(mine, whole, dim < whole.size() ? slice::along(whole, dim, begin, count) : slice{}) {}
  part(std::span<T> mine, std::vector<std::size_t> whole, slice which)
      : part(mine, std::move(whole), std::vector<slice>{which}) {}
  /// `mine` has these slices, one after another. With `or_nothing`, a checkpoint in which the tensor is empty will do:
  /// `mine` then stays as it was.
  part(std::span<T> mine, std::vector<std::size_t> whole, std::vector<slice> which, bool or_nothing = false)
      : mine_(mine), whole_(std::move(whole)), which_(std::move(which)), or_nothing_(or_nothing) {
    std::uint64_t size = 1;
    std::uint64_t count = 0;
    bool inside = true;
    for (std::size_t const extent : whole_) size *= extent;
    for (slice const& s : which_) {
      count += s.count();
      inside = inside && (s.runs == 0 || s.first + (s.runs - 1) * s.stride + s.run <= size);
    }
    if (count != mine_.size() || !inside)
      throw error(error_kind::config, "a part of a tensor: " + std::to_string(mine_.size()) +
                                          " numbers are given for a cut that holds " + std::to_string(count) + " of " +
                                          std::to_string(size));
  }

  [[nodiscard]] T* data() const noexcept { return mine_.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return mine_.size(); }
  [[nodiscard]] std::vector<std::size_t> const& whole() const noexcept { return whole_; }
  [[nodiscard]] std::vector<slice> const& which() const noexcept { return which_; }
  [[nodiscard]] bool or_nothing() const noexcept { return or_nothing_; }

 private:
  std::span<T> mine_;
  std::vector<std::size_t> whole_;
  std::vector<slice> which_;
  bool or_nothing_ = false;
};
template <class R, class... Where>
part(R&&, Where...) -> part<std::remove_pointer_t<decltype(std::declval<R&>().data())>>;

}  // namespace tutti::inline TUTTI_ABI::checkpoint

namespace tutti::inline TUTTI_ABI::detail {
template <class M>
inline constexpr bool is_part = false;
template <class T>
inline constexpr bool is_part<checkpoint::part<T>> = true;
}  // namespace tutti::inline TUTTI_ABI::detail
