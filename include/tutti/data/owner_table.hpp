// SPDX-License-Identifier: BSL-1.0
// The owner of every item, written down: what schemes prepare that have no closed form.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/data/runs.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// Holds 12 bytes per item: its owner, and the items of each rank in increasing order. owner() and item() are one
/// look-up, position() a binary search among the rank's items.
class owner_table {
 public:
  std::string_view name = "owner_table";

  owner_table() = default;
  owner_table(std::string_view called, std::vector<std::uint32_t> owners, std::uint64_t size)
      : name(called), table_(std::make_shared<table const>(std::move(owners), size)) {}

  [[nodiscard]] std::uint64_t count(std::uint64_t, std::uint64_t, std::uint64_t r) const {
    return table_->first(r + 1) - table_->first(r);
  }
  [[nodiscard]] std::uint64_t owner(std::uint64_t, std::uint64_t, std::uint64_t i) const {
    return table_->owners[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] std::uint64_t position(std::uint64_t n, std::uint64_t size, std::uint64_t i) const {
    std::uint64_t const r = owner(n, size, i);
    auto const mine = table_->items.begin() + static_cast<std::ptrdiff_t>(table_->first(r));
    auto const end = table_->items.begin() + static_cast<std::ptrdiff_t>(table_->first(r + 1));
    return static_cast<std::uint64_t>(std::lower_bound(mine, end, i) - mine);
  }
  [[nodiscard]] std::uint64_t item(std::uint64_t, std::uint64_t, std::uint64_t r, std::uint64_t p) const {
    return table_->items[static_cast<std::size_t>(table_->first(r) + p)];
  }
  [[nodiscard]] table_size tables() const {
    return {"O(n)", table_->owners.size() * (sizeof(std::uint32_t) + sizeof(std::uint64_t)) +
                        table_->firsts.size() * sizeof(std::uint64_t)};
  }

 private:
  struct table {
    table(std::vector<std::uint32_t> by_item, std::uint64_t size)
        : owners(std::move(by_item)), items(owners.size()), firsts(static_cast<std::size_t>(size) + 1) {
      for (std::uint32_t r : owners) ++firsts[r + std::size_t{1}];
      for (std::size_t r = 1; r < firsts.size(); ++r) firsts[r] += firsts[r - 1];
      std::vector<std::uint64_t> next(firsts);
      for (std::size_t i = 0; i < owners.size(); ++i) items[static_cast<std::size_t>(next[owners[i]]++)] = i;
    }
    [[nodiscard]] std::uint64_t first(std::uint64_t r) const { return firsts[static_cast<std::size_t>(r)]; }

    std::vector<std::uint32_t> owners;
    std::vector<std::uint64_t> items;
    std::vector<std::uint64_t> firsts;
  };
  std::shared_ptr<table const> table_{};
};

}  // namespace tutti::inline TUTTI_ABI::detail
