// SPDX-License-Identifier: BSL-1.0
// Rows that are in memory already, as a source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/data/source.hpp>

namespace tutti::inline TUTTI_ABI {

/// A view: the rows must outlive it. Nothing is copied.
template <class T>
class memory_source {
 public:
  using value_type = T;

  explicit memory_source(std::span<T const> rows) noexcept : rows_(rows) {}
  explicit memory_source(std::vector<T> const& rows) noexcept : rows_(rows) {}
  explicit memory_source(std::vector<T>&&) = delete;

  [[nodiscard]] std::uint64_t size() const noexcept { return rows_.size(); }
  [[nodiscard]] std::span<T const> read(item_range range) const {
    detail::check_range(range, rows_.size(), "a source in memory");
    return rows_.subspan(static_cast<std::size_t>(range.first), static_cast<std::size_t>(range.size()));
  }

 private:
  std::span<T const> rows_;
};
static_assert(source<memory_source<int>>);

}  // namespace tutti::inline TUTTI_ABI
