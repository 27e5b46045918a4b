// SPDX-License-Identifier: BSL-1.0
// A CSV file as rows of a user's type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/data/cells.hpp>
#include <tutti/data/records.hpp>
#include <tutti/data/source.hpp>

namespace tutti::inline TUTTI_ABI {

/// Beside the path of a `csv_source`.
struct csv_options {
  bool header = true;  ///< the file's first record names the columns
  char separator = ',';
  byte_range part{};  ///< of the file: from split_records, where no quoted cell holds a line break
};

/// The records of a CSV file (RFC 4180: quotes, quoted separators and line breaks, LF or CRLF). The cells fill the
/// fields of a Row in order, whatever the columns are called: a plain aggregate of numbers, text and arrays, a
/// std::vector<float> or std::vector<std::string> for as many columns as there are, or any model. Records must have as
/// many cells as a Row takes, and as the first record has; else, or where a number cannot be read, `bad_row`. Reads the
/// part once to find where the records begin, and keeps 8 bytes for each.
template <class Row>
class csv_source {
 public:
  using value_type = Row;

  explicit csv_source(std::string path, csv_options how = {})
      : separator_(how.separator), records_(std::move(path), how.part, true) {
    if (records_.size() > 0) {
      try {
        columns_ = detail::split_cells(records_.record(0), separator_, cells_);
      } catch (detail::bad_cells const& problem) {
        throw bad_row(records_.place(0), problem.why);
      }
    }
    if (how.header && how.part.first == 0 && records_.size() > 0) {
      skipped_ = 1;
      header_.assign(cells_.begin(), cells_.begin() + static_cast<std::ptrdiff_t>(columns_));
    }
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return records_.size() - skipped_; }
  /// The names of the columns; empty without a header.
  [[nodiscard]] std::vector<std::string> const& header() const noexcept { return header_; }
  [[nodiscard]] std::span<Row const> read(item_range range) {
    detail::check_range(range, size(), records_.path());
    rows_.resize(static_cast<std::size_t>(range.size()));
    for (std::uint64_t i = range.first; i < range.last; ++i) {
      try {
        parse(i, rows_[static_cast<std::size_t>(i - range.first)]);
      } catch (detail::bad_cells const& problem) {
        throw bad_row(place(i), problem.why);
      }
    }
    return rows_;
  }
  [[nodiscard]] file_place place(std::uint64_t row) const { return records_.place(row + skipped_); }

 private:
  void parse(std::uint64_t i, Row& row) {
    std::size_t const count = detail::split_cells(records_.record(i + skipped_), separator_, cells_);
    if (count != columns_)
      throw detail::bad_cells{std::to_string(count) + " cells, where the first record has " + std::to_string(columns_)};
    detail::cell_reader cells(cells_, count);
    cells.read(row);
    cells.finish();
  }

  char separator_;
  detail::record_index records_;
  std::uint64_t skipped_ = 0;
  std::size_t columns_ = 0;
  std::vector<std::string> header_;
  std::vector<std::string> cells_;
  std::vector<Row> rows_;
};

}  // namespace tutti::inline TUTTI_ABI
