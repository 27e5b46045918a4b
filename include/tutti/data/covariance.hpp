// SPDX-License-Identifier: BSL-1.0
// covariance: means and covariances of vectors seen one by one, on any number of ranks.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/merge.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/moments.hpp>

namespace tutti::inline TUTTI_ABI {

/// `c.add(row)` for every row of `dimensions` numbers, then `allreduce(comm, c, merge)`. Memory and bytes sent are
/// d²/2 + 3d/2 numbers; every rank receives that from each. Formulas as in moments, for every pair of columns.
template <std::floating_point T = double>
class covariance {
 public:
  covariance() = default;
  explicit covariance(std::size_t dimensions)
      : mean_(dimensions), products_(dimensions * (dimensions + 1) / 2), step_(dimensions) {}

  [[nodiscard]] std::size_t dimensions() const noexcept { return mean_.size(); }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  /// Throws config if `row` does not have dimensions() numbers.
  void add(std::span<T const> row) {
    check(row.size());
    ++count_;
    auto const n = static_cast<T>(count_);
    for (std::size_t i = 0; i < row.size(); ++i) step_[i] = mean_[i].distance_of(row[i]);
    add_products((n - 1) / n);
    for (std::size_t i = 0; i < row.size(); ++i) mean_[i].move_by(step_[i] / n);
  }
  /// Throws config if `other` has another number of dimensions. One without any has seen nothing yet.
  void merge(covariance const& other) {
    if (other.count_ == 0) return;
    if (count_ == 0 && (dimensions() == 0 || dimensions() == other.dimensions())) {
      *this = other;
      return;
    }
    check(other.dimensions());
    if (other.products_.size() != products_.size())
      throw error(error_kind::protocol, "covariance: received a state that add() does not make");
    auto const a = static_cast<T>(count_);
    auto const b = static_cast<T>(other.count_);
    for (std::size_t i = 0; i < step_.size(); ++i) step_[i] = mean_[i].distance_of(other.mean_[i]);
    for (std::size_t i = 0; i < products_.size(); ++i) products_[i] += other.products_[i];
    add_products(a * (b / (a + b)));
    for (std::size_t i = 0; i < step_.size(); ++i) mean_[i].move_by(step_[i] * (b / (a + b)));
    count_ += other.count_;
  }

  /// NaN where nothing was seen. Here and below i, j < dimensions().
  [[nodiscard]] T mean(std::size_t i) const { return count_ == 0 ? nan : mean_[i].hi; }
  /// Of columns i and j, divided by n; the variance where i == j.
  [[nodiscard]] T operator()(std::size_t i, std::size_t j) const {
    return count_ == 0 ? nan : products_[at(i, j)] / static_cast<T>(count_);
  }
  /// The same, divided by n - 1.
  [[nodiscard]] T sample(std::size_t i, std::size_t j) const {
    return count_ < 2 ? nan : products_[at(i, j)] / static_cast<T>(count_ - 1);
  }
  /// Pearson's: between -1 and 1; NaN where a column is constant.
  [[nodiscard]] T correlation(std::size_t i, std::size_t j) const {
    auto const size = static_cast<double>(products_[at(i, i)]) * static_cast<double>(products_[at(j, j)]);
    return static_cast<T>(static_cast<double>(products_[at(i, j)]) / math::sqrt(size));
  }

  /// For the wire.
  friend void tutti_visit(covariance& c, auto&& v) {
    v("count", c.count_);
    v("mean", c.mean_);
    v("products", c.products_);
    c.step_.resize(c.mean_.size());
  }

 private:
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();

  [[nodiscard]] static std::size_t at(std::size_t i, std::size_t j) noexcept {
    return i < j ? j * (j + 1) / 2 + i : i * (i + 1) / 2 + j;
  }
  void add_products(T scale) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < step_.size(); ++i) {
      T const scaled = scale * step_[i];
      for (std::size_t j = 0; j <= i; ++j) products_[next++] += scaled * step_[j];
    }
  }
  void check(std::size_t d) const {
    if (d == dimensions()) return;
    throw error(error_kind::config, "covariance: " + std::to_string(d) + " dimensions where this one has " +
                                        std::to_string(dimensions()) + "; all ranks give the same number");
  }

  std::uint64_t count_ = 0;
  std::vector<detail::running_mean<T>> mean_;
  std::vector<T> products_;  ///< sums of products of distances from the means, the lower triangle row by row
  std::vector<T> step_;      ///< scratch
};
static_assert(mergeable<covariance<>>);

}  // namespace tutti::inline TUTTI_ABI
