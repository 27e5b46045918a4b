// SPDX-License-Identifier: BSL-1.0
// What a visitor of a model is handed: one named, shaped block of numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <tutti/core/element.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// A parameter is what training changes; a buffer is what only travels along (step counters, running counts).
enum class role : std::uint8_t { parameter, buffer };

/// One leaf of a model. Name and shape are valid only during the visit; `data` is the model's own storage, as long as
/// the model keeps it. The product of `shape` is data.size(); a scalar has an empty shape. Extents are those of memory,
/// the slowest first: a column-major matrix of 3 rows and 2 columns is a tensor of 2 x 3.
template <class T>
struct tensor {
  std::string_view name;
  std::span<T> data;
  std::span<std::size_t const> shape;
  role kind = role::parameter;
};

/// Whether a T is a number of a tensor. Specialise it for number types of your own (trivially copyable, no padding).
template <class T>
inline constexpr bool is_tensor_element =
    detail::integer<T> || detail::real<T> || detail::is_complex<T> || std::is_same_v<T, std::byte>;

namespace detail {

/// T, or the number at the bottom of arrays of arrays of it: float[64][10] and array<array<float, 10>, 64> are floats.
template <class T>
struct fixed_array {
  using element = T;
  static constexpr bool is_numbers = is_tensor_element<T>;
  static constexpr std::size_t rank = 0;
  template <std::size_t n>
  static constexpr void put_shape(std::array<std::size_t, n>&, std::size_t) {}
};
template <class T, std::size_t N>
struct fixed_array<T[N]> {
  using element = typename fixed_array<T>::element;
  static constexpr bool is_numbers = fixed_array<T>::is_numbers;
  static constexpr std::size_t rank = fixed_array<T>::rank + 1;
  template <std::size_t n>
  static constexpr void put_shape(std::array<std::size_t, n>& shape, std::size_t at) {
    shape[at] = N;
    fixed_array<T>::put_shape(shape, at + 1);
  }
};
template <class T, std::size_t N>
requires(N > 0) struct fixed_array<std::array<T, N>> : fixed_array<T[N]> {
};

template <class T>
constexpr role role_of_element() {
  return integer<T> || std::is_same_v<T, std::byte> ? role::buffer : role::parameter;
}

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
