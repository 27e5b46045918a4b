// SPDX-License-Identifier: BSL-1.0
// Disjoint sets of the numbers 0 … n - 1: union by the smaller root, paths halved as they are walked.
#pragma once

#include <cstddef>
#include <vector>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// The root of a set is its smallest number. (Tarjan & van Leeuwen 1984: halving keeps walks logarithmic.)
class disjoint_sets {
 public:
  explicit disjoint_sets(std::size_t n) : above_(n) {
    for (std::size_t i = 0; i < n; ++i) above_[i] = i;
  }
  [[nodiscard]] std::size_t root(std::size_t i) {
    while (above_[i] != i) i = above_[i] = above_[above_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = root(a);
    b = root(b);
    (a < b ? above_[b] : above_[a]) = a < b ? a : b;
  }

 private:
  std::vector<std::size_t> above_;
};

}  // namespace tutti::inline TUTTI_ABI::detail
