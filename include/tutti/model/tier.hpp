// SPDX-License-Identifier: BSL-1.0
// Which of seven ways leads into a user's type: decided at compile time, the first match wins.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tutti/core/version.hpp>
#include <tutti/model/fields.hpp>
#include <tutti/model/leaf.hpp>
#include <tutti/model/tensor.hpp>

namespace tutti::inline TUTTI_ABI {

/// Specialise it with `static void visit(M& m, auto&& v)` for a type to which no `tutti_visit` can be added.
template <class M>
struct model_traits {};

/// The ways into a type, numbered as in the documentation, then the reasons why there is none.
enum class tier : std::uint8_t {
  hook = 1,        ///< tutti_visit(m, v) found by argument-dependent lookup, or model_traits<M>
  parameter_list,  ///< m.named_parameters(), m.parameters() or m.params()
  leaf,            ///< one contiguous block of numbers, or a single number
  container,       ///< standard containers, tuples, optional, variant, smart pointers
  boost,           ///< a Boost serialize(ar, version), with <tutti/boost.hpp>
  aggregate,       ///< a plain struct
  opaque,          ///< text, enumerations, sets, vector<bool>: travels in broadcast and checkpoints, holds no tensor
  boost_not_included,
  pointer,
  base_classes,
  reference_field,
  too_many_fields,
  unknown,
};

namespace detail {

struct hook_probe {
  template <class T>
  void operator()(std::string_view, T&&) const {}
  template <class T>
  void operator()(std::string_view, T&&, role) const {}
};
struct archive_probe {
  template <class T>
  archive_probe& operator&(T&&);
  template <class T>
  archive_probe& operator<<(T&&);
  template <class T>
  archive_probe& operator>>(T&&);
};

/// <tutti/boost.hpp> specialises this for the types it opens.
template <class M>
struct serialize_bridge {
  static constexpr bool present = false;
};

template <class M>
concept adl_hook = requires(M& m, hook_probe& v) {
  tutti_visit(m, v);
};
template <class M>
concept traits_hook = requires(M& m, hook_probe& v) {
  model_traits<M>::visit(m, v);
};
template <class M>
concept named_parameter_list = requires(M& m) {
  m.named_parameters().begin();
};
template <class M>
concept parameter_list = requires(M& m) {
  m.parameters().begin();
};
template <class M>
concept params_list = requires(M& m) {
  m.params().begin();
};

template <class M>
inline constexpr bool is_smart_pointer = false;
template <class T, class D>
inline constexpr bool is_smart_pointer<std::unique_ptr<T, D>> = !std::is_array_v<T>;
template <class T>
inline constexpr bool is_smart_pointer<std::shared_ptr<T>> = !std::is_array_v<T>;
template <class T>
inline constexpr bool is_smart_pointer<std::reference_wrapper<T>> = true;
template <class M>
inline constexpr bool is_shared = false;
template <class T>
inline constexpr bool is_shared<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool is_shared<std::reference_wrapper<T>> = true;
// Known by what they can do, so that <optional> and <variant> are included only by those who have one.
template <class M>
inline constexpr bool is_optional = requires(M& m) {
  *m;
  m.emplace();
  m.has_value();
  m.reset();
};
template <class M>
inline constexpr std::size_t alternatives = 0;
template <template <class...> class V, class... T>
requires requires(V<T...> const& v) {
  v.index();
  v.valueless_by_exception();
}
inline constexpr std::size_t alternatives<V<T...>> = sizeof...(T);
template <class M>
inline constexpr bool is_variant = alternatives<M> != 0;
template <class M>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class M>
inline constexpr bool is_pair = false;
template <class A, class B>
inline constexpr bool is_pair<std::pair<A, B>> = true;

template <class M>
concept iterable = std::is_array_v<M> || requires(M& m) {
  m.begin();
  m.end();
  typename M::value_type;
};
template <class M>
concept keyed = iterable<M> && requires {
  typename M::key_type;
};
template <class M>
concept map_like = keyed<M> && requires {
  typename M::mapped_type;
};
/// The elements have no addresses of their own: vector<bool>.
template <class M>
concept proxied = !std::is_array_v<M> && iterable<M> && requires(M & m) {
  requires !std::is_reference_v<decltype(*m.begin())>;
};

template <class M>
concept opaque_type = is_text<M> || std::is_enum_v<M> ||(keyed<M> && !map_like<M>) || proxied<M>;

template <class M>
concept container = is_smart_pointer<M> || is_optional<M> || is_variant<M> || is_tuple<M> || is_pair<M> || iterable<M>;

/// A Boost serialize that can be called from outside: a public member, or a free function beside the type.
template <class M>
concept open_serialize = std::is_class_v<M> &&(
    requires(M& m, archive_probe& ar) { m.serialize(ar, 0U); } ||
    requires(M & m, archive_probe& ar) { serialize(ar, m, 0U); });

// Does a class have a member called serialize, private or not? In a class derived from it and from `named_serialize`
// the name is ambiguous exactly if it has: lookup comes before access.
struct named_serialize {
  int serialize;
};
template <class M>
struct ambiguous_if_member : M, named_serialize {};
template <class M>
concept closed_serialize = std::is_class_v<M> && !std::is_final_v<M> && !std::is_aggregate_v<M> && !requires {
  &ambiguous_if_member<M>::serialize;
};

template <class M>
consteval tier tier_of() {
  if constexpr (adl_hook<M> || traits_hook<M>) {
    return tier::hook;
  } else if constexpr (named_parameter_list<M> || parameter_list<M> || params_list<M>) {
    return tier::parameter_list;
  } else if constexpr (leaf<M>) {
    return tier::leaf;
  } else if constexpr (std::is_pointer_v<M> || std::is_member_pointer_v<M> || std::is_null_pointer_v<M> ||
                       std::is_function_v<M>) {
    return tier::pointer;
  } else if constexpr (std::is_reference_v<M>) {
    return tier::reference_field;
  } else if constexpr (opaque_type<M>) {
    return tier::opaque;
  } else if constexpr (container<M>) {
    return tier::container;
  } else if constexpr (serialize_bridge<M>::present) {
    return tier::boost;
  } else if constexpr (open_serialize<M> || closed_serialize<M>) {
    return tier::boost_not_included;
  } else if constexpr (!std::is_class_v<M> || !std::is_aggregate_v<M>) {
    return tier::unknown;
  } else if constexpr (has_bases<M>) {
    return tier::base_classes;
  } else if constexpr (field_count<M> == 65) {
    return tier::too_many_fields;
  } else if constexpr (field_count<M> == no_fields_found || !takes_braces<M, 0>()) {
    return tier::reference_field;
  } else {
    return tier::aggregate;
  }
}

/// Ends the compilation with one sentence if there is no way into M.
template <class M>
consteval void require_way_in() {
  constexpr tier t = detail::tier_of<M>();
  static_assert(t != tier::boost_not_included,
                "tutti: this type has a Boost serialize(); include <tutti/boost.hpp> to use it.");
  static_assert(t != tier::pointer,
                "tutti: a raw pointer says neither how much it points to nor who owns it; "
                "hold a std::vector, std::unique_ptr or std::span instead, or write tutti_visit(m, v).");
  static_assert(t != tier::base_classes,
                "tutti: a struct with base classes is not a plain aggregate; make the base a field, or write "
                "tutti_visit(m, v).");
  static_assert(t != tier::reference_field,
                "tutti: every field of a plain struct must be initialisable from {}, so none may be a reference; "
                "hold a value, or write tutti_visit(m, v).");
  static_assert(t != tier::too_many_fields,
                "tutti: a plain struct may have at most 64 fields; group some into a struct of their own, or write "
                "tutti_visit(m, v).");
  static_assert(t != tier::unknown,
                "tutti: this type is neither numbers, nor a container, nor a plain struct; write "
                "tutti_visit(m, v) beside it.");
}

enum class walk_finds : std::uint8_t { nothing, tensors, no_way };

template <class... M>
struct type_list {};
template <class M>
struct children {
  using types = type_list<std::remove_cv_t<typename M::value_type>>;
};
template <class M, std::size_t N>
struct children<M[N]> {
  using types = type_list<M>;
};
template <class M>
requires is_smart_pointer<M>
struct children<M> {
  using types = type_list<std::remove_cvref_t<decltype(*std::declval<M&>())>>;
};
template <class T>
struct children<std::reference_wrapper<T>> {
  using types = type_list<std::remove_cv_t<T>>;
};
template <template <class...> class V, class... T>
requires is_variant<V<T...>>
struct children<V<T...>> {
  using types = type_list<T...>;
};
template <class... T>
struct children<std::tuple<T...>> {
  using types = type_list<T...>;
};
template <class A, class B>
struct children<std::pair<A, B>> {
  using types = type_list<std::remove_cv_t<A>, B>;
};
template <map_like M>
struct children<M> {
  using types = type_list<typename M::mapped_type>;
};

template <class... T>
type_list<std::remove_cvref_t<T>...> list_of_fields(std::tuple<T...> const*);

template <class M, class... Seen>
consteval walk_finds finds();

template <class... Seen, class... Child>
consteval walk_finds finds_below(type_list<Child...>) {
  walk_finds all = walk_finds::nothing;
  for (walk_finds one : {walk_finds::nothing, detail::finds<Child, Seen...>()...}) all = one > all ? one : all;
  return all;
}

/// What a walk over M meets, without instantiating one. Seen breaks recursion in types that contain themselves.
template <class M, class... Seen>
consteval walk_finds finds() {
  if constexpr ((std::is_same_v<M, Seen> || ...)) {
    return walk_finds::nothing;
  } else {
    constexpr tier t = detail::tier_of<M>();
    if constexpr (t > tier::opaque) {
      return walk_finds::no_way;
    } else if constexpr (t == tier::opaque) {
      return walk_finds::nothing;
    } else if constexpr (t == tier::container) {
      return detail::finds_below<M, Seen...>(typename children<M>::types{});
    } else if constexpr (t == tier::aggregate) {
      return detail::finds_below<M, Seen...>(decltype(detail::list_of_fields(static_cast<fields_of<M>*>(nullptr))){});
    } else {
      return walk_finds::tensors;
    }
  }
}

}  // namespace detail

/// A type that the walk understands down to its last field, and in which it finds at least one tensor.
template <class M>
concept model = detail::finds<std::remove_cvref_t<M>>()
== detail::walk_finds::tensors;

}  // namespace tutti::inline TUTTI_ABI
