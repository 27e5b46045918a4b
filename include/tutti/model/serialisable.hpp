// SPDX-License-Identifier: BSL-1.0
// Which types the wire archive can carry, in which form, and the fewest bytes one takes.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>

#include <tutti/core/version.hpp>
#include <tutti/model/fields.hpp>
#include <tutti/model/leaf.hpp>
#include <tutti/model/tensor.hpp>
#include <tutti/model/tier.hpp>

namespace tutti::inline TUTTI_ABI {
namespace detail {

enum class wire_form : std::uint8_t {
  number,       ///< its bytes, little-endian; bool is one byte, 0 or 1
  enumeration,  ///< its underlying integer
  text,         ///< count, characters
  fixed,        ///< the elements of an array, no count
  matrix,       ///< rows, columns, numbers in memory order
  sequence,     ///< count, elements
  map,          ///< count, keys and values in turn
  set,          ///< count, keys
  owner,        ///< unique_ptr and optional: bool, then the object
  shared,       ///< shared_ptr: 0 null, 1 first sight and the object, 2 the number of one seen before
  variant,      ///< index in one byte, the alternative
  tuple,        ///< tuple and pair: the elements
  hook,         ///< a byte, then what tutti_visit hands out
  boost,        ///< a byte, then what serialize hands out
  aggregate,    ///< the fields; a byte if there are none
  boost_not_included,
  pointer,
  view,
  loose_enum,
  no_default,
  unknown,
};

template <class M>
inline constexpr bool is_view = false;
template <class C, class R>
inline constexpr bool is_view<std::basic_string_view<C, R>> = true;
template <class T, std::size_t n>
inline constexpr bool is_view<std::span<T, n>> = true;
template <class T>
inline constexpr bool is_view<std::reference_wrapper<T>> = true;
template <class M>
inline constexpr bool is_fixed = std::is_bounded_array_v<M>;
template <class T, std::size_t n>
inline constexpr bool is_fixed<std::array<T, n>> = true;

template <class M>
concept matrix_leaf = std::default_initializable<M> &&((contiguous_leaf<M> && matrix_like<M>) || memptr_leaf<M>);

/// Every value of the underlying type is a value of an enumeration that fixes it. Others need a function beside them,
/// `bool tutti_valid(E, long long value)`: it sees the integer, for a wrong E may not even be made. The E says nothing.
template <class E>
concept checked_enum = requires(E e, long long value) {
  { tutti_valid(e, value) } -> std::convertible_to<bool>;
};
template <class E>
concept fixed_enum = requires {
  E{0};
};

template <class M>
concept sequence = iterable<M> && std::default_initializable<typename M::value_type> && requires(M& m) {
  m.clear();
  m.emplace_back();
  m.size();
};

template <class M>
consteval wire_form form_of() {
  if constexpr (adl_hook<M> || traits_hook<M>) {
    return wire_form::hook;
  } else if constexpr (is_tensor_element<M>) {
    return wire_form::number;
  } else if constexpr (std::is_enum_v<M>) {
    return checked_enum<M> || fixed_enum<M> ? wire_form::enumeration : wire_form::loose_enum;
  } else if constexpr (is_view<M>) {
    return wire_form::view;
  } else if constexpr (std::is_pointer_v<M> || std::is_member_pointer_v<M> || std::is_null_pointer_v<M> ||
                       std::is_reference_v<M>) {
    return wire_form::pointer;
  } else if constexpr (is_text<M>) {
    return wire_form::text;
  } else if constexpr (is_fixed<M>) {
    return wire_form::fixed;
  } else if constexpr (matrix_leaf<M>) {
    return wire_form::matrix;
  } else if constexpr (is_shared<M>) {
    return wire_form::shared;
  } else if constexpr (is_optional<M> || is_smart_pointer<M>) {
    return wire_form::owner;
  } else if constexpr (is_variant<M>) {
    return wire_form::variant;
  } else if constexpr (is_tuple<M> || is_pair<M>) {
    return wire_form::tuple;
  } else if constexpr (map_like<M>) {
    return wire_form::map;
  } else if constexpr (keyed<M>) {
    return wire_form::set;
  } else if constexpr (sequence<M>) {
    return wire_form::sequence;
  } else if constexpr (iterable<M>) {
    return wire_form::no_default;
  } else {
    constexpr tier t = detail::tier_of<M>();
    return t == tier::boost                ? wire_form::boost
           : t == tier::boost_not_included ? wire_form::boost_not_included
           : t == tier::aggregate          ? wire_form::aggregate
                                           : wire_form::unknown;
  }
}

/// Ends the compilation with one sentence if the archive cannot carry M.
template <class M>
consteval void require_form() {
  constexpr wire_form form = detail::form_of<M>();
  static_assert(form != wire_form::boost_not_included,
                "tutti: this type has a Boost serialize(); include <tutti/boost.hpp> to use it.");
  static_assert(form != wire_form::pointer,
                "tutti: a raw pointer or reference means nothing in another process; hold the value, a "
                "std::unique_ptr or a std::vector instead.");
  static_assert(form != wire_form::view,
                "tutti: a view (std::string_view, std::span, std::reference_wrapper) owns nothing that could be sent; "
                "hold a std::string or std::vector instead.");
  static_assert(form != wire_form::loose_enum,
                "tutti: an enumeration needs a fixed underlying type (enum color : int), or a function bool "
                "tutti_valid(color, long long value), before its values can be believed.");
  static_assert(form != wire_form::no_default,
                "tutti: the elements of a container need a default constructor to be received.");
  if constexpr (form == wire_form::unknown) detail::require_way_in<M>();
  static_assert(form != wire_form::unknown,
                "tutti: this type cannot be sent as an object; write tutti_visit(m, v) beside it.");
}

template <class M>
struct wire_children : children<M> {};
template <map_like M>
struct wire_children<M> {
  using types = type_list<typename M::key_type, typename M::mapped_type>;
};

template <class M, class... Seen>
consteval bool carries();

template <class... Seen, class... Child>
consteval bool carries_all(type_list<Child...>) {
  return (detail::carries<Child, Seen...>() && ...);
}

template <class M, class... Seen>
consteval bool carries() {
  if constexpr ((std::is_same_v<M, Seen> || ...)) {
    return true;
  } else {
    constexpr wire_form form = detail::form_of<M>();
    if constexpr (form >= wire_form::boost_not_included) {
      return false;
    } else if constexpr (form == wire_form::aggregate) {
      return detail::carries_all<M, Seen...>(decltype(detail::list_of_fields(static_cast<fields_of<M>*>(nullptr))){});
    } else if constexpr (form >= wire_form::fixed && form <= wire_form::tuple && form != wire_form::matrix) {
      return detail::carries_all<M, Seen...>(typename wire_children<M>::types{});
    } else {
      return true;
    }
  }
}

/// The fewest bytes an M takes in an archive; at least 1, so that a count bounds what it asks for.
template <class M>
consteval std::size_t min_size();

template <class... Child>
consteval std::size_t min_size_of_all(type_list<Child...>) {
  std::size_t total = 0;
  for (std::size_t one : {std::size_t{0}, detail::min_size<Child>()...}) total += one;
  return total;
}

template <class M>
consteval std::size_t min_size() {
  constexpr wire_form form = detail::form_of<M>();
  if constexpr (form == wire_form::number || form == wire_form::enumeration) {
    return sizeof(M);
  } else if constexpr (form == wire_form::fixed) {
    using element = std::remove_cvref_t<decltype(std::declval<M&>()[0])>;
    constexpr std::size_t n = sizeof(M) / sizeof(element);
    return n == 0 ? 1 : n * detail::min_size<element>();
  } else if constexpr (form == wire_form::matrix) {
    return 16;
  } else if constexpr (form == wire_form::text || form == wire_form::sequence || form == wire_form::map ||
                       form == wire_form::set) {
    return 8;
  } else if constexpr (form == wire_form::tuple) {
    constexpr std::size_t total = detail::min_size_of_all(typename wire_children<M>::types{});
    return total == 0 ? 1 : total;
  } else if constexpr (form == wire_form::aggregate) {
    constexpr std::size_t total =
        detail::min_size_of_all(decltype(detail::list_of_fields(static_cast<fields_of<M>*>(nullptr))){});
    return total == 0 ? 1 : total;
  } else {
    return 1;
  }
}

}  // namespace detail

/// A type that encode() and decode() carry, down to its last field as far as the compiler can see.
template <class T>
concept serialisable = detail::carries<std::remove_cvref_t<T>>();

}  // namespace tutti::inline TUTTI_ABI
