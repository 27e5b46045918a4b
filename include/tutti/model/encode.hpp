// SPDX-License-Identifier: BSL-1.0
// encode: any object as bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/leaf.hpp>
#include <tutti/model/serialisable.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/model/wire.hpp>

namespace tutti::inline TUTTI_ABI {
namespace detail {

/// A contiguous container of numbers, moved as one block.
template <class M>
concept number_block = contiguous_leaf<M> && requires(M& m) {
  m.resize(std::size_t{});
};

template <class M>
void write_value(archive_writer& ar, M const& m);

template <class T>
void write_numbers(archive_writer& ar, T const* data, std::size_t count) {
  using fixed = fixed_array<T>;
  using number = typename fixed::element;
  ar.put_all(std::span<number const>(reinterpret_cast<number const*>(data), count * (sizeof(T) / sizeof(number))));
}

struct write_visitor {
  archive_writer& ar;
  template <class T>
  void operator()(std::string_view, T&& value) const {
    using plain = std::remove_cvref_t<T>;
    if constexpr (is_view<plain> && contiguous_leaf<plain>) {
      ar.count(value.size());
      detail::write_numbers(ar, value.data(), value.size());
    } else {
      detail::write_value<plain>(ar, value);
    }
  }
  template <class T>
  void operator()(std::string_view name, T&& value, role) const {
    (*this)(name, value);
  }
};

template <class M, class Visitor>
void call_hook(M& m, Visitor& v) {
  if constexpr (traits_hook<M>) {
    model_traits<M>::visit(m, v);
  } else {
    tutti_visit(m, v);
  }
}

template <class M>
void write_value(archive_writer& ar, M const& m) {
  detail::require_form<M>();
  archive_level const level(ar);
  constexpr wire_form form = detail::form_of<M>();
  if constexpr (form == wire_form::number) {
    ar.put(m);
  } else if constexpr (form == wire_form::enumeration) {
    ar.put(static_cast<std::underlying_type_t<M>>(m));
  } else if constexpr (form == wire_form::text) {
    ar.count(m.size());
    ar.put_all(std::span<typename M::value_type const>(m.data(), m.size()));
  } else if constexpr (form == wire_form::fixed) {
    if constexpr (fixed_leaf<M>) {
      detail::write_numbers(ar, &m, 1);
    } else {
      for (auto const& element : m) detail::write_value(ar, element);
      if (std::size(m) == 0) ar.put(std::uint8_t{0});
    }
  } else if constexpr (form == wire_form::matrix) {
    detail::with_leaf(m, "matrix", [&ar]<class T>(std::span<T> data, std::span<std::size_t const> shape) {
      ar.count(shape[0]);
      ar.count(shape.size() > 1 ? shape[1] : 1);
      ar.put_all(std::span<std::remove_cv_t<T> const>(data));
    });
  } else if constexpr (form == wire_form::sequence) {
    ar.count(m.size());
    if constexpr (number_block<M>) {
      detail::write_numbers(ar, m.data(), m.size());
    } else {
      for (auto const& element : m) detail::write_value<typename M::value_type>(ar, element);
    }
  } else if constexpr (form == wire_form::map) {
    ar.count(m.size());
    for (auto const& [key, value] : m) {
      detail::write_value(ar, key);
      detail::write_value(ar, value);
    }
  } else if constexpr (form == wire_form::set) {
    ar.count(m.size());
    for (auto const& key : m) detail::write_value(ar, key);
  } else if constexpr (form == wire_form::owner) {
    ar.put(static_cast<bool>(m));
    if (m) detail::write_value<std::remove_cvref_t<decltype(*m)>>(ar, *m);
  } else if constexpr (form == wire_form::shared) {
    if (!m) return ar.put(std::uint8_t{0});
    auto const [number, known] = ar.share(m.get());
    ar.put(static_cast<std::uint8_t>(known ? 2 : 1));
    if (known) {
      ar.put(number);
    } else {
      detail::write_value<std::remove_cvref_t<decltype(*m)>>(ar, *m);
    }
  } else if constexpr (form == wire_form::variant) {
    static_assert(alternatives<M> < 256, "tutti: a variant may have at most 255 alternatives.");
    if (m.valueless_by_exception()) throw error(error_kind::config, "a variant that holds nothing cannot be sent");
    ar.put(static_cast<std::uint8_t>(m.index()));
    visit([&ar](auto const& active) { detail::write_value(ar, active); }, m);
  } else if constexpr (form == wire_form::tuple) {
    std::apply([&ar](auto const&... element) { (detail::write_value(ar, element), ...); }, m);
    if constexpr (std::tuple_size_v<M> == 0) ar.put(std::uint8_t{0});
  } else if constexpr (form == wire_form::hook) {
    ar.put(std::uint8_t{0});
    write_visitor v{ar};
    detail::call_hook(const_cast<M&>(m), v);
  } else if constexpr (form == wire_form::boost) {
    ar.put(std::uint8_t{0});
    serialize_bridge<M>::write(ar, m);
  } else if constexpr (form == wire_form::aggregate) {
    std::apply([&ar](auto const&... field) { (detail::write_value(ar, field), ...); }, detail::tie_fields(m));
    if constexpr (tied_fields<M> == 0) ar.put(std::uint8_t{0});
  }
}

}  // namespace detail

/// The object as bytes, the same on every platform (long double and record types: on every platform of the same
/// layout). Objects reached through several shared pointers are sent once. Throws error{config} for what cannot be
/// sent: a matrix view with gaps, an empty variant, nesting beyond archive_depth.
template <class T>
[[nodiscard]] std::vector<std::byte> encode(T const& object) {
  detail::archive_writer ar;
  detail::write_value(ar, object);
  return ar.take();
}

}  // namespace tutti::inline TUTTI_ABI
