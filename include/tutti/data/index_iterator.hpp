// SPDX-License-Identifier: BSL-1.0
// Iterates over anything that is indexed by a 64-bit position and computes its elements on demand.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <type_traits>
#include <utility>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// Holds its own copy of `View` (a few words), so it outlives the view it came from. A random-access iterator in the
/// sense of C++20; in the old sense only an input iterator, since it returns its elements by value.
template <class View>
class index_iterator {
 public:
  using value_type = std::remove_cvref_t<decltype(std::declval<View const&>()[std::uint64_t{}])>;
  using difference_type = std::ptrdiff_t;
  using reference = value_type;
  using pointer = void;
  using iterator_concept = std::random_access_iterator_tag;
  using iterator_category = std::input_iterator_tag;

  index_iterator() = default;
  index_iterator(View view, std::uint64_t at) : view_(std::move(view)), at_(at) {}

  [[nodiscard]] value_type operator*() const { return view_[at_]; }
  [[nodiscard]] value_type operator[](difference_type by) const { return *(*this + by); }

  index_iterator& operator+=(difference_type by) {
    at_ += static_cast<std::uint64_t>(by);
    return *this;
  }
  index_iterator& operator-=(difference_type by) {
    at_ -= static_cast<std::uint64_t>(by);
    return *this;
  }
  index_iterator& operator++() { return *this += 1; }
  index_iterator& operator--() { return *this -= 1; }
  index_iterator operator++(int) {
    index_iterator const before = *this;
    ++*this;
    return before;
  }
  index_iterator operator--(int) {
    index_iterator const before = *this;
    --*this;
    return before;
  }
  [[nodiscard]] friend index_iterator operator+(index_iterator i, difference_type by) { return i += by; }
  [[nodiscard]] friend index_iterator operator+(difference_type by, index_iterator i) { return i += by; }
  [[nodiscard]] friend index_iterator operator-(index_iterator i, difference_type by) { return i -= by; }
  [[nodiscard]] friend difference_type operator-(index_iterator const& a, index_iterator const& b) {
    return static_cast<difference_type>(a.at_ - b.at_);
  }
  [[nodiscard]] friend bool operator==(index_iterator const& a, index_iterator const& b) { return a.at_ == b.at_; }
  [[nodiscard]] friend std::strong_ordering operator<=>(index_iterator const& a, index_iterator const& b) {
    return a.at_ <=> b.at_;
  }

 private:
  View view_{};
  std::uint64_t at_ = 0;
};

}  // namespace tutti::inline TUTTI_ABI::detail
