// SPDX-License-Identifier: BSL-1.0
// Other ways than the mean to make one gradient of those of all ranks: median and trimmed mean, which a few wrong ranks
// cannot move far, and Adasum, which adds what points in different directions and averages what points in one.
//
// Why     each number's values of all ranks must meet somewhere: rank r takes the r-th part of the numbers of everyone.
// Trace   p=3: an alltoall brings part r of the three gradients to rank r, which makes one of them; an allgather
// spreads
//         the parts. Adasum also needs the tensors' scalar products, summed over the parts, at each level of its tree.
// Cost    an alltoall and an allgather: 2n(p-1)/p beta, where a sum costs as much; Adasum: log2 p small allreduces
// more. See     Yin et al. 2018 (median, trimmed mean); Maleki et al. 2020 (Adasum).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/alltoall.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/plan/bracket.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// The numbers [first, last) of a tensor that lie in this rank's part, counted from the beginning of the part.
struct part_of_tensor {
  std::size_t first;
  std::size_t last;
};

/// Calls combine(part, parts of tensors) once for the floats and once for the doubles of all ranks' gradients: `part`
/// holds size() rows of equal length, row r from rank r, and the combination is left in row 0.
template <class T, transport::streams S, class M, class Combine>
void combine_numbers(basic_communicator<S>& comm, M& gradient, Combine& combine, options const& how) {
  auto const p = static_cast<std::size_t>(comm.size());
  std::vector<T> all;
  std::vector<std::size_t> cuts{0};
  for_each_parameter("aggregate", gradient, [&](auto const& t) {
    if constexpr (std::is_same_v<typename decltype(t.data)::element_type, T>) {
      all.insert(all.end(), t.data.begin(), t.data.end());
      cuts.push_back(all.size());
    }
  });
  if (all.empty()) return;
  std::size_t const length = (all.size() + p - 1) / p;
  std::size_t const begin = length * static_cast<std::size_t>(comm.rank());
  all.resize(length * p);  // with zeros behind the last part
  std::vector<T> part(all.size());
  alltoall(comm, all, part, how);
  std::vector<part_of_tensor> tensors;
  for (std::size_t i = 1; i < cuts.size(); ++i) {
    auto const within = [&](std::size_t at) { return (std::min)((std::max)(at, begin), begin + length) - begin; };
    tensors.push_back({within(cuts[i - 1]), within(cuts[i])});
  }
  combine(std::span<T>(part), length, tensors);
  allgather(comm, std::span<T const>(part).first(length), all, how);
  auto from = all.begin();
  for_each_parameter("aggregate", gradient, [&](auto const& t) {
    if constexpr (std::is_same_v<typename decltype(t.data)::element_type, T>) {
      auto const next = from + static_cast<std::ptrdiff_t>(t.data.size());
      std::copy(from, next, t.data.begin());
      from = next;
    }
  });
}
template <transport::streams S, class M, class Combine>
void combine_gradients(basic_communicator<S>& comm, M& gradient, Combine combine, options const& how) {
  detail::combine_numbers<float>(comm, gradient, combine, how);
  detail::combine_numbers<double>(comm, gradient, combine, how);
}

}  // namespace detail

namespace aggregate {

/// Collective. Each number becomes the mean of those of all ranks without the `trim` smallest and the `trim` largest;
/// NaN counts as larger than all. So `trim` ranks may send anything. `gradient` is this rank's own mean, for every rank
/// counts as much. The same bits on every rank. Throws config unless 2 trim < size().
template <transport::streams S, class M>
void trimmed_mean(basic_communicator<S>& comm, M& gradient, int trim, options how = {}) {
  if (trim < 0 || 2 * trim >= comm.size())
    throw error(error_kind::config, "trimmed_mean: without " + std::to_string(trim) + " at either end, nothing of " +
                                        std::to_string(comm.size()) + " ranks is left: trim less");
  auto const p = static_cast<std::size_t>(comm.size());
  auto const cut = static_cast<std::size_t>(trim);
  detail::combine_gradients(
      comm, gradient,
      [&]<class T>(std::span<T> rows, std::size_t length, std::vector<detail::part_of_tensor> const&) {
        std::vector<T> values(p);
        for (std::size_t i = 0; i < length; ++i) {
          for (std::size_t r = 0; r < p; ++r) values[r] = rows[r * length + i];
          std::sort(values.begin(), values.end(), [](T a, T b) { return a < b || (b != b && a == a); });
          double sum = 0;
          for (std::size_t r = cut; r < p - cut; ++r) sum += static_cast<double>(values[r]);
          rows[i] = static_cast<T>(sum / static_cast<double>(p - 2 * cut));
        }
      },
      how);
}

/// Collective. Each number becomes the median of those of all ranks, of an even number the mean of the middle two:
/// fewer than half of the ranks may send anything. As trimmed_mean().
template <transport::streams S, class M>
void median(basic_communicator<S>& comm, M& gradient, options how = {}) {
  tutti::TUTTI_ABI::aggregate::trimmed_mean(comm, gradient, (comm.size() - 1) / 2, how);
}

/// Collective. Pairs of ranks, then pairs of pairs along the bracket, make
/// (1 - ab / 2aa) a + (1 - ab / 2bb) b of their tensors a and b, ab being the scalar product in double: the sum where
/// they are at right angles, the mean where they are equal, and the rate need not be scaled with the number of ranks.
/// `gradient` is this rank's own mean. The same bits on every rank.
template <transport::streams S, class M>
void adasum(basic_communicator<S>& comm, M& gradient, options how = {}) {
  auto const ranks = static_cast<std::uint32_t>(comm.size());
  detail::combine_gradients(
      comm, gradient,
      [&]<class T>(std::span<T> rows, std::size_t length, std::vector<detail::part_of_tensor> const& tensors) {
        // Level by level of the bracket: the joined nodes, each kept in the row of its first rank.
        std::vector<std::vector<plan::interval>> levels;
        auto const visit = [&](auto const& self, plan::interval node) -> std::size_t {
          if (node.size() == 1) return 0;
          std::uint32_t const middle = plan::split_point(node);
          std::size_t const height = 1 + (std::max)(self(self, {node.first, middle}), self(self, {middle, node.last}));
          if (levels.size() < height) levels.resize(height);
          levels[height - 1].push_back(node);
          return height;
        };
        visit(visit, plan::interval{0, ranks});
        std::vector<double> products;  // of each node and tensor: ab, aa, bb
        for (auto const& nodes : levels) {
          products.assign(3 * nodes.size() * tensors.size(), 0);
          auto at = products.begin();
          for (auto const& node : nodes)
            for (auto const& t : tensors) {
              T const* const a = &rows[node.first * length];
              T const* const b = &rows[plan::split_point(node) * length];
              for (std::size_t i = t.first; i < t.last; ++i) {
                auto const x = static_cast<double>(a[i]);
                auto const y = static_cast<double>(b[i]);
                at[0] += x * y;
                at[1] += x * x;
                at[2] += y * y;
              }
              at += 3;
            }
          allreduce(comm, products, how);
          at = products.begin();
          for (auto const& node : nodes)
            for (auto const& t : tensors) {
              T* const a = &rows[node.first * length];
              T const* const b = &rows[plan::split_point(node) * length];
              double const share_a = at[1] > 0 ? 1 - at[0] / (2 * at[1]) : 1;
              double const share_b = at[2] > 0 ? 1 - at[0] / (2 * at[2]) : 1;
              for (std::size_t i = t.first; i < t.last; ++i)
                a[i] = static_cast<T>(share_a * static_cast<double>(a[i]) + share_b * static_cast<double>(b[i]));
              at += 3;
            }
        }
      },
      how);
}

}  // namespace aggregate
}  // namespace tutti::inline TUTTI_ABI
