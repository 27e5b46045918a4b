// SPDX-License-Identifier: BSL-1.0
// PowerSGD: a matrix of gradients as the product of a tall and a wide one of few columns, each the sum over all ranks.
// Why     one step of power iteration a training step, begun where the last one ended, finds what matters most.
// Trace   P = sum of M Q, orthonormal columns; Q = sum of M' P; the mean is P Q' over the weight. All sums are plain.
// Cost    2 allreduces of rank (rows + columns) floats instead of one of rows * columns.
// Limits  what is no matrix, or no larger than its factors, travels as it is.
// See     Vogels, Karimireddy & Jaggi 2019.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/compress_codec.hpp>
#include <tutti/train/compress_shapes.hpp>

namespace tutti::inline TUTTI_ABI::detail {

class low_rank_exchange {
 public:
  template <class Scheme>
  low_rank_exchange(Scheme const& scheme, gradient_shapes const& shapes, int)
      : rank_(scheme.rank), tensors_(shapes.tensors), mean_(shapes.numbers) {
    if (rank_ == 0) throw error(error_kind::config, "power_sgd: the rank must be at least 1");
    std::size_t tall = 0;
    std::size_t wide = 0;
    for (auto const& t : tensors_) {
      bool const cut = is_cut(t);
      tall += cut ? t.rows * rank_ : t.rows * t.columns;
      wide += cut ? t.columns * rank_ : 0;
    }
    tall_.resize(tall + 2);
    wide_.resize(wide);
  }

  template <transport::streams S>
  double mean(basic_communicator<S>& comm, std::span<float> x, double weight, options const& how) {
    refill();
    each(x, [&](gradient_shape const& t, std::span<float> m, std::span<float> p, std::span<float> q) {
      if (q.empty()) {
        std::copy(m.begin(), m.end(), p.begin());
        std::fill(m.begin(), m.end(), 0.0F);  // nothing is lost
        return;
      }
      std::fill(p.begin(), p.end(), 0.0F);
      for (std::size_t i = 0; i < t.rows; ++i)
        for (std::size_t j = 0; j < t.columns; ++j)
          for (std::size_t k = 0; k < rank_; ++k) p[i * rank_ + k] += m[i * t.columns + j] * q[j * rank_ + k];
    });
    double const high = math::floor(weight / 4096);
    tall_[tall_.size() - 2] = static_cast<float>(high);  // two exact floats, as in data_parallel
    tall_[tall_.size() - 1] = static_cast<float>(weight - high * 4096);
    allreduce(comm, tall_, how);
    double const total =
        static_cast<double>(tall_[tall_.size() - 2]) * 4096 + static_cast<double>(tall_[tall_.size() - 1]);
    each(x, [&](gradient_shape const& t, std::span<float> m, std::span<float> p, std::span<float> q) {
      if (q.empty()) return;
      make_orthonormal(p, t.rows);
      std::fill(q.begin(), q.end(), 0.0F);
      for (std::size_t i = 0; i < t.rows; ++i)
        for (std::size_t j = 0; j < t.columns; ++j)
          for (std::size_t k = 0; k < rank_; ++k) q[j * rank_ + k] += m[i * t.columns + j] * p[i * rank_ + k];
      multiply(t, p, q, [&](std::size_t at, float v) { m[at] = detail::lost(m[at], v); });
    });
    if (!wide_.empty()) allreduce(comm, wide_, how);
    auto const by = static_cast<float>(total);
    each(std::span(mean_), [&](gradient_shape const& t, std::span<float> m, std::span<float> p, std::span<float> q) {
      if (q.empty())
        for (std::size_t i = 0; i < m.size(); ++i) m[i] = p[i] / by;
      else
        multiply(t, p, q, [&](std::size_t at, float v) { m[at] = v / by; });
    });
    return total;
  }
  template <class T>
  void read(std::size_t first, std::span<T> to) const {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<T>(mean_[first + i]);
  }

 private:
  [[nodiscard]] bool is_cut(gradient_shape const& t) const noexcept {
    return t.rows > 1 && rank_ * (t.rows + t.columns) < t.rows * t.columns;
  }
  /// Calls f(shape, the tensor in x, its tall factor, its wide one); what is not cut has no wide one.
  template <class F>
  void each(std::span<float> x, F f) {
    std::span<float> tall(tall_);
    std::span<float> wide(wide_);
    for (auto const& t : tensors_) {
      std::size_t const n = is_cut(t) ? t.rows * rank_ : t.rows * t.columns;
      std::size_t const m = is_cut(t) ? t.columns * rank_ : 0;
      f(t, x.subspan(t.first, t.rows * t.columns), tall.first(n), wide.first(m));
      tall = tall.subspan(n);
      wide = wide.subspan(m);
    }
  }
  template <class F>
  void multiply(gradient_shape const& t, std::span<float const> p, std::span<float const> q, F use) const {
    for (std::size_t i = 0; i < t.rows; ++i)
      for (std::size_t j = 0; j < t.columns; ++j) {
        float v = 0;
        for (std::size_t k = 0; k < rank_; ++k) v += p[i * rank_ + k] * q[j * rank_ + k];
        use(i * t.columns + j, v);
      }
  }
  /// A column of zeros, or one that is no number, begins anew at random: the same on every rank, for all have the same
  /// wide factors.
  void refill() {
    each(std::span(mean_), [&](gradient_shape const& t, std::span<float>, std::span<float>, std::span<float> q) {
      for (std::size_t k = 0; k < rank_ && !q.empty(); ++k) {
        float square = 0;
        for (std::size_t j = 0; j < t.columns; ++j) square += q[j * rank_ + k] * q[j * rank_ + k];
        if (square > 0 && square - square == 0) continue;
        for (std::size_t j = 0; j < t.columns; ++j) {
          seed_ = seed_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's
          q[j * rank_ + k] = static_cast<float>(static_cast<std::int32_t>(seed_ >> 32U)) * 0x1p-31F;
        }
      }
    });
  }
  /// Gram and Schmidt, in double; a column that depends on the others becomes zero.
  void make_orthonormal(std::span<float> p, std::size_t rows) const {
    auto const dot = [&](std::size_t a, std::size_t b) {
      double sum = 0;
      for (std::size_t i = 0; i < rows; ++i)
        sum += static_cast<double>(p[i * rank_ + a]) * static_cast<double>(p[i * rank_ + b]);
      return sum;
    };
    for (std::size_t k = 0; k < rank_; ++k) {
      double const before = dot(k, k);
      for (std::size_t other = 0; other < k; ++other) {
        double const part = dot(k, other);
        for (std::size_t i = 0; i < rows; ++i)
          p[i * rank_ + k] -= static_cast<float>(part * static_cast<double>(p[i * rank_ + other]));
      }
      double const left = dot(k, k);
      double const by = left > before * 1e-10 ? 1 / math::sqrt(left) : left - left;  // NaN stays NaN
      for (std::size_t i = 0; i < rows; ++i)
        p[i * rank_ + k] = static_cast<float>(static_cast<double>(p[i * rank_ + k]) * by);
    }
  }

  std::size_t rank_;
  std::vector<gradient_shape> tensors_;
  std::vector<float> mean_;
  std::vector<float> tall_;  // P of each matrix, and whole what is not cut; the weight
  std::vector<float> wide_;  // Q of each matrix, kept from step to step
  std::uint64_t seed_ = 1;
};

}  // namespace tutti::inline TUTTI_ABI::detail

namespace tutti::inline TUTTI_ABI::compress {

/// Matrices as products of two factors of `rank` columns; what that leaves out is added to the next step. The first
/// dimension of a tensor counts as rows, all others as columns.
struct power_sgd {
  std::size_t rank = 2;
  bool feedback = true;
  using exchange = detail::low_rank_exchange;
};

}  // namespace tutti::inline TUTTI_ABI::compress
