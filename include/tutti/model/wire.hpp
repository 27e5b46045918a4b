// SPDX-License-Identifier: BSL-1.0
// The two ends of the wire archive: a growing buffer of little-endian bytes, and a reader that believes no length.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/tensor.hpp>

namespace tutti::inline TUTTI_ABI {

/// The first byte of every archive.
inline constexpr std::uint8_t archive_version = 1;

/// How deep an object may nest, in encoding and decoding: bounds the stack a message can ask for.
inline constexpr int archive_depth = 512;

namespace detail {

/// Numbers that lie in memory as they lie on the wire.
template <class T>
inline constexpr bool is_wire_order =
    !std::is_same_v<T, bool> && (sizeof(T) == 1 || std::endian::native == std::endian::little);

template <std::size_t size>
struct unsigned_of_size;
template <>
struct unsigned_of_size<1> {
  using type = std::uint8_t;
};
template <>
struct unsigned_of_size<2> {
  using type = std::uint16_t;
};
template <>
struct unsigned_of_size<4> {
  using type = std::uint32_t;
};
template <>
struct unsigned_of_size<8> {
  using type = std::uint64_t;
};

/// An address per type, to tell types apart at run time without RTTI.
template <class T>
inline constexpr char type_tag = 0;

template <class = on_use>
class basic_archive_writer {
 public:
  basic_archive_writer() { put(archive_version); }

  void raw(void const* from, std::size_t size) {
    if (size == 0) return;
    std::size_t const end = data_.size();
    data_.resize(end + size);
    std::memcpy(data_.data() + end, from, size);
  }
  template <class T>
  void put(T value) {
    if constexpr (is_complex<T>) {
      put(value.real());
      put(value.imag());
    } else if constexpr (std::is_same_v<T, bool>) {
      put(static_cast<std::uint8_t>(value ? 1 : 0));
    } else if constexpr (is_wire_order<T>) {
      raw(&value, sizeof(T));
    } else {
      using word = typename unsigned_of_size<sizeof(T)>::type;
      std::byte buffer[sizeof(T)];
      store_little(buffer, std::bit_cast<word>(value));
      raw(buffer, sizeof(T));
    }
  }
  template <class T>
  void put_all(std::span<T const> numbers) {
    if constexpr (is_wire_order<T>) {
      raw(numbers.data(), numbers.size_bytes());
    } else {
      for (T const& number : numbers) put(number);
    }
  }
  void count(std::size_t n) { put(static_cast<std::uint64_t>(n)); }

  void enter() {
    if (++depth_ > archive_depth)
      throw error(error_kind::config, "this object nests deeper than " + std::to_string(archive_depth) +
                                          " levels: a list linked by pointers is better sent as a vector");
  }
  void leave() { --depth_; }

  /// The number of a shared object, and whether it has been written before.
  std::pair<std::uint64_t, bool> share(void const* address) {
    for (std::size_t i = 0; i < shared_.size(); ++i)
      if (shared_[i] == address) return {i, true};
    shared_.push_back(address);
    return {shared_.size() - 1, false};
  }

  [[nodiscard]] std::vector<std::byte> take() { return std::move(data_); }

 private:
  std::vector<std::byte> data_;
  std::vector<void const*> shared_;
  int depth_ = 0;
};
using archive_writer = basic_archive_writer<>;

template <class = on_use>
class basic_archive_reader {
 public:
  explicit basic_archive_reader(const_bytes data) : data_(data) {
    auto const version = get<std::uint8_t>();
    if (version != archive_version) fail("archive version " + std::to_string(version) + " is not known", 0);
  }

  [[nodiscard]] std::size_t remaining() const { return data_.size() - at_; }
  [[nodiscard]] std::size_t offset() const { return at_; }

  [[noreturn]] void fail(std::string const& why, std::size_t where) const {
    throw error(error_kind::protocol, "malformed object at byte " + std::to_string(where) + " of " +
                                          std::to_string(data_.size()) + ": " + why);
  }
  [[noreturn]] void fail(std::string const& why) const { fail(why, at_); }

  void raw(void* to, std::size_t size) {
    if (size > remaining()) fail("it ends within a value");
    if (size > 0) std::memcpy(to, data_.data() + at_, size);
    at_ += size;
  }
  template <class T>
  [[nodiscard]] T get() {
    if constexpr (is_complex<T>) {
      auto const real = get<typename T::value_type>();
      return T(real, get<typename T::value_type>());
    } else if constexpr (std::is_same_v<T, bool>) {
      auto const value = get<std::uint8_t>();
      if (value > 1) fail("a bool is neither 0 nor 1", at_ - 1);
      return value == 1;
    } else if constexpr (is_wire_order<T>) {
      T value{};
      raw(&value, sizeof(T));
      return value;
    } else {
      std::byte buffer[sizeof(T)];
      raw(buffer, sizeof(T));
      return std::bit_cast<T>(load_little<typename unsigned_of_size<sizeof(T)>::type>(buffer));
    }
  }
  template <class T>
  void get_all(std::span<T> numbers) {
    if constexpr (is_wire_order<T>) {
      raw(numbers.data(), numbers.size_bytes());
    } else {
      for (T& number : numbers) number = get<T>();
    }
  }

  /// A count of things of at least `min_size` bytes each: never more than the bytes left can hold.
  [[nodiscard]] std::size_t count(std::size_t min_size) {
    std::size_t const where = at_;
    auto const n = get<std::uint64_t>();
    if (n > remaining() / min_size)
      fail("a count of " + std::to_string(n) + " does not fit into the " + std::to_string(remaining()) + " bytes left",
           where);
    return static_cast<std::size_t>(n);
  }

  void enter() {
    if (++depth_ > archive_depth) fail("it nests deeper than " + std::to_string(archive_depth) + " levels");
  }
  void leave() { --depth_; }

  [[nodiscard]] std::size_t shared_objects() const { return shared_.size(); }
  template <class T>
  void share(std::shared_ptr<T> const& object) {
    shared_.push_back({std::const_pointer_cast<std::remove_const_t<T>>(object), &type_tag<T>});
  }
  template <class T>
  [[nodiscard]] std::shared_ptr<T> shared(std::uint64_t index) const {
    shared_object const& found = shared_[static_cast<std::size_t>(index)];
    if (found.tag != &type_tag<T>) fail("a shared object is of another type");
    return std::static_pointer_cast<T>(found.object);
  }

  void finish() const {
    if (remaining() > 0) fail(std::to_string(remaining()) + " bytes follow the end of the object");
  }

 private:
  struct shared_object {
    std::shared_ptr<void> object;
    void const* tag;
  };
  const_bytes data_;
  std::size_t at_ = 0;
  std::vector<shared_object> shared_;
  int depth_ = 0;
};
using archive_reader = basic_archive_reader<>;

/// Counts one level of nesting.
template <class Archive>
class archive_level {
 public:
  explicit archive_level(Archive& ar) : ar_(ar) { ar_.enter(); }
  archive_level(archive_level const&) = delete;
  archive_level& operator=(archive_level const&) = delete;
  ~archive_level() { ar_.leave(); }

 private:
  Archive& ar_;
};

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
