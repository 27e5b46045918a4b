// SPDX-License-Identifier: BSL-1.0
// A text file whose rows are its lines: plain text, JSON lines, logs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/data/records.hpp>
#include <tutti/data/source.hpp>

namespace tutti::inline TUTTI_ABI {

/// The lines of a file, or of a part of it that `split_records` gave, without their ends; empty lines are no rows. They
/// are text as it stands: what is in a line of JSON is for a JSON library to say. Reads the part once to find where
/// the lines begin, and keeps 8 bytes for each.
class text_source {
 public:
  using value_type = std::string;

  explicit text_source(std::string path, byte_range part = {}) : lines_(std::move(path), part, false) {}

  [[nodiscard]] std::uint64_t size() const noexcept { return lines_.size(); }
  [[nodiscard]] std::span<std::string const> read(item_range range) {
    detail::check_range(range, size(), lines_.path());
    rows_.resize(static_cast<std::size_t>(range.size()));
    for (std::uint64_t i = range.first; i < range.last; ++i)
      rows_[static_cast<std::size_t>(i - range.first)].assign(lines_.record(i));
    return rows_;
  }
  [[nodiscard]] file_place place(std::uint64_t row) const { return lines_.place(row); }

 private:
  detail::record_index lines_;
  std::vector<std::string> rows_;
};
static_assert(source<text_source>);

}  // namespace tutti::inline TUTTI_ABI
