// SPDX-License-Identifier: BSL-1.0
// Data parallel training that sends fewer bytes: the weighted mean of all ranks' gradients, rounded, and what rounding
// lost kept for the next step.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/options.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/compress_shapes.hpp>

namespace tutti::inline TUTTI_ABI {

/// `compressed dp{world, gradient, compress::int8{}}; dp.sync(gradient, weight);` as data_parallel's sync with one
/// contribution per rank. All ranks end with the same bits, close to the exact mean; with feedback, what a step leaves
/// out comes with later ones. The bits depend on the number of ranks. One rank alone sends and rounds nothing.
///
/// Schemes: compress::bfloat16, half, int8, top_k, power_sgd. Not thread safe; the communicator must outlive this.
template <transport::streams S, class Scheme>
class compressed {
 public:
  static constexpr bool replicates_gradients = true;

  /// `like`: the model, or a gradient of its shape. Integers and buffers are left alone; doubles travel as floats.
  template <class M>
  compressed(basic_communicator<S>& comm, M const& like, Scheme scheme = {})
      : comm_(&comm),
        scheme_(scheme),
        shapes_(detail::shapes_of(like)),
        kept_(shapes_.numbers),
        exchange_(scheme, shapes_, comm.size()) {}

  /// `gradient`: the sum over this rank's samples, `weight` their number; then the mean over all samples of all ranks.
  /// Returns the sum of the weights. Throws config if that is zero.
  template <class M>
  double sync(M& gradient, double weight, options how = {}) {
    if (!(weight >= 0) || math::isinf(weight))
      throw error(error_kind::config, "compressed: a weight must be a number, zero or more");
    check_size(gradient);
    if (comm_->size() == 1) return divide(gradient, weight);
    std::size_t at = 0;
    detail::for_each_trained(gradient, [&](auto const& t) {
      float* const kept = kept_.data() + at;
      if (scheme_.feedback)
        for (std::size_t i = 0; i < t.data.size(); ++i) kept[i] += static_cast<float>(t.data[i]);
      else
        for (std::size_t i = 0; i < t.data.size(); ++i) kept[i] = static_cast<float>(t.data[i]);
      at += t.data.size();
    });
    double const total = exchange_.mean(*comm_, std::span(kept_), weight, how);
    require_weight(total);
    at = 0;
    detail::for_each_trained(gradient, [&](auto const& t) {
      exchange_.read(at, t.data);
      at += t.data.size();
    });
    return total;
  }

  /// What this rank's contributions have lost so far, to be added to the next one; in the order of the tensors.
  [[nodiscard]] std::span<float const> kept() const noexcept { return kept_; }

 private:
  template <class M>
  void check_size(M const& gradient) const {
    std::size_t numbers = 0;
    detail::for_each_trained(gradient, [&](auto const& t) { numbers += t.data.size(); });
    if (numbers != shapes_.numbers)
      throw error(error_kind::config, "compressed: this gradient has " + std::to_string(numbers) +
                                          " numbers, the model it was made for " + std::to_string(shapes_.numbers));
  }
  static void require_weight(double total) {
    if (!(total > 0)) throw error(error_kind::config, "compressed: no rank contributed any weight to this step");
  }
  template <class M>
  static double divide(M& gradient, double weight) {
    require_weight(weight);
    detail::for_each_trained(gradient, [&]<class T>(tensor<T> const& t) {
      for (T& g : t.data) g /= static_cast<T>(weight);
    });
    return weight;
  }

  basic_communicator<S>* comm_;
  Scheme scheme_;
  detail::gradient_shapes shapes_;
  std::vector<float> kept_;
  typename Scheme::exchange exchange_;
};
template <transport::streams S, class M, class Scheme>
compressed(basic_communicator<S>&, M const&, Scheme) -> compressed<S, Scheme>;

}  // namespace tutti::inline TUTTI_ABI
