// SPDX-License-Identifier: BSL-1.0
// top_k: the k largest of many numbers, and where each came from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/located.hpp>
#include <tutti/core/merge.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// `t.add(value, index)`, `allreduce(comm, t, merge)`, `t.items()`. Of equal values the one with the lower index comes
/// first, so the result does not depend on who saw what. NaNs are passed over. For the smallest, add -value.
template <class T, class I = std::int64_t>
class top_k {
 public:
  top_k() = default;
  explicit top_k(std::size_t k) : k_(k) {}

  void add(T const& value, I const& index) {
    if (detail::is_nan(value) || k_ == 0) return;
    located<T, I> const one{value, index};
    if (kept_.size() == k_) {
      if (!ahead(one, kept_.front())) return;
      std::pop_heap(kept_.begin(), kept_.end(), ahead);
      kept_.pop_back();
    }
    kept_.push_back(one);
    std::push_heap(kept_.begin(), kept_.end(), ahead);
  }
  /// Throws config if `other` keeps another number of items.
  void merge(top_k const& other) {
    if (other.k_ != k_)
      throw error(error_kind::config,
                  "top_k: one rank keeps " + std::to_string(k_) + " items, another " + std::to_string(other.k_));
    for (auto const& one : other.kept_) add(one.value, one.index);
  }

  /// At most k, the largest first.
  [[nodiscard]] std::vector<located<T, I>> items() const {
    auto all = kept_;
    std::sort(all.begin(), all.end(), ahead);
    return all;
  }

  /// For the wire.
  friend void tutti_visit(top_k& t, auto&& v) {
    v("k", t.k_);
    v("kept", t.kept_);
  }

 private:
  static bool ahead(located<T, I> const& a, located<T, I> const& b) {
    if ((b.value) < a.value) return true;  // in brackets: clang 14 takes `value <` for the concept
    return !((a.value) < b.value) && a.index < b.index;
  }

  std::uint64_t k_ = 0;
  std::vector<located<T, I>> kept_;  ///< a heap, the last of the order in front
};
static_assert(mergeable<top_k<double>>);

}  // namespace tutti::inline TUTTI_ABI
