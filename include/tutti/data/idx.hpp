// SPDX-License-Identifier: BSL-1.0
// The idx format, in which MNIST and its relatives are published: its header, and a plain idx file as a source.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/mapped_source.hpp>
#include <tutti/data/source.hpp>
#include <tutti/model/tensor.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// "0 0 type rank", then the extents, 4 bytes each, all big-endian; the last dimension varies fastest.
struct idx_header {
  unsigned type = 0;
  std::vector<std::uint32_t> shape;
  std::uint64_t body = 0;  ///< bytes behind the header

  static constexpr std::size_t start = 4;
  [[nodiscard]] std::size_t bytes() const noexcept { return start + 4 * shape.size(); }
};

/// Bytes of a number of that type; 0 if there is no such type.
[[nodiscard]] constexpr std::size_t idx_width(unsigned type) noexcept {
  switch (type) {
    case 0x08:
    case 0x09:
      return 1;
    case 0x0b:
      return 2;
    case 0x0c:
    case 0x0d:
      return 4;
    case 0x0e:
      return 8;
    default:
      return 0;
  }
}
template <class T>
[[nodiscard]] constexpr unsigned idx_type() noexcept {
  if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::byte>) return 0x08;
  if constexpr (std::is_same_v<T, std::int8_t>) return 0x09;
  if constexpr (std::is_same_v<T, std::int16_t>) return 0x0b;
  if constexpr (std::is_same_v<T, std::int32_t>) return 0x0c;
  if constexpr (std::is_same_v<T, float>) return 0x0d;
  if constexpr (std::is_same_v<T, double>) return 0x0e;
  return 0;
}

[[nodiscard]] inline std::uint32_t big_endian(std::byte const* p) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8U | std::to_integer<std::uint32_t>(p[i]);
  return value;
}

/// Calls read(to, size) for the bytes of the header, which returns how many there were. Throws config, naming `path`.
template <class Read>
[[nodiscard]] idx_header read_idx_header(std::string const& path, Read&& read) {
  auto const refuse = [&](std::string const& why) { throw error(error_kind::config, path + " " + why); };
  std::array<std::byte, idx_header::start + 4 * 255> raw{};
  std::size_t got = read(raw.data(), idx_header::start);
  idx_header h;
  h.type = std::to_integer<unsigned>(raw[2]);
  std::size_t const rank = std::to_integer<std::size_t>(raw[3]);
  bool const start = got == idx_header::start;
  if (start && (raw[0] != std::byte{0} || raw[1] != std::byte{0} || detail::idx_width(h.type) == 0 || rank == 0))
    refuse("is not an idx file");
  std::size_t const whole = idx_header::start + 4 * rank;
  if (start) got += read(raw.data() + idx_header::start, whole - idx_header::start);
  if (!start || got < whole) refuse("is truncated: its header ends after " + std::to_string(got) + " bytes");
  h.body = detail::idx_width(h.type);
  for (std::size_t d = 0; d < rank; ++d) {
    std::uint32_t const extent = detail::big_endian(&raw[idx_header::start + 4 * d]);
    h.shape.push_back(extent);
    if (extent != 0 && h.body > ~std::uint64_t{0} / 2 / extent) refuse("promises more bytes than there can be");
    h.body *= extent;
  }
  return h;
}

/// A Row is a number, or arrays of numbers.
template <class Row>
using idx_element = typename fixed_array<Row>::element;

/// Throws config unless the elements of such a file, cut along its first dimension, are values of Row.
template <class Row>
void check_idx_rows(std::string const& path, idx_header const& h) {
  using element = idx_element<Row>;
  static_assert(
      detail::idx_type<element>() != 0,
      "tutti: idx files hold numbers of 8, 16 or 32 bits, float or double; a row is one, or an array of them.");
  if (h.type != detail::idx_type<element>())
    throw error(error_kind::config, path + " holds numbers of another type than the rows that are asked of it (type " +
                                        std::to_string(h.type) + ")");
  std::uint64_t const rows = h.shape.front();
  std::uint64_t numbers = 1;
  for (std::size_t d = 1; d < h.shape.size(); ++d) numbers *= h.shape[d];
  if (numbers != sizeof(Row) / sizeof(element) && rows != 0)
    throw error(error_kind::config, path + " holds rows of " + std::to_string(numbers) + " numbers, not " +
                                        std::to_string(sizeof(Row) / sizeof(element)));
}

/// From the byte order of the file to this machine's.
template <class T>
void from_big_endian(std::span<std::byte> raw) {
  if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) {
    for (std::size_t i = 0; i + sizeof(T) <= raw.size(); i += sizeof(T))
      for (std::size_t b = 0; b < sizeof(T) / 2; ++b) std::swap(raw[i + b], raw[i + sizeof(T) - 1 - b]);
  }
}

}  // namespace detail

/// A plain idx file, cut along its first dimension: `idx_source<std::array<std::uint8_t, 784>>` for images of 28 x 28
/// pixels, `idx_source<std::uint8_t>` for their labels. Bytes are read in place, larger numbers turned into the byte
/// order of this machine. Throws config where the file is damaged or holds other rows. For .gz: <tutti/zlib.hpp>.
template <class Row>
class idx_source {
 public:
  using value_type = Row;

  explicit idx_source(std::string path, std::size_t window = detail::file_window::default_window)
      : file_(std::move(path), window) {
    std::uint64_t at = 0;
    auto const header = detail::read_idx_header(file_.path(), [&](std::byte* to, std::size_t size) {
      std::uint64_t const left = file_.size() - at;
      auto const n = static_cast<std::size_t>(size < left ? size : left);
      if (n > 0) std::memcpy(to, file_.read(at, n).data(), n);
      at += n;
      return n;
    });
    detail::check_idx_rows<Row>(file_.path(), header);
    if (file_.size() - header.bytes() != header.body)
      throw error(error_kind::config, file_.path() + " is damaged: " + std::to_string(file_.size() - header.bytes()) +
                                          " bytes where its header promises " + std::to_string(header.body));
    shape_ = header.shape;
    body_ = header.bytes();
  }

  [[nodiscard]] std::vector<std::uint32_t> const& shape() const noexcept { return shape_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return shape_.front(); }
  [[nodiscard]] std::span<Row const> read(item_range range) {
    detail::check_range(range, size(), file_.path());
    const_bytes const raw = file_.read(place(range.first).offset, static_cast<std::size_t>(range.size()) * sizeof(Row));
    if constexpr (sizeof(detail::idx_element<Row>) == 1) {
      return detail::as_rows(raw, rows_);
    } else {
      rows_.resize(static_cast<std::size_t>(range.size()));
      if (!raw.empty()) std::memcpy(static_cast<void*>(rows_.data()), raw.data(), raw.size());
      detail::from_big_endian<detail::idx_element<Row>>(std::as_writable_bytes(std::span(rows_)));
      return rows_;
    }
  }
  [[nodiscard]] file_place place(std::uint64_t row) const { return {file_.path(), body_ + row * sizeof(Row)}; }

 private:
  detail::file_window file_;
  std::vector<std::uint32_t> shape_;
  std::uint64_t body_ = 0;
  std::vector<Row> rows_;
};
static_assert(source<idx_source<float>>);

}  // namespace tutti::inline TUTTI_ABI
