// SPDX-License-Identifier: BSL-1.0
// decode: the object in the bytes, believing nothing: memory grows only with the bytes received.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tutti/core/bytes.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/encode.hpp>
#include <tutti/model/leaf.hpp>
#include <tutti/model/serialisable.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/model/wire.hpp>

namespace tutti::inline TUTTI_ABI {
namespace detail {

template <class M>
void read_value(archive_reader& ar, M& m);

template <class T>
void read_numbers(archive_reader& ar, T* data, std::size_t count) {
  using fixed = fixed_array<T>;
  using number = typename fixed::element;
  ar.get_all(std::span<number>(reinterpret_cast<number*>(data), count * (sizeof(T) / sizeof(number))));
}

struct read_visitor {
  archive_reader& ar;
  template <class T>
  void operator()(std::string_view, T&& value) const {
    using plain = std::remove_cvref_t<T>;
    if constexpr (is_view<plain> && contiguous_leaf<plain>) {
      std::size_t const where = ar.offset();
      std::size_t const n = ar.count(sizeof(*value.data()));
      if (n != value.size()) ar.fail("a block of numbers has another size than the object's", where);
      detail::read_numbers(ar, value.data(), n);
    } else {
      detail::read_value(ar, value);
    }
  }
  template <class T>
  void operator()(std::string_view name, T&& value, role) const {
    (*this)(name, value);
  }
};

template <class = on_use>
void read_marker(archive_reader& ar) {
  if (ar.get<std::uint8_t>() != 0) ar.fail("a marker byte is not 0", ar.offset() - 1);
}

template <class M>
void read_matrix(archive_reader& ar, M& m) {
  std::size_t const where = ar.offset();
  auto const rows = ar.get<std::uint64_t>();
  auto const cols = ar.get<std::uint64_t>();
  using number = std::remove_cvref_t<decltype(*[](M& x) {
    if constexpr (contiguous_leaf<M>) {
      return x.data();
    } else {
      return x.memptr();
    }
  }(m))>;
  constexpr auto largest = static_cast<std::uint64_t>((std::numeric_limits<std::ptrdiff_t>::max)());
  std::uint64_t const room = ar.remaining() / sizeof(number);
  if (rows > largest || cols > largest || (rows > 0 && cols > room / rows))
    ar.fail("a matrix of " + std::to_string(rows) + " x " + std::to_string(cols) + " does not fit into the " +
                std::to_string(ar.remaining()) + " bytes left",
            where);
  if constexpr (contiguous_leaf<M>) {
    if (rows != static_cast<std::uint64_t>(m.rows()) || cols != static_cast<std::uint64_t>(m.cols())) {
      constexpr auto fits = [](std::uint64_t n, auto fixed) {
        return fixed < 0 || n == static_cast<std::uint64_t>(fixed);
      };
      bool resizable = true;
      if constexpr (requires {
                      M::RowsAtCompileTime;
                      M::ColsAtCompileTime;
                    })
        resizable =
            fits(rows, static_cast<long>(M::RowsAtCompileTime)) && fits(cols, static_cast<long>(M::ColsAtCompileTime));
      if constexpr (requires {
                      M::MaxRowsAtCompileTime;
                      M::MaxColsAtCompileTime;
                    }) {
        constexpr auto below = [](std::uint64_t n, auto most) {
          return most < 0 || n <= static_cast<std::uint64_t>(most);
        };
        resizable = resizable && below(rows, static_cast<long>(M::MaxRowsAtCompileTime)) &&
                    below(cols, static_cast<long>(M::MaxColsAtCompileTime));
      }
      if constexpr (requires { m.resize(m.rows(), m.cols()); }) {
        if (!resizable) ar.fail("a matrix of fixed size has other extents", where);
        m.resize(static_cast<decltype(m.rows())>(rows), static_cast<decltype(m.cols())>(cols));
      } else {
        ar.fail("a matrix of fixed size has other extents", where);
      }
    }
  } else {
    m.set_size(static_cast<decltype(m.n_elem)>(rows), static_cast<decltype(m.n_elem)>(cols));
  }
  detail::with_leaf(m, "matrix", [&ar](auto data, auto) { ar.get_all(data); });
}

template <class M, std::size_t... i>
void read_variant(archive_reader& ar, M& m, std::index_sequence<i...>) {
  std::size_t const index = ar.get<std::uint8_t>();
  if (index >= sizeof...(i)) ar.fail("a variant has no alternative " + std::to_string(index), ar.offset() - 1);
  auto one = [&]<std::size_t k>(std::integral_constant<std::size_t, k>) {
    if (index == k) detail::read_value(ar, m.template emplace<k>());
  };
  (one(std::integral_constant<std::size_t, i>{}), ...);
}

template <class M>
void read_shared(archive_reader& ar, M& m) {
  using object = typename M::element_type;
  std::size_t const where = ar.offset();
  switch (ar.get<std::uint8_t>()) {
    case 0:
      m.reset();
      return;
    case 1: {
      auto fresh = std::make_shared<std::remove_const_t<object>>();
      m = fresh;
      ar.share(m);  // known before its content is read: it may contain itself
      detail::read_value(ar, *fresh);
      return;
    }
    case 2: {
      auto const number = ar.get<std::uint64_t>();
      if (number >= ar.shared_objects()) ar.fail("a shared object has not been sent before", where);
      m = ar.template shared<object>(number);
      return;
    }
    default:
      ar.fail("a shared pointer is neither null, new nor known", where);
  }
}

template <class M>
void read_elements(archive_reader& ar, M& m) {
  using value = typename M::value_type;
  m.clear();
  if constexpr (number_block<M>) {
    std::size_t const n = ar.count(sizeof(value));
    m.resize(n);
    detail::read_numbers(ar, m.data(), n);
  } else {
    for (std::size_t n = ar.count(detail::min_size<value>()); n > 0; --n) {
      if constexpr (proxied<M>) {
        m.push_back(ar.get<value>());
      } else {
        detail::read_value(ar, m.emplace_back());
      }
    }
  }
}

template <class M>
void read_keyed(archive_reader& ar, M& m) {
  using key_type = typename M::key_type;
  m.clear();
  auto put = [&](auto&&... parts) {
    if constexpr (requires { m.emplace(std::move(parts)...).second; }) {
      if (!m.emplace(std::move(parts)...).second) ar.fail("a key comes twice");
    } else {
      m.emplace(std::move(parts)...);  // multimap, multiset
    }
  };
  if constexpr (map_like<M>) {
    using mapped = typename M::mapped_type;
    for (std::size_t n = ar.count(detail::min_size<key_type>() + detail::min_size<mapped>()); n > 0; --n) {
      key_type key{};
      detail::read_value(ar, key);
      mapped value{};
      detail::read_value(ar, value);
      put(std::move(key), std::move(value));
    }
  } else {
    for (std::size_t n = ar.count(detail::min_size<key_type>()); n > 0; --n) {
      key_type key{};
      detail::read_value(ar, key);
      put(std::move(key));
    }
  }
}

template <class M>
void read_value(archive_reader& ar, M& m) {
  detail::require_form<M>();
  static_assert(!std::is_const_v<M>, "tutti: a const field cannot be received; make it a plain one.");
  archive_level const level(ar);
  constexpr wire_form form = detail::form_of<M>();
  if constexpr (form == wire_form::number) {
    m = ar.get<M>();
  } else if constexpr (form == wire_form::enumeration) {
    auto const value = ar.get<std::underlying_type_t<M>>();
    if constexpr (checked_enum<M>) {
      if (!tutti_valid(M{}, static_cast<long long>(value)))
        ar.fail("an enumeration has no value " + std::to_string(value), ar.offset() - sizeof(M));
    }
    m = static_cast<M>(value);
  } else if constexpr (form == wire_form::text) {
    std::size_t const n = ar.count(sizeof(typename M::value_type));
    m.resize(n);
    ar.get_all(std::span<typename M::value_type>(m.data(), n));
  } else if constexpr (form == wire_form::fixed) {
    if constexpr (fixed_leaf<M>) {
      detail::read_numbers(ar, &m, 1);
    } else {
      for (auto& element : m) detail::read_value(ar, element);
      if (std::size(m) == 0) detail::read_marker(ar);
    }
  } else if constexpr (form == wire_form::matrix) {
    detail::read_matrix(ar, m);
  } else if constexpr (form == wire_form::sequence) {
    detail::read_elements(ar, m);
  } else if constexpr (form == wire_form::map || form == wire_form::set) {
    detail::read_keyed(ar, m);
  } else if constexpr (form == wire_form::owner) {
    m.reset();
    if (!ar.get<bool>()) return;
    if constexpr (is_optional<M>) {
      detail::read_value(ar, m.emplace());
    } else {
      auto fresh = std::make_unique<std::remove_const_t<typename M::element_type>>();
      detail::read_value(ar, *fresh);
      m = std::move(fresh);
    }
  } else if constexpr (form == wire_form::shared) {
    detail::read_shared(ar, m);
  } else if constexpr (form == wire_form::variant) {
    detail::read_variant(ar, m, std::make_index_sequence<alternatives<M>>{});
  } else if constexpr (form == wire_form::tuple) {
    std::apply([&ar](auto&... element) { (detail::read_value(ar, element), ...); }, m);
    if constexpr (std::tuple_size_v<M> == 0) detail::read_marker(ar);
  } else if constexpr (form == wire_form::hook) {
    detail::read_marker(ar);
    read_visitor v{ar};
    detail::call_hook(m, v);
  } else if constexpr (form == wire_form::boost) {
    detail::read_marker(ar);
    serialize_bridge<M>::read(ar, m);
  } else if constexpr (form == wire_form::aggregate) {
    std::apply([&ar](auto&... field) { (detail::read_value(ar, field), ...); }, detail::tie_fields(m));
    if constexpr (tied_fields<M> == 0) detail::read_marker(ar);
  }
}

}  // namespace detail

/// Replaces `object` by the one encoded in `data`. Throws error{protocol}, naming the byte, if `data` is anything but
/// one whole encoding of a T; `object` is then valid but unspecified. No count is believed beyond what the rest of
/// `data` can hold, so memory stays proportional to data.size(), whatever it says.
template <class T>
void decode(const_bytes data, T& object) {
  detail::archive_reader ar(data);
  detail::read_value(ar, object);
  ar.finish();
}

}  // namespace tutti::inline TUTTI_ABI
