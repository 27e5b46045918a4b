// SPDX-License-Identifier: BSL-1.0
// Opt-in: the types of Eigen that are more than one dense block of numbers, as models.
//
// Matrices, vectors, arrays, maps, blocks and tensors need no header: the walk knows them by their members. This one
// adds sparse and diagonal matrices, quaternions and transforms.
#pragma once

#include <cstddef>
#include <span>

#include <Eigen/Geometry>
#include <Eigen/SparseCore>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/tensor.hpp>
#include <tutti/model/tier.hpp>

namespace tutti::inline TUTTI_ABI {

/// The stored values are trained, where they stand is not: `values` is a parameter, `outer` and `inner` are buffers.
/// Two replicas must have the same pattern. Throws config unless the matrix is compressed.
template <class T, int options, class Index>
struct model_traits<Eigen::SparseMatrix<T, options, Index>> {
  static void visit(Eigen::SparseMatrix<T, options, Index>& m, auto&& v) {
    if (!m.isCompressed())
      throw error(error_kind::config, "a sparse matrix has room between its values: call its makeCompressed() first");
    auto const stored = static_cast<std::size_t>(m.nonZeros());
    std::span<T> values(m.valuePtr(), stored);
    std::span<Index> outer(m.outerIndexPtr(), static_cast<std::size_t>(m.outerSize()) + 1);
    std::span<Index> inner(m.innerIndexPtr(), stored);
    v("values", values);
    v("outer", outer, role::buffer);
    v("inner", inner, role::buffer);
  }
};

/// Its diagonal, a vector.
template <class T, int size, int max_size>
struct model_traits<Eigen::DiagonalMatrix<T, size, max_size>> {
  static void visit(Eigen::DiagonalMatrix<T, size, max_size>& m, auto&& v) { v("", m.diagonal()); }
};

/// Four numbers in Eigen's order: x, y, z, w.
template <class T, int options>
struct model_traits<Eigen::Quaternion<T, options>> {
  static void visit(Eigen::Quaternion<T, options>& m, auto&& v) { v("", m.coeffs()); }
};

/// Its matrix.
template <class T, int dim, int mode, int options>
struct model_traits<Eigen::Transform<T, dim, mode, options>> {
  static void visit(Eigen::Transform<T, dim, mode, options>& m, auto&& v) { v("", m.matrix()); }
};

}  // namespace tutti::inline TUTTI_ABI
