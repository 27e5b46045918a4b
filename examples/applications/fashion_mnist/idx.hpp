// SPDX-License-Identifier: BSL-1.0
// Reads the idx files in which MNIST and its relatives are published, gzipped or plain.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace fashion_mnist {

/// An array of bytes of any rank, last dimension fastest: {60000, 28, 28} for the training images.
struct idx {
  std::vector<std::uint32_t> shape;
  std::vector<std::uint8_t> values;
};

namespace detail {

class gz_file {
 public:
  explicit gz_file(std::string path) : path_(std::move(path)), file_(open(path_), &gzclose_r) {}

  /// Up to `size` bytes; fewer only at the end of the file, or where a gzip stream was cut.
  std::size_t read(std::uint8_t* to, std::size_t size) {
    int const got = gzread(file_.get(), to, static_cast<unsigned>(size));
    int code = Z_OK;
    char const* const text = gzerror(file_.get(), &code);
    cut_ = code == Z_BUF_ERROR;
    if (code == Z_ERRNO) fail(std::string("cannot be read: ") + std::strerror(errno));
    if (!cut_ && (got < 0 || code != Z_OK)) fail(std::string("is damaged: ") + text);
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }
  /// Whether the last read() met the end of the file inside a gzip stream.
  [[nodiscard]] bool cut() const { return cut_; }

  [[noreturn]] void fail(std::string const& what) const { throw std::runtime_error(path_ + " " + what); }

 private:
  static gzFile open(std::string const& path) {
    gzFile const file = gzopen(path.c_str(), "rb");
    if (file == nullptr) throw std::runtime_error(path + " cannot be opened: " + std::strerror(errno));
    return file;
  }

  std::string path_;
  bool cut_ = false;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

inline std::uint32_t big_endian(std::uint8_t const* p) {
  return std::uint32_t{p[0]} << 24U | std::uint32_t{p[1]} << 16U | std::uint32_t{p[2]} << 8U | std::uint32_t{p[3]};
}

}  // namespace detail

/// The idx file at `path`, which must hold bytes of `rank` dimensions (images 3, labels 1).
/// Throws std::runtime_error with one sentence that names the file when it is missing, damaged, truncated, too long or
/// something else. Memory grows with the bytes that arrive, never with what the header promises.
[[nodiscard]] inline idx read_idx(std::string const& path, std::uint8_t rank) {
  detail::gz_file file(path);
  std::array<std::uint8_t, 4 + 4 * 255> header{};
  std::size_t const header_size = 4U + 4U * rank;
  std::size_t const got = file.read(header.data(), header_size);
  if (got >= 4 && (header[0] != 0 || header[1] != 0 || header[2] != 8 || header[3] != rank)) {
    file.fail("is not an idx file of bytes with " + std::to_string(rank) + " dimension(s)");
  }
  if (got < header_size) file.fail("is truncated: its header ends after " + std::to_string(got) + " bytes");

  idx result;
  std::uint64_t expected = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    result.shape.push_back(detail::big_endian(&header[4 + 4 * d]));
    if (__builtin_mul_overflow(expected, std::uint64_t{result.shape.back()}, &expected)) {
      file.fail("promises more bytes than there can be");
    }
  }
  std::vector<std::uint8_t> piece(1U << 20U);
  while (result.values.size() <= expected) {  // one byte more than promised is an error too
    std::size_t const n = file.read(piece.data(), piece.size());
    result.values.insert(result.values.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
    if (n < piece.size()) break;
  }
  if (result.values.size() != expected) {
    file.fail((result.values.size() < expected ? "is truncated: " : "is too long: ") +
              (std::to_string(result.values.size()) + " bytes where its header promises ") + std::to_string(expected));
  }
  if (file.cut()) file.fail("is truncated: its gzip stream has no end");
  return result;
}

}  // namespace fashion_mnist
