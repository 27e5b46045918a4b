// SPDX-License-Identifier: BSL-1.0
// One step of training over a batch: gradients of this rank's slots, their mean over all ranks, one step of the
// optimiser.
#pragma once

#include <algorithm>
#include <type_traits>

#include <tutti/core/version.hpp>
#include <tutti/data/batch.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/train/summed.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// For every slot of `batch` that this rank computes, calls f(slot, gradient) with a gradient of zeros, to which f adds
/// the SUM over the slot's samples; then `ways.sync` makes the mean over the batch and `optimizer` steps `model`.
///
/// Returns the sum of what f returns, where that is a `summed` loss: this rank's part, for an allreduce now and then.
/// `gradient` is workspace of the model's shape, kept by the caller so that no step allocates; afterwards it holds the
/// mean. Collective: all ranks call it for each batch, those without a slot too. The same bits on any number of ranks.
template <class Ways, class Optimizer, class Model, class F>
summed train_step(Ways& ways, Optimizer& optimizer, Model& model, Model& gradient, sample_batch const& batch, F&& f) {
  summed total;
  for (sample_slot const slot : batch.slots()) {
    for_each_tensor(gradient, [](auto const& t) {
      using T = typename decltype(t.data)::value_type;
      if constexpr (trainable<T>) std::fill(t.data.begin(), t.data.end(), T{});
    });
    double const weight = static_cast<double>(slot.size());
    constexpr bool by_pass = requires { ways.begin(slot.index(), gradient, weight); };
    if constexpr (by_pass) ways.begin(slot.index(), gradient, weight);  // f may say ways.ready(name)
    if constexpr (std::is_void_v<std::invoke_result_t<F&, sample_slot const&, Model&>>)
      f(slot, gradient);
    else
      total += f(slot, gradient);
    if constexpr (by_pass)
      ways.end();
    else
      ways.add(slot.index(), gradient, weight);
  }
  ways.sync(gradient);
  optimizer.step(model, gradient);
  return total;
}

}  // namespace tutti::inline TUTTI_ABI
