// SPDX-License-Identifier: BSL-1.0
// What a compression scheme knows of a gradient: its numbers in one row, and which of them are matrices.
#pragma once

#include <cstddef>
#include <type_traits>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/train/kernels.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// One tensor: numbers first … first + rows * columns of the row. What has one dimension has one row.
struct gradient_shape {
  std::size_t first = 0;
  std::size_t rows = 0;
  std::size_t columns = 0;
};
struct gradient_shapes {
  std::vector<gradient_shape> tensors;
  std::size_t numbers = 0;
};

/// Calls f(tensor) for each that is trained: of floats or doubles, and no buffer.
template <class M, class F>
void for_each_trained(M& gradient, F f) {
  for_each_tensor(gradient, [&]<class T>(tensor<T> const& t) {
    if constexpr (trainable<std::remove_cv_t<T>>)
      if (t.kind == role::parameter) f(t);
  });
}

template <class M>
[[nodiscard]] gradient_shapes shapes_of(M const& gradient) {
  gradient_shapes all;
  for_each_trained(gradient, [&](auto const& t) {
    std::size_t const rows = t.shape.size() > 1 ? t.shape[0] : 1;
    all.tensors.push_back({all.numbers, rows, rows == 0 ? 0 : t.data.size() / rows});
    all.numbers += t.data.size();
  });
  return all;
}

}  // namespace tutti::inline TUTTI_ABI::detail
