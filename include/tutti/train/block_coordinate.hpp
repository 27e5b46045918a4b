// SPDX-License-Identifier: BSL-1.0
// Every rank trains its own part of the weights; what couples the parts is what is left to explain.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/options.hpp>
#include <tutti/group/communicator.hpp>

namespace tutti::inline TUTTI_ABI {

// Jacobi by blocks, with damping.
// Why     all ranks improve their blocks at the same time, each as if the others stood still, so together they go too
//         far: by up to their number. Damped by 1 / p, which is the default, the step is the mean of p steps that each
//         improve a convex loss, hence one itself.
// Trace   A w = b: residual r = b - A w on every rank; rank k proposes d = inverse(A_kk) r_k, goes w_k += damping d,
// and
//         takes A_{:,k} damping d off the residual, in one sum over the ranks.
// Cost    one allreduce of the residual per step; the weights themselves never travel.
// See     Bertsekas & Tsitsiklis 1989, section 2.6.
/// The residual (b - A w, or targets less predictions, which must be sums over the ranks' blocks) is the same on every
/// rank; each keeps only its own block of the weights. Without the exchange every rank would explain all of it by its
/// block alone, which is another problem. The communicator must outlive this.
template <transport::streams S, std::floating_point T>
class block_coordinate {
 public:
  /// `residual`: that of the weights all ranks begin with, the same on all. `damping`: 0 stands for 1 / size().
  block_coordinate(basic_communicator<S>& comm, std::vector<T> residual, T damping = 0)
      : comm_(&comm),
        residual_(std::move(residual)),
        damping_(damping > 0 ? damping : T{1} / static_cast<T>(comm.size())) {}

  /// Collective: one step of all blocks. propose(residual, change) fills `change`, as long as `mine` and zeros at
  /// first, with what would be best for this block alone; effect(change, removed) adds to `removed`, as long as the
  /// residual, what that change takes off it. Both get spans. A rank's block may be empty.
  template <class Propose, class Effect>
  void step(std::span<T> mine, Propose propose, Effect effect, options how = {}) {
    change_.assign(mine.size(), T{0});
    removed_.assign(residual_.size(), T{0});
    propose(std::span<T const>(residual_), std::span<T>(change_));
    for (std::size_t i = 0; i < mine.size(); ++i) mine[i] += change_[i] *= damping_;
    effect(std::span<T const>(change_), std::span<T>(removed_));
    allreduce(*comm_, removed_, how);
    for (std::size_t i = 0; i < residual_.size(); ++i) residual_[i] -= removed_[i];
  }

  /// What is left to explain, with the same bits on every rank.
  [[nodiscard]] std::vector<T> const& residual() const noexcept { return residual_; }
  [[nodiscard]] T damping() const noexcept { return damping_; }

 private:
  basic_communicator<S>* comm_;
  std::vector<T> residual_;
  std::vector<T> removed_;
  std::vector<T> change_;
  T damping_;
};

template <transport::streams S, class T>
block_coordinate(basic_communicator<S>&, std::vector<T>, std::type_identity_t<T> = 0) -> block_coordinate<S, T>;

}  // namespace tutti::inline TUTTI_ABI
