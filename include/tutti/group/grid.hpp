// SPDX-License-Identifier: BSL-1.0
// Ranks in a box: axes are types, and along each axis runs a communicator. Takes a communicator and sizes.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/group/communicator.hpp>

namespace tutti::inline TUTTI_ABI {

/// Rank r has the coordinates of r in a number system of the sizes, the last axis being the units. Made by
/// `comm.grid<data, model>(2, 4)`, by all ranks of `comm`, which may go away before it.
template <class S, class... Axes>
class basic_grid {
  static constexpr std::size_t axes = sizeof...(Axes);
  template <class Axis>
  static constexpr std::size_t times = (std::size_t{std::same_as<Axis, Axes>} + ...);
  static_assert(((times<Axes> == 1) && ...), "tutti: the axes of a grid are different types.");

 public:
  basic_grid(basic_communicator<S>& all, std::array<int, axes> sizes) : sizes_(sizes) {
    long long ranks = 1;
    bool positive = true;
    std::string text;
    for (int n : sizes) {
      ranks *= n;
      positive = positive && n > 0 && ranks <= all.size();
      text += (text.empty() ? "" : " x ") + std::to_string(n);
    }
    if (!positive || ranks != all.size())
      throw error(failure{error_kind::config, -1, "grid",
                          text + " is no arrangement of " + std::to_string(all.size()) + " ranks"});
    std::array<int, axes> stride{};
    int units = 1;
    for (std::size_t a = axes; a-- > 0; units *= sizes[a]) {
      stride[a] = units;
      at_[a] = all.rank() / units % sizes[a];
    }
    for (std::size_t a = 0; a < axes; ++a) {
      std::vector<int> line;
      for (int i = 0; i < sizes[a]; ++i) line.push_back(all.rank() + (i - at_[a]) * stride[a]);
      along_.push_back(all.subgroup(line));
    }
  }

  /// How many ranks there are along an axis, and the place of this one.
  template <class Axis>
  [[nodiscard]] int size() const noexcept {
    return sizes_[index<Axis>()];
  }
  template <class Axis>
  [[nodiscard]] int rank() const noexcept {
    return at_[index<Axis>()];
  }
  /// The ranks that differ from this one along that axis only.
  template <class Axis>
  [[nodiscard]] basic_communicator<S>& along() noexcept {
    return along_[index<Axis>()];
  }

 private:
  template <class Axis>
  static constexpr std::size_t index() noexcept {
    static_assert(times<Axis> == 1, "tutti: this is no axis of the grid.");
    std::size_t i = 0, found = 0;
    ((std::same_as<Axis, Axes> ? found = i++ : i++), ...);
    return found;
  }
  std::array<int, axes> sizes_;
  std::array<int, axes> at_{};
  std::vector<basic_communicator<S>> along_;
};

template <class... Axes>
using grid = basic_grid<transport::any, Axes...>;

}  // namespace tutti::inline TUTTI_ABI
