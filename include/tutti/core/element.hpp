// SPDX-License-Identifier: BSL-1.0
// The element types that travel as they lie in memory, and the code by which ranks compare them.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <tutti/core/bfloat16.hpp>
#include <tutti/core/half.hpp>
#include <tutti/core/number.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// A type that may be sent as raw bytes: trivially copyable, and no pointer. (std::complex is, on every platform we
/// know; the standard just does not say so.)
template <class T>
concept element = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_member_pointer_v<T> &&
                  !std::is_null_pointer_v<T> && !std::is_reference_v<T> && !std::is_const_v<T>;

enum class element_class : std::uint8_t {
  raw,
  boolean,
  signed_integer,
  unsigned_integer,
  floating,
  complex,
  record,
  brain
};

/// Class and size of T in one number: equal on every compiler for the same type, different for most pairs of types.
/// User structs are known by their size alone.
template <element T>
[[nodiscard]] constexpr std::uint32_t element_code() noexcept {
  constexpr element_class kind = std::same_as<T, std::byte> || std::same_as<T, char> ? element_class::raw
                                 : std::same_as<T, bool>                             ? element_class::boolean
                                 : detail::signed_integer<T>                         ? element_class::signed_integer
                                 : detail::integer<T>                                ? element_class::unsigned_integer
                                 : std::same_as<T, bfloat16>                         ? element_class::brain
                                 : detail::real<T>                                   ? element_class::floating
                                 : detail::is_complex<T>                             ? element_class::complex
                                                                                     : element_class::record;
  return static_cast<std::uint32_t>(kind) << 24U | static_cast<std::uint32_t>(sizeof(T) & 0xffffffU);
}

/// "f32", "i64", "record of 24 bytes": for errors.
[[nodiscard]] inline std::string element_name(std::uint32_t code) {
  std::string const size = std::to_string(code & 0xffffffU);
  std::string const bits = std::to_string((code & 0xffffffU) * 8U);
  switch (static_cast<element_class>(code >> 24U)) {
    case element_class::raw:
      return size == "1" ? "byte" : "bytes";
    case element_class::boolean:
      return "bool";
    case element_class::signed_integer:
      return "i" + bits;
    case element_class::unsigned_integer:
      return "u" + bits;
    case element_class::floating:
      return "f" + bits;
    case element_class::brain:
      return "bf" + bits;
    case element_class::complex:
      return "complex" + bits;
    case element_class::record:
      return "record of " + size + " bytes";
  }
  return "unknown element";
}

}  // namespace tutti::inline TUTTI_ABI
