// SPDX-License-Identifier: BSL-1.0
// What a source of rows is: how many there are, and a run of them; and how rows anywhere in it are collected.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/item_range.hpp>

namespace tutti::inline TUTTI_ABI {

/// `read(range)` gives the rows range.first … range.last - 1, valid until the next read of this source. A range beyond
/// size() throws `config`, a row that cannot be read `bad_row`. Not thread safe: a thread has a source of its own.
template <class S>
concept source = requires(S& s, S const& constant, item_range range) {
  typename S::value_type;
  { constant.size() } -> std::convertible_to<std::uint64_t>;
  { s.read(range) } -> std::convertible_to<std::span<typename S::value_type const>>;
};

/// Where a row lies, for a person who wants to look at it.
struct file_place {
  std::string file;
  std::uint64_t offset = 0;  ///< in bytes
  friend bool operator==(file_place const&, file_place const&) = default;
};

/// A row that is there but cannot be used. what() reads "train.csv, byte 1042: cell 3, "abc", is not a number".
class bad_row : public error {
 public:
  bad_row(file_place where, std::string const& why)
      : error(error_kind::config, where.file + ", byte " + std::to_string(where.offset) + ": " + why),
        where_(std::move(where)),
        why_(why) {}
  [[nodiscard]] file_place const& where() const noexcept { return where_; }
  [[nodiscard]] std::string const& why() const noexcept { return why_; }

 private:
  file_place where_;
  std::string why_;
};

namespace detail {

inline void check_range(item_range range, std::uint64_t size, std::string const& name) {
  if (range.first <= range.last && range.last <= size) return;
  throw error(error_kind::config, "rows " + std::to_string(range.first) + " to " + std::to_string(range.last) +
                                      " were asked of " + name + ", which has " + std::to_string(size));
}

}  // namespace detail

/// The rows with these numbers, in this order: those of a sampler's slot, for example. Neighbours are read together.
template <source S, class Ids>
[[nodiscard]] std::vector<typename S::value_type> rows_at(S& from, Ids const& ids) {
  std::vector<typename S::value_type> rows;
  item_range run;
  auto const flush = [&] {
    if (run.empty()) return;
    std::span<typename S::value_type const> const read = from.read(run);
    rows.insert(rows.end(), read.begin(), read.end());
  };
  for (auto const number : ids) {
    auto const id = static_cast<std::uint64_t>(number);
    if (id != run.last || run.empty()) {
      flush();
      run = {id, id};
    }
    ++run.last;
  }
  flush();
  return rows;
}

}  // namespace tutti::inline TUTTI_ABI
