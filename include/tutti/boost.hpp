// SPDX-License-Identifier: BSL-1.0
// Opt-in: makes every type with a Boost serialize(ar, version) a model and a message. Headers only; nothing to link.
#pragma once

// Before the other headers of Boost.Serialization: in 1.74 several of them need it and do not include it
// (boostorg/serialization#219).
#include <boost/serialization/library_version_type.hpp>

#include <boost/mpl/bool.hpp>
#include <boost/serialization/access.hpp>
#include <boost/serialization/array_wrapper.hpp>
#include <boost/serialization/base_object.hpp>
#include <boost/serialization/binary_object.hpp>
#include <boost/serialization/collection_size_type.hpp>
#include <boost/serialization/item_version_type.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/version.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/archive.hpp>
#include <tutti/model/visit.hpp>

namespace tutti::inline TUTTI_ABI {
namespace detail {

// A free serialize in namespace boost::serialization is told from Boost's own catch-all by ambiguity: beside `archive`
// stands a second catch-all, so a call is ambiguous unless somebody wrote a better match.
namespace boost_probe {
struct archive : archive_probe {};
template <class A, class T>
void serialize(A&, T&, unsigned int const);
}  // namespace boost_probe

template <class M>
concept free_serialize = std::is_class_v<M> && requires(M& m, boost_probe::archive& ar) {
  serialize(ar, m, ::boost::serialization::version_type(0));
};
template <class M>
concept boost_serialize = open_serialize<M> || closed_serialize<M> || free_serialize<M>;

template <class T>
inline constexpr bool is_nvp = false;
template <class T>
inline constexpr bool is_nvp<::boost::serialization::nvp<T>> = true;
template <class T>
inline constexpr bool is_array_wrapper = false;
template <class T>
inline constexpr bool is_array_wrapper<::boost::serialization::array_wrapper<T>> = true;
template <class T>
inline constexpr bool is_binary_object = std::is_base_of_v<::boost::serialization::binary_object, T>;
template <class T>
inline constexpr bool is_boost_count = std::is_same_v<T, ::boost::serialization::collection_size_type>;
template <class T>
inline constexpr bool is_boost_version = std::is_same_v<T, ::boost::serialization::item_version_type> ||
                                         std::is_same_v<T, ::boost::serialization::library_version_type>;

template <class Archive, class M>
void call_serialize(Archive& ar, M& m) {
  ::boost::serialization::serialize_adl(ar, m, static_cast<unsigned int>(::boost::serialization::version<M>::value));
}

/// A saving archive that saves nothing: every object handed to it becomes a node of the walk, named by its NVP name, or
/// by its position where it has none.
template <class Walker, bool constant>
class boost_view_archive {
 public:
  using is_saving = ::boost::mpl::true_;
  using is_loading = ::boost::mpl::false_;

  boost_view_archive(Walker& walk, void const* frame) : walk_(walk), frame_(frame) {}

  template <class T>
  boost_view_archive& operator&(T const& value) {
    item(value);
    return *this;
  }
  template <class T>
  boost_view_archive& operator<<(T const& value) {
    return *this & value;
  }
  template <class T>
  void register_type(T const* = nullptr) {}
  void save_binary(void const*, std::size_t) {}
  [[nodiscard]] ::boost::serialization::library_version_type get_library_version() const {
    return ::boost::serialization::library_version_type(0);
  }

 private:
  template <class T>
  void item(T const& value) {
    if constexpr (is_nvp<T>) {
      ++position_;
      object(value.name(), value.const_value());
    } else if constexpr (is_array_wrapper<T>) {
      object(std::to_string(position_++), std::span(value.address(), value.count()));
    } else if constexpr (is_binary_object<T> || is_boost_count<T> || is_boost_version<T>) {
      ++position_;
    } else {
      object(std::to_string(position_++), value);
    }
  }

  template <class T>
  void object(std::string_view name, T const& value) {
    if constexpr (is_array_wrapper<T>) {
      object(name, std::span(value.address(), value.count()));
    } else if constexpr (!is_binary_object<T> && !is_boost_count<T> && !is_boost_version<T>) {
      if constexpr (!is_view<T> && !matrix_like<T> && !is_smart_pointer<T>) refuse_temporary(name, &value);
      if constexpr (constant) {
        walk_.child(name, value);
      } else {
        walk_.child(name, const_cast<T&>(value));
      }
    }
  }

  // A local variable of serialize() lies on the stack between the frame that called it and this one (but not where
  // AddressSanitizer keeps locals on the heap to see their use after return: there it goes unnoticed).
  [[gnu::noinline]] void refuse_temporary(std::string_view name, void const* address) const {
    auto const at = reinterpret_cast<std::uintptr_t>(address);
    if (at > reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) &&
        at < reinterpret_cast<std::uintptr_t>(frame_))
      throw error(error_kind::config,
                  "serialize() hands out a temporary ('" + std::string(name) + "' of '" + std::string(walk_.name()) +
                      "'), which no collective could change: write tutti_visit(m, v) for this type");
  }

  Walker& walk_;
  void const* frame_;
  std::size_t position_ = 0;
};

class boost_wire_writer {
 public:
  using is_saving = ::boost::mpl::true_;
  using is_loading = ::boost::mpl::false_;

  explicit boost_wire_writer(archive_writer& ar) : ar_(ar) {}

  template <class T>
  boost_wire_writer& operator&(T const& value) {
    if constexpr (is_nvp<T>) {
      return *this & value.const_value();
    } else if constexpr (is_array_wrapper<T>) {
      for (std::size_t i = 0; i < value.count(); ++i) *this& value.address()[i];
    } else if constexpr (is_binary_object<T>) {
      ar_.raw(value.m_t, value.m_size);
    } else if constexpr (is_boost_count<T>) {
      ar_.count(static_cast<std::size_t>(value));
    } else if constexpr (is_boost_version<T>) {
      ar_.put(static_cast<std::uint32_t>(value));
    } else {
      detail::write_value(ar_, value);
    }
    return *this;
  }
  template <class T>
  boost_wire_writer& operator<<(T const& value) {
    return *this & value;
  }
  template <class T>
  void register_type(T const* = nullptr) {}
  void save_binary(void const* from, std::size_t size) { ar_.raw(from, size); }
  [[nodiscard]] ::boost::serialization::library_version_type get_library_version() const {
    return ::boost::serialization::library_version_type(0);
  }

 private:
  archive_writer& ar_;
};

class boost_wire_reader {
 public:
  using is_saving = ::boost::mpl::false_;
  using is_loading = ::boost::mpl::true_;

  explicit boost_wire_reader(archive_reader& ar) : ar_(ar) {}

  template <class T>
  boost_wire_reader& operator&(T&& value) {
    using plain = std::remove_cvref_t<T>;
    if constexpr (is_nvp<plain>) {
      return *this & value.value();
    } else if constexpr (is_array_wrapper<plain>) {
      for (std::size_t i = 0; i < value.count(); ++i) *this& value.address()[i];
    } else if constexpr (is_binary_object<plain>) {
      ar_.raw(const_cast<void*>(value.m_t), value.m_size);
    } else if constexpr (is_boost_count<plain>) {
      value = ar_.count(1);
    } else if constexpr (is_boost_version<plain>) {
      value = plain(ar_.get<std::uint32_t>());
    } else {
      detail::read_value(ar_, value);
    }
    return *this;
  }
  template <class T>
  boost_wire_reader& operator>>(T&& value) {
    return *this & value;
  }
  template <class T>
  void register_type(T const* = nullptr) {}
  void load_binary(void* to, std::size_t size) { ar_.raw(to, size); }
  [[nodiscard]] ::boost::serialization::library_version_type get_library_version() const {
    return ::boost::serialization::library_version_type(0);
  }
  void reset_object_address(void const*, void const*) {}

 private:
  archive_reader& ar_;
};

template <boost_serialize M>
struct serialize_bridge<M> {
  static constexpr bool present = true;

  template <class Walker, class N>
  [[gnu::noinline]] static void walk(Walker& walker, N& m) {
    boost_view_archive<Walker, std::is_const_v<N>> ar(walker, __builtin_frame_address(0));
    detail::call_serialize(ar, const_cast<M&>(m));
  }
  static void write(archive_writer& to, M const& m) {
    boost_wire_writer ar(to);
    detail::call_serialize(ar, const_cast<M&>(m));
  }
  /// Counts that serialize() reads into integers of its own are its own to check.
  static void read(archive_reader& from, M& m) {
    boost_wire_reader ar(from);
    detail::call_serialize(ar, m);
  }
};

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
