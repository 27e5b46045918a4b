// SPDX-License-Identifier: BSL-1.0
// partition_model: cuts any model among ranks by a scheme. Pure: no communication, the same answer on every rank.
#pragma once

#include <utility>

#include <tutti/core/version.hpp>
#include <tutti/model/signature.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/shard/by_bytes.hpp>
#include <tutti/shard/flat_view.hpp>

namespace tutti::inline TUTTI_ABI {

/// Who owns what of a model with these tensors: `signature_of(model)`, or a list of names and shapes of a model that
/// does not exist. `ranks` may be more than there are numbers.
template <class Scheme = by_bytes>
[[nodiscard]] flat_view partition_model(signature const& tensors, int ranks, Scheme scheme = {}) {
  flat_view view(ranks, Scheme::name);
  view.append(tensors, scheme);
  return view;
}
template <model M, class Scheme = by_bytes>
[[nodiscard]] flat_view partition_model(M const& m, int ranks, Scheme scheme = {}) {
  return tutti::TUTTI_ABI::partition_model(signature_of(m), ranks, std::move(scheme));
}

}  // namespace tutti::inline TUTTI_ABI
