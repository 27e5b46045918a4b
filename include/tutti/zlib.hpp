// SPDX-License-Identifier: BSL-1.0
// Opt in: gzipped idx files as sources. Needs zlib (target tutti::zlib).
#pragma once

#include <zlib.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// Reads a file from its beginning, unpacked if it is gzipped. Throws, naming the file, where that cannot be.
class gz_file {
 public:
  explicit gz_file(std::string const& path) : path_(path), file_(::gzopen(path.c_str(), "rb"), &::gzclose_r) {
    if (!file_) fail("cannot be opened: " + std::generic_category().message(errno));
  }

  /// Up to `size` bytes; fewer only at the end of the file, or where a gzip stream was cut.
  std::size_t read(std::byte* to, std::size_t size) {
    int const got = ::gzread(file_.get(), to, static_cast<unsigned>(size));
    int code = Z_OK;
    char const* const text = ::gzerror(file_.get(), &code);
    cut_ = code == Z_BUF_ERROR;
    if (code == Z_ERRNO) fail("cannot be read: " + std::generic_category().message(errno));
    if (!cut_ && (got < 0 || code != Z_OK)) fail(std::string("is damaged: ") + text);
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }
  /// Whether the last read() met the end of the file inside a gzip stream.
  [[nodiscard]] bool cut() const noexcept { return cut_; }

  [[noreturn]] void fail(std::string const& what) const { throw error(error_kind::config, path_ + " " + what); }

 private:
  std::string path_;
  bool cut_ = false;
  std::unique_ptr<::gzFile_s, int (*)(::gzFile)> file_;
};

}  // namespace detail

/// An idx file, gzipped or not, unpacked into memory: what `idx_source` reads in place. Memory grows with the bytes
/// that arrive, never with what the header promises. Throws config, in one sentence that names the file, where it is
/// missing, damaged, truncated, too long, or holds other rows.
template <class Row>
class idx_gz_source {
 public:
  using value_type = Row;

  explicit idx_gz_source(std::string path) : path_(std::move(path)) {
    detail::gz_file file(path_);
    auto const header =
        detail::read_idx_header(path_, [&](std::byte* to, std::size_t size) { return file.read(to, size); });
    detail::check_idx_rows<Row>(path_, header);
    shape_ = header.shape;
    std::uint64_t got = 0;
    while (got < header.body) {
      std::uint64_t const at_once = (std::uint64_t{1} << 20U) / sizeof(Row) + 1;
      std::uint64_t const left = shape_.front() - rows_.size();
      std::size_t const before = rows_.size();
      rows_.resize(before + static_cast<std::size_t>(left < at_once ? left : at_once));
      auto const wanted = std::as_writable_bytes(std::span(rows_).subspan(before));
      std::size_t const read = file.read(wanted.data(), wanted.size());
      got += read;
      if (read < wanted.size())
        file.fail("is truncated: " + std::to_string(got) + " bytes where its header promises " +
                  std::to_string(header.body));
    }
    std::byte beyond{};
    if (file.read(&beyond, 1) != 0)
      file.fail("is too long: its header promises " + std::to_string(header.body) + " bytes");
    if (file.cut()) file.fail("is damaged: its gzip stream ends too early");
    detail::from_big_endian<detail::idx_element<Row>>(std::as_writable_bytes(std::span(rows_)));
  }

  [[nodiscard]] std::vector<std::uint32_t> const& shape() const noexcept { return shape_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return rows_.size(); }
  [[nodiscard]] std::span<Row const> read(item_range range) const {
    detail::check_range(range, rows_.size(), path_);
    return std::span<Row const>(rows_).subspan(static_cast<std::size_t>(range.first),
                                               static_cast<std::size_t>(range.size()));
  }
  /// In the unpacked file.
  [[nodiscard]] file_place place(std::uint64_t row) const {
    return {path_, detail::idx_header::start + 4 * shape_.size() + row * sizeof(Row)};
  }
  /// All rows; the source is empty then.
  [[nodiscard]] std::vector<Row> take() && { return std::move(rows_); }

 private:
  std::string path_;
  std::vector<std::uint32_t> shape_;
  std::vector<Row> rows_;
};
static_assert(source<idx_gz_source<float>>);

}  // namespace tutti::inline TUTTI_ABI
