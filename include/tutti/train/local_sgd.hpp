// SPDX-License-Identifier: BSL-1.0
// Every rank trains on its own and the models are averaged now and then: few, large messages instead of many.
#pragma once

#include <cstdint>
#include <utility>

#include <tutti/core/error.hpp>
#include <tutti/core/options.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/flat_weights.hpp>
#include <tutti/train/sgd.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// The optimiser of one rank, and how much it has learnt since the ranks last met.
template <class Optimizer>
class local_steps {
 public:
  local_steps(char const* who, Optimizer optimizer, std::uint64_t every)
      : who_(who), optimizer_(std::move(optimizer)), every_(every) {
    if (every == 0) throw error(error_kind::config, std::string(who) + ": every must be at least 1");
  }
  /// Whether it is time to meet.
  template <class M, class G>
  bool step(M& model, G& gradient, double weight) {
    detail::divide(who_, gradient, weight);
    if (weight > 0) optimizer_.step(model, gradient);
    weight_ += weight;
    return ++steps_ == every_;
  }
  [[nodiscard]] bool any() const noexcept { return steps_ > 0; }
  [[nodiscard]] Optimizer& optimizer() noexcept { return optimizer_; }
  /// The sum of the weights, which begins anew.
  double meet() noexcept {
    steps_ = 0;
    return std::exchange(weight_, 0);
  }

 private:
  char const* who_;
  Optimizer optimizer_;
  std::uint64_t every_;
  std::uint64_t steps_ = 0;
  double weight_ = 0;
};

/// All numbers times `factor`: those that data_parallel sums up.
template <class M>
void scale(M& model, double factor) {
  for_each_tensor(model, [&]<class T>(tensor<T> const& t) {
    if constexpr (trainable<T>)
      for (T& x : t.data) x *= static_cast<T>(factor);
  });
}

}  // namespace detail

/// Local SGD (Stich 2019), federated averaging (McMahan et al. 2017): `every` steps on each rank by itself, then every
/// model becomes their mean, weighted by the samples each rank learnt from. With plain SGD and every = 1 that is data
/// parallel training; with an optimiser that is not linear in the gradient, such as Adam, it is not. Each rank's
/// optimiser keeps its own state. The ranks begin with the same model: replicate() first. All make the same number of
/// steps. The communicator must outlive this.
template <transport::streams S, class Optimizer>
class local_sgd {
 public:
  template <class M>
  local_sgd(basic_communicator<S>& comm, M const& like, Optimizer optimizer, std::uint64_t every)
      : mean_(comm, like), local_("local_sgd", std::move(optimizer), every) {}

  /// A step by `gradient`, a sum over `weight` samples, which becomes their mean. Each `every`th also is a sync().
  template <class M, class G>
  void step(M& model, G& gradient, double weight = 1, options how = {}) {
    if (local_.step(model, gradient, weight)) sync(model, how);
  }
  /// Collective: the mean now, with the same bits on every rank; nothing if there has been no step since the last. Call
  /// it after the last step.
  template <class M>
  void sync(M& model, options how = {}) {
    if (!local_.any()) return;
    double const weight = local_.meet();
    if (weight != 1) detail::scale(model, weight);
    mean_.sync(model, weight, how);
  }
  /// This rank's, to change its rate.
  [[nodiscard]] Optimizer& optimizer() noexcept { return local_.optimizer(); }

 private:
  data_parallel<S> mean_;
  detail::local_steps<Optimizer> local_;
};

template <transport::streams S, class M, class Optimizer>
local_sgd(basic_communicator<S>&, M const&, Optimizer, std::uint64_t) -> local_sgd<S, Optimizer>;

/// DiLoCo (Douillard et al. 2023): as local_sgd, but what the ranks found is a direction for a second optimiser, which
/// steps from where all began: outer gradient = start - mean of the models. All ranks make the same outer step. An
/// outer sgd{.lr = 1} takes the mean itself.
template <transport::streams S, class Inner, class Outer = sgd>
class diloco {
 public:
  /// `model`: the same on all ranks.
  template <class M>
  diloco(basic_communicator<S>& comm, M const& model, Inner inner, std::uint64_t every,
         Outer outer = {.lr = 0.7, .momentum = 0.9, .nesterov = true})
      : start_(begin(model)),
        mean_(comm, start_),
        local_("diloco", std::move(inner), every),
        outer_(std::move(outer)) {}

  /// A step by `gradient`, a sum over `weight` samples, which becomes their mean. Each `every`th also is a sync().
  template <class M, class G>
  void step(M& model, G& gradient, double weight = 1, options how = {}) {
    if (local_.step(model, gradient, weight)) sync(model, how);
  }
  /// Collective: the outer step now, with the same bits on every rank; nothing if there has been no step since the
  /// last. Call it after the last step. Buffers of the model stay each rank's own.
  template <class M>
  void sync(M& model, options how = {}) {
    if (!local_.any()) return;
    double const weight = local_.meet();
    detail::copy_weights("diloco", model, way_);
    zip_tensors(start_, way_, [&](auto const& from, auto const& to) {
      for (std::size_t i = 0; i < to.data.size(); ++i) to.data[i] = from.data[i] - to.data[i];
    });
    if (weight != 1) detail::scale(way_, weight);
    mean_.sync(way_, weight, how);
    outer_.step(start_, way_);
    detail::copy_weights("diloco", start_, model);
  }
  [[nodiscard]] Inner& inner() noexcept { return local_.optimizer(); }
  [[nodiscard]] Outer& outer() noexcept { return outer_; }

 private:
  template <class M>
  static per_weight begin(M const& model) {
    per_weight start;
    detail::copy_weights("diloco", model, start);
    return start;
  }

  per_weight start_;  ///< the weights all ranks last agreed on
  per_weight way_;    ///< from there to where this rank went, backwards
  data_parallel<S> mean_;
  detail::local_steps<Inner> local_;
  Outer outer_;
};

template <transport::streams S, class M, class Inner, class Outer = sgd>
diloco(basic_communicator<S>&, M const&, Inner, std::uint64_t, Outer = {}) -> diloco<S, Inner, Outer>;

}  // namespace tutti::inline TUTTI_ABI
