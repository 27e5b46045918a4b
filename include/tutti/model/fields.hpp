// SPDX-License-Identifier: BSL-1.0
// The fields of a plain aggregate: how many, what they are called, and references to them.
#pragma once

#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {
namespace detail {

// Up to 64 of `{}` and of names: n = 8 G + R; G<n> ends with a comma, R<n> does not.
// clang-format off
#define TUTTI_E_G1 {}, {}, {}, {}, {}, {}, {}, {},
#define TUTTI_N_G1 f0, f1, f2, f3, f4, f5, f6, f7,
#define TUTTI_E_G2 TUTTI_E_G1 {}, {}, {}, {}, {}, {}, {}, {},
#define TUTTI_N_G2 TUTTI_N_G1 f8, f9, f10, f11, f12, f13, f14, f15,
#define TUTTI_E_G3 TUTTI_E_G2 {}, {}, {}, {}, {}, {}, {}, {},
#define TUTTI_N_G3 TUTTI_N_G2 f16, f17, f18, f19, f20, f21, f22, f23,
#define TUTTI_E_G4 TUTTI_E_G3 {}, {}, {}, {}, {}, {}, {}, {},
#define TUTTI_N_G4 TUTTI_N_G3 f24, f25, f26, f27, f28, f29, f30, f31,
#define TUTTI_E_G5 TUTTI_E_G4 {}, {}, {}, {}, {}, {}, {}, {},
#define TUTTI_N_G5 TUTTI_N_G4 f32, f33, f34, f35, f36, f37, f38, f39,
#define TUTTI_E_G6 TUTTI_E_G5 {}, {}, {}, {}, {}, {}, {}, {},
#define TUTTI_N_G6 TUTTI_N_G5 f40, f41, f42, f43, f44, f45, f46, f47,
#define TUTTI_E_G7 TUTTI_E_G6 {}, {}, {}, {}, {}, {}, {}, {},
#define TUTTI_N_G7 TUTTI_N_G6 f48, f49, f50, f51, f52, f53, f54, f55,
#define TUTTI_E_G0
#define TUTTI_N_G0
#define TUTTI_E_R1 {}
#define TUTTI_N_R1 r0
#define TUTTI_E_R2 {}, {}
#define TUTTI_N_R2 r0, r1
#define TUTTI_E_R3 {}, {}, {}
#define TUTTI_N_R3 r0, r1, r2
#define TUTTI_E_R4 {}, {}, {}, {}
#define TUTTI_N_R4 r0, r1, r2, r3
#define TUTTI_E_R5 {}, {}, {}, {}, {}
#define TUTTI_N_R5 r0, r1, r2, r3, r4
#define TUTTI_E_R6 {}, {}, {}, {}, {}, {}
#define TUTTI_N_R6 r0, r1, r2, r3, r4, r5
#define TUTTI_E_R7 {}, {}, {}, {}, {}, {}, {}
#define TUTTI_N_R7 r0, r1, r2, r3, r4, r5, r6
#define TUTTI_E_R8 {}, {}, {}, {}, {}, {}, {}, {}
#define TUTTI_N_R8 r0, r1, r2, r3, r4, r5, r6, r7
#define TUTTI_FIELD_COUNTS(row) \
  row(1, 0, 1) row(2, 0, 2) row(3, 0, 3) row(4, 0, 4) row(5, 0, 5) row(6, 0, 6) row(7, 0, 7) row(8, 0, 8) \
  row(9, 1, 1) row(10, 1, 2) row(11, 1, 3) row(12, 1, 4) row(13, 1, 5) row(14, 1, 6) row(15, 1, 7) row(16, 1, 8) \
  row(17, 2, 1) row(18, 2, 2) row(19, 2, 3) row(20, 2, 4) row(21, 2, 5) row(22, 2, 6) row(23, 2, 7) row(24, 2, 8) \
  row(25, 3, 1) row(26, 3, 2) row(27, 3, 3) row(28, 3, 4) row(29, 3, 5) row(30, 3, 6) row(31, 3, 7) row(32, 3, 8) \
  row(33, 4, 1) row(34, 4, 2) row(35, 4, 3) row(36, 4, 4) row(37, 4, 5) row(38, 4, 6) row(39, 4, 7) row(40, 4, 8) \
  row(41, 5, 1) row(42, 5, 2) row(43, 5, 3) row(44, 5, 4) row(45, 5, 5) row(46, 5, 6) row(47, 5, 7) row(48, 5, 8) \
  row(49, 6, 1) row(50, 6, 2) row(51, 6, 3) row(52, 6, 4) row(53, 6, 5) row(54, 6, 6) row(55, 6, 7) row(56, 6, 8) \
  row(57, 7, 1) row(58, 7, 2) row(59, 7, 3) row(60, 7, 4) row(61, 7, 5) row(62, 7, 6) row(63, 7, 7) row(64, 7, 8)
// clang-format on

/// Whether T{ {}, {}, … } with `n` empty braces is well-formed. One `{}` stands for one field, arrays included, so the
/// largest such n is the number of fields. 65 stands for "more than 64".
template <class T, std::size_t n>
consteval bool takes_braces() {
  if constexpr (n == 0) {
    return requires { T{}; };
  } else if constexpr (n == 65) {
    return requires { T{TUTTI_E_G7 TUTTI_E_R8, {}}; };
  }
#define TUTTI_ROW(count, g, r)                         \
  else if constexpr (n == count) {                     \
    return requires { T{TUTTI_E_G##g TUTTI_E_R##r}; }; \
  }
  TUTTI_FIELD_COUNTS(TUTTI_ROW)
#undef TUTTI_ROW
  return false;
}

inline constexpr std::size_t no_fields_found = 66;

/// The number of fields of the aggregate T; 65 if there are more than 64; no_fields_found if some field cannot be
/// initialised from `{}`, which is so for a reference.
template <class T, std::size_t n = 0, bool found = false>
consteval std::size_t count_fields() {
  if constexpr (n == 66) {
    return found ? 65 : no_fields_found;
  } else if constexpr (takes_braces<T, n>()) {
    return count_fields<T, n + 1, true>();
  } else if constexpr (found) {
    return n - 1;
  } else {
    return count_fields<T, n + 1, false>();
  }
}

template <class T>
inline constexpr std::size_t field_count = count_fields<std::remove_cv_t<T>>();

/// Converts to any proper base of T: only a base class can be initialised from it.
template <class T>
struct base_of {
  template <class B>
  requires(std::is_base_of_v<B, T> && !std::is_same_v<B, T>) operator B() const;
};
template <class T>
inline constexpr bool has_bases = requires {
  T{base_of<T>{}};
};

template <class... F>
constexpr std::tuple<F&...> tie_bindings(F&... fields) {
  return std::tuple<F&...>(fields...);
}

/// References to the fields of an aggregate, in order; const if the aggregate is. A bit-field is refused by the
/// compiler here: no reference binds to one.
template <class M>
constexpr auto tie_fields(M& m) {
  constexpr std::size_t n = field_count<M>;
  if constexpr (n == 0) {
    static_cast<void>(m);
    return std::tuple<>();
  }
#define TUTTI_ROW(count, g, r)                              \
  else if constexpr (n == count) {                          \
    auto& [TUTTI_N_G##g TUTTI_N_R##r] = m;                  \
    return detail::tie_bindings(TUTTI_N_G##g TUTTI_N_R##r); \
  }
  TUTTI_FIELD_COUNTS(TUTTI_ROW)
#undef TUTTI_ROW
}

template <class M>
using fields_of = decltype(detail::tie_fields(std::declval<M&>()));
template <class M>
inline constexpr std::size_t tied_fields = std::tuple_size_v<fields_of<M>>;

// The name of a field is read off the text a compiler prints for a function whose template argument is a pointer to
// that field, in an object that is declared and never defined: "… &holder<M>::object.value.weight}".
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
template <class T>
struct holder {
  T const value;
  static holder<T> const object;
};
template <class T>
struct field_pointer {
  T const* to;
};

template <class T>
consteval T const& undefined_object() noexcept {
  return holder<T>::object.value;
}
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <auto pointer>
consteval std::string_view text_of_pointer() {
  return __PRETTY_FUNCTION__;
}

constexpr std::string_view last_identifier(std::string_view text) {
  auto in_name = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  std::size_t end = text.rfind('}');
  while (end > 0 && !in_name(text[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && in_name(text[begin - 1])) --begin;
  return text.substr(begin, end - begin);
}

template <class M, std::size_t i>
inline constexpr std::string_view field_name = detail::last_identifier(
    detail::text_of_pointer<field_pointer<std::remove_cvref_t<std::tuple_element_t<i, fields_of<M const>>>>{
        &std::get<i>(detail::tie_fields(detail::undefined_object<M>()))}>());

#undef TUTTI_E_G0
#undef TUTTI_N_G0
#undef TUTTI_E_G1
#undef TUTTI_N_G1
#undef TUTTI_E_G2
#undef TUTTI_N_G2
#undef TUTTI_E_G3
#undef TUTTI_N_G3
#undef TUTTI_E_G4
#undef TUTTI_N_G4
#undef TUTTI_E_G5
#undef TUTTI_N_G5
#undef TUTTI_E_G6
#undef TUTTI_N_G6
#undef TUTTI_E_G7
#undef TUTTI_N_G7
#undef TUTTI_E_R1
#undef TUTTI_N_R1
#undef TUTTI_E_R2
#undef TUTTI_N_R2
#undef TUTTI_E_R3
#undef TUTTI_N_R3
#undef TUTTI_E_R4
#undef TUTTI_N_R4
#undef TUTTI_E_R5
#undef TUTTI_N_R5
#undef TUTTI_E_R6
#undef TUTTI_N_R6
#undef TUTTI_E_R7
#undef TUTTI_N_R7
#undef TUTTI_E_R8
#undef TUTTI_N_R8
#undef TUTTI_FIELD_COUNTS

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
