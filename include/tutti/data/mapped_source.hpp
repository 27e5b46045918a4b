// SPDX-License-Identifier: BSL-1.0
// A binary file of equal records as a source, read in place through a window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/file_window.hpp>
#include <tutti/data/source.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// The bytes as rows: in place where a T may lie there, else a copy in `spare`.
template <class T>
[[nodiscard]] std::span<T const> as_rows(const_bytes raw, std::vector<T>& spare) {
  std::size_t const count = raw.size() / sizeof(T);
  if (reinterpret_cast<std::uintptr_t>(raw.data()) % alignof(T) == 0)
    return {reinterpret_cast<T const*>(raw.data()), count};
  spare.resize(count);
  std::memcpy(static_cast<void*>(spare.data()), raw.data(), count * sizeof(T));
  return spare;
}

}  // namespace detail

/// Beside the path of a `mapped_source`.
struct mapped_options {
  std::uint64_t header = 0;                                  ///< bytes in front of the first record
  std::size_t window = detail::file_window::default_window;  ///< bytes mapped at once
};

/// A file that is a header of so many bytes and then values of T as they lie in memory on this kind of machine. The
/// file may be larger than memory and than the address space. Throws config if it does not end with a whole record.
template <class T>
class mapped_source {
  static_assert(std::is_trivially_copyable_v<T>, "tutti: a mapped file holds values without pointers or containers.");

 public:
  using value_type = T;

  explicit mapped_source(std::string path, mapped_options how = {})
      : file_(std::move(path), how.window), header_(how.header) {
    if (file_.size() < header_ || (file_.size() - header_) % sizeof(T) != 0)
      throw error(error_kind::config, file_.path() + " has " + std::to_string(file_.size()) +
                                          " bytes, which is no header of " + std::to_string(header_) +
                                          " and whole records of " + std::to_string(sizeof(T)));
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return (file_.size() - header_) / sizeof(T); }
  [[nodiscard]] std::span<T const> read(item_range range) {
    detail::check_range(range, size(), file_.path());
    std::size_t const length = static_cast<std::size_t>(range.size()) * sizeof(T);
    return detail::as_rows(file_.read(header_ + range.first * sizeof(T), length), spare_);
  }
  [[nodiscard]] file_place place(std::uint64_t row) const { return {file_.path(), header_ + row * sizeof(T)}; }

 private:
  detail::file_window file_;
  std::uint64_t header_;
  std::vector<T> spare_;
};
static_assert(source<mapped_source<float>>);

}  // namespace tutti::inline TUTTI_ABI
