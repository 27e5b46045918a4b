// SPDX-License-Identifier: BSL-1.0
// Leaves of a model: everything that is one contiguous block of numbers, recognised by its members, never by its
// library.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/tensor.hpp>

namespace tutti::inline TUTTI_ABI {
namespace detail {

template <class T>
inline constexpr bool is_text = false;
template <class C, class R, class A>
inline constexpr bool is_text<std::basic_string<C, R, A>> = true;
template <class C, class R>
inline constexpr bool is_text<std::basic_string_view<C, R>> = true;

template <class M>
concept fixed_leaf = fixed_array<M>::is_numbers;

/// vector, span, array, Eigen's matrices, maps and blocks: data() and size() over numbers or fixed arrays of numbers.
template <class M>
concept contiguous_leaf = !is_text<M> && requires(M & m) {
  {*m.data()};
  { m.size() } -> std::integral;
  requires std::is_pointer_v<decltype(m.data())>;
  requires !std::is_void_v<std::remove_pointer_t<decltype(m.data())>>;
  requires fixed_array<std::remove_cv_t<std::remove_pointer_t<decltype(m.data())>>>::is_numbers;
};

/// Armadillo's matrices.
template <class M>
concept memptr_leaf = requires(M& m) {
  requires is_tensor_element<std::remove_cvref_t<decltype(*m.memptr())>>;
  {static_cast<std::size_t>(m.n_elem)};
};

/// A handle whose element type is known at run time only, as LibTorch's Tensor.
template <class M>
concept handle_leaf = requires(M const& m) {
  { m.data_ptr() } -> std::same_as<void*>;
  { m.numel() } -> std::integral;
  { m.element_size() } -> std::integral;
  { m.is_floating_point() } -> std::same_as<bool>;
  { m.is_contiguous() } -> std::same_as<bool>;
  m.sizes().begin();
};

template <class M>
concept leaf = fixed_leaf<M> || contiguous_leaf<M> || memptr_leaf<M> || handle_leaf<M>;

template <class M>
concept matrix_like = requires(M const& m) {
  { m.rows() } -> std::integral;
  { m.cols() } -> std::integral;
};

// Eigen's words for what lies where, known at compile time.
template <class M>
concept vector_like = requires {
  requires M::RowsAtCompileTime == 1 || M::ColsAtCompileTime == 1;
};
template <class M>
concept column_major = requires {
  requires !static_cast<bool>(M::IsRowMajor);
}
|| requires { requires static_cast<int>(M::Layout) == 0; };
template <class M>
concept tensor_like = requires(M const& m) {
  M::NumIndices;
  m.dimensions()[0];
};

[[noreturn]] inline void refuse_strides(std::string_view name) {
  throw error(error_kind::config, "tensor '" + std::string(name) +
                                      "' is a strided view, not one block of memory: copy it into a matrix of its own");
}

/// Throws unless the matrix lies in memory without gaps.
template <class M>
void check_strides(M const& m, std::string_view name) {
  if constexpr (requires {
                  m.innerStride();
                  m.outerStride();
                }) {
    auto inner = m.rows();
    auto outer = m.cols();
    if constexpr (requires { M::IsRowMajor; }) {
      if constexpr (static_cast<bool>(M::IsRowMajor)) {
        inner = m.cols();
        outer = m.rows();
      }
    }
    if (inner == 0 || outer == 0) return;
    if ((inner > 1 && m.innerStride() != 1) || (outer > 1 && m.outerStride() != inner)) detail::refuse_strides(name);
    if (inner == 1 && outer > 1 && m.outerStride() != 1) detail::refuse_strides(name);
  }
}

template <class T, class M>
using as_const_like = std::conditional_t<std::is_const_v<M>, T const, T>;

template <class T, class F>
void handle_as(void* data, std::size_t count, auto const& shape, F& f) {
  f(std::span<T>(static_cast<T*>(data), count), std::span<std::size_t const>(shape));
}

[[noreturn]] inline void refuse_handle(std::string_view name) {
  throw error(error_kind::config, "tensor '" + std::string(name) +
                                      "' is no block of this process's memory (undefined, sparse, or on another "
                                      "device): give a dense one on the CPU");
}

template <class M, class F>
void with_handle(M& m, std::string_view name, F& f) {
  if constexpr (requires { m.has_storage(); }) {
    if (!m.has_storage()) detail::refuse_handle(name);
  }
  if constexpr (requires { m.is_cpu(); }) {
    if (!m.is_cpu()) detail::refuse_handle(name);
  }
  if (!m.is_contiguous()) detail::refuse_strides(name);
  std::vector<later<std::size_t, M>> shape;
  for (auto extent : m.sizes()) shape.push_back(static_cast<std::size_t>(extent));
  auto const count = static_cast<std::size_t>(m.numel());
  auto const width = static_cast<std::size_t>(m.element_size());
  void* const data = m.data_ptr();
  bool complex = false;
  if constexpr (requires { m.is_complex(); }) complex = m.is_complex();
  if (m.is_floating_point()) {
    if (width == 4) return detail::handle_as<as_const_like<float, M>>(data, count, shape, f);
    if (width == 8) return detail::handle_as<as_const_like<double, M>>(data, count, shape, f);
  } else if (!complex) {
    if (width == 1) return detail::handle_as<as_const_like<std::uint8_t, M>>(data, count, shape, f);
    if (width == 4) return detail::handle_as<as_const_like<std::int32_t, M>>(data, count, shape, f);
    if (width == 8) return detail::handle_as<as_const_like<std::int64_t, M>>(data, count, shape, f);
  }
  throw error(error_kind::config, "tensor '" + std::string(name) + "' has elements of " + std::to_string(width) +
                                      " bytes that tutti does not know: convert it to float or double");
}

/// Calls f(span of numbers, span of extents) for the leaf `m`. The numbers are const where m is.
template <class M, class F>
void with_leaf(M& m, std::string_view name, F&& f) {
  using plain = std::remove_cv_t<M>;
  if constexpr (handle_leaf<plain>) {
    detail::with_handle(m, name, f);
  } else if constexpr (fixed_leaf<plain>) {
    using fixed = fixed_array<plain>;
    using number = as_const_like<typename fixed::element, M>;
    std::array<std::size_t, fixed::rank> shape{};
    fixed::put_shape(shape, 0);
    f(std::span<number>(reinterpret_cast<number*>(&m), sizeof(M) / sizeof(number)),
      std::span<std::size_t const>(shape.data(), shape.size()));
  } else if constexpr (memptr_leaf<plain>) {
    using number = as_const_like<std::remove_reference_t<decltype(*m.memptr())>, M>;
    std::array<std::size_t, 2> shape{static_cast<std::size_t>(m.n_elem), 1};
    std::size_t rank = 1;
    if constexpr (requires {
                    m.n_rows;
                    m.n_cols;
                  }) {
      shape = {static_cast<std::size_t>(m.n_cols), static_cast<std::size_t>(m.n_rows)};  // column after column
      rank = 2;
    }
    f(std::span<number>(m.memptr(), static_cast<std::size_t>(m.n_elem)),
      std::span<std::size_t const>(shape.data(), rank));
  } else {
    using pointee = std::remove_pointer_t<decltype(m.data())>;
    using fixed = fixed_array<std::remove_cv_t<pointee>>;
    using number = as_const_like<as_const_like<typename fixed::element, pointee>, M>;
    auto const count = static_cast<std::size_t>(m.size());
    std::span<number> const numbers(reinterpret_cast<number*>(m.data()), count * (sizeof(pointee) / sizeof(number)));
    if constexpr (matrix_like<plain>) {
      detail::check_strides(m, name);
      std::array<std::size_t, 2> shape{static_cast<std::size_t>(m.rows()), static_cast<std::size_t>(m.cols())};
      if constexpr (vector_like<plain>) {
        f(numbers, std::span<std::size_t const>(&count, 1));
      } else {
        if constexpr (column_major<plain>) shape = {shape[1], shape[0]};
        f(numbers, std::span<std::size_t const>(shape));
      }
    } else if constexpr (tensor_like<plain>) {
      using index = std::conditional_t < requires { m.dimensions().begin(); }
      , std::size_t, std::ptrdiff_t > ;
      std::array<std::size_t, static_cast<std::size_t>(plain::NumIndices)> shape{};
      for (std::size_t i = 0; i < shape.size(); ++i) {
        shape[column_major<plain> ? shape.size() - 1 - i : i] =
            static_cast<std::size_t>(m.dimensions()[static_cast<index>(i)]);
      }
      f(numbers, std::span<std::size_t const>(shape));
    } else {
      std::array<std::size_t, fixed::rank + 1> shape{count};
      fixed::put_shape(shape, 1);
      f(numbers, std::span<std::size_t const>(shape));
    }
  }
}

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
