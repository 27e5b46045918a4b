// SPDX-License-Identifier: BSL-1.0
// One contiguous run of items per rank, cut anywhere: what `weighted` and `bounds` prepare.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// What a scheme keeps beside itself, and with what it grows.
struct table_size {
  std::string_view growth;
  std::uint64_t bytes;
};

/// Rank r holds the items [cuts[r], cuts[r + 1]). The cuts begin with 0 and increase.
class runs {
 public:
  std::string_view name = "runs";

  runs() = default;
  runs(std::string_view called, std::vector<std::uint64_t> cuts)
      : name(called), cuts_(std::make_shared<std::vector<std::uint64_t> const>(std::move(cuts))) {}

  [[nodiscard]] std::uint64_t count(std::uint64_t, std::uint64_t, std::uint64_t r) const { return at(r + 1) - at(r); }
  [[nodiscard]] std::uint64_t owner(std::uint64_t, std::uint64_t size, std::uint64_t i) const {
    // The last r with cuts[r] <= i, by halves without a branch that could be guessed wrongly.
    std::uint64_t const* first = cuts_->data();
    for (std::uint64_t left = size; left > 1;) {
      std::uint64_t const half = left / 2;
      first += first[half] <= i ? half : 0;
      left -= half;
    }
    return static_cast<std::uint64_t>(first - cuts_->data());
  }
  [[nodiscard]] std::uint64_t position(std::uint64_t n, std::uint64_t size, std::uint64_t i) const {
    return i - at(owner(n, size, i));
  }
  [[nodiscard]] std::uint64_t item(std::uint64_t, std::uint64_t, std::uint64_t r, std::uint64_t p) const {
    return at(r) + p;
  }
  /// Where the run of rank r begins, or for r = size, where the last one ends.
  [[nodiscard]] std::uint64_t at(std::uint64_t r) const { return (*cuts_)[static_cast<std::size_t>(r)]; }
  [[nodiscard]] table_size tables() const { return {"O(ranks)", cuts_->size() * sizeof(std::uint64_t)}; }

 private:
  std::shared_ptr<std::vector<std::uint64_t> const> cuts_{};
};

}  // namespace tutti::inline TUTTI_ABI::detail
