// SPDX-License-Identifier: BSL-1.0
// Leaving the training loop: all ranks in the same step, or the others would wait for those that have left.
#pragma once

#include <cstdint>
#include <limits>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/summed.hpp>

namespace tutti::inline TUTTI_ABI {

/// Whose consent ends the loop.
enum class voters : std::uint8_t { all, any };

/// Collective. Whether all ranks, or any rank, say `mine`: the same answer on every rank.
template <transport::streams S>
[[nodiscard]] bool converged(basic_communicator<S>& comm, bool mine, voters who = voters::all, options how = {}) {
  return who == voters::all ? comm.agree(mine, how) : !comm.agree(!mine, how);
}

/// Ends training when a loss has not become better, by more than `least_gain`, for `patience` times in a row:
///
///     tutti::early_stop stop{.patience = 5};
///     do { …one epoch… } while (!stop(world, loss_of_my_samples));
///
/// It judges the mean over all ranks, the same bits everywhere, so that all leave together. Plain data, hence a model:
/// it is saved with the rest, and goes on where it was.
struct early_stop {
  std::uint64_t patience = 1;
  double least_gain = 0;
  double best = std::numeric_limits<double>::infinity();
  std::uint64_t without_gain = 0;  ///< times in a row

  /// Collective. True if it is time to stop. A mean that is NaN is no gain.
  template <transport::streams S>
  [[nodiscard]] bool operator()(basic_communicator<S>& comm, summed const& mine, options how = {}) {
    return judge(allreduce(comm, mine, how).mean());
  }
  /// The same for a loss that is already the same on all ranks; no communication.
  [[nodiscard]] bool judge(double loss) noexcept {
    if (loss < best - least_gain) {
      best = loss;
      without_gain = 0;
    } else {
      ++without_gain;
    }
    return without_gain >= patience;
  }
};

}  // namespace tutti::inline TUTTI_ABI
