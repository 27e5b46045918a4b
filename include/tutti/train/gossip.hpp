// SPDX-License-Identifier: BSL-1.0
// Training without a centre: every rank mixes its model with those of its neighbours, and steps by its own gradient.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/options.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/flat_weights.hpp>
#include <tutti/train/mixing.hpp>

namespace tutti::inline TUTTI_ABI {

/// Decentralised gradient descent (Nedić & Ozdaglar 2009), what the literature calls DGD: x becomes W x - rate times
/// the gradient at x. With a constant rate the ranks do not meet at the optimum, but stay apart and off by an amount in
/// proportion to the rate. Peers of `how` call together; others need not. The communicator must outlive this.
///
/// For one model in the end: allreduce(world, model, mean).
template <transport::streams S, class Optimizer>
class gossip {
 public:
  gossip(basic_communicator<S>& comm, mixing how, Optimizer optimizer)
      : mixer_(comm, std::move(how)), optimizer_(std::move(optimizer)) {}

  /// `gradient`: at `model`, a sum over `weight` samples, which becomes their mean; with weight 0 this rank only mixes.
  template <class M, class G>
  void step(M& model, G& gradient, double weight = 1, options how = {}) {
    detail::divide("gossip", gradient, weight);
    detail::copy_weights("gossip", model, row_);
    per_weight* const rows[] = {&row_};
    mixer_.mix(rows, how);
    detail::copy_weights("gossip", row_, model);
    if (weight > 0) optimizer_.step(model, gradient);
  }
  /// This rank's, to change its rate.
  [[nodiscard]] Optimizer& optimizer() noexcept { return optimizer_; }

 private:
  detail::mixer<S> mixer_;
  Optimizer optimizer_;
  per_weight row_;
};

/// Gossip that tracks the mean gradient of all ranks (Nedić, Olshevsky & Shi 2017): y becomes W y + gradient - the
/// gradient before, x becomes W x - rate times y. With plain SGD of a small enough constant rate all ranks reach the
/// optimum of the mean loss, whatever their own. Twice the bytes of gossip.
template <transport::streams S, class Optimizer>
class gradient_tracking {
 public:
  gradient_tracking(basic_communicator<S>& comm, mixing how, Optimizer optimizer)
      : mixer_(comm, std::move(how)), optimizer_(std::move(optimizer)) {}

  /// `gradient`: at `model`, a sum over `weight` samples (not 0); becomes y, this rank's estimate of the mean gradient
  /// of all.
  template <class M, class G>
  void step(M& model, G& gradient, double weight = 1, options how = {}) {
    if (weight == 0) throw error(error_kind::config, "gradient_tracking: every rank needs samples at every step");
    detail::divide("gradient_tracking", gradient, weight);
    detail::copy_weights("gradient_tracking", gradient, now_);
    detail::copy_weights("gradient_tracking", model, row_);
    if (!began_) {
      before_ = now_;
      tracked_ = now_;
      per_weight* const rows[] = {&row_};
      mixer_.mix(rows, how);
      began_ = true;
    } else {
      per_weight* const rows[] = {&row_, &tracked_};
      mixer_.mix(rows, how);
      add_change(tracked_.f32, now_.f32, before_.f32);
      add_change(tracked_.f64, now_.f64, before_.f64);
      std::swap(before_, now_);
    }
    detail::copy_weights("gradient_tracking", row_, model);
    detail::copy_weights("gradient_tracking", tracked_, gradient);
    optimizer_.step(model, gradient);
  }
  [[nodiscard]] Optimizer& optimizer() noexcept { return optimizer_; }

 private:
  template <class T>
  static void add_change(std::vector<T>& y, std::vector<T> const& now, std::vector<T> const& before) {
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += now[i] - before[i];
  }

  detail::mixer<S> mixer_;
  Optimizer optimizer_;
  per_weight row_;      ///< the model
  per_weight tracked_;  ///< y
  per_weight now_;      ///< this rank's gradient
  per_weight before_;   ///< and the last one
  bool began_ = false;
};

}  // namespace tutti::inline TUTTI_ABI
