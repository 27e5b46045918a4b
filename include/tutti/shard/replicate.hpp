// SPDX-License-Identifier: BSL-1.0
// replicate: every rank starts from the same model. First makes sure that it is the same kind of model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/barrier.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/signature.hpp>
#include <tutti/model/visit.hpp>

namespace tutti::inline TUTTI_ABI {

/// Throws config on every rank, the same sentence naming the first rank that differs from the root and its first
/// differing tensor, unless the models of all ranks have tensors of the same names, types and shapes. Collective.
template <transport::streams S, class M>
void check_replicas(basic_communicator<S>& comm, M const& model, options how = {}) {
  detail::checked_root(comm, plan::collective::broadcast, how.root);
  auto const mine = signature_of(model);
  std::vector<std::uint64_t> hashes(static_cast<std::size_t>(comm.size()));
  allgather(comm, std::span<std::uint64_t const>(&mine.hash, 1), hashes, how);
  std::size_t const root = static_cast<std::size_t>(how.root);
  std::size_t other = 0;
  while (other < hashes.size() && hashes[other] == hashes[root]) ++other;
  if (other == hashes.size()) return;
  // Every rank has seen the same hashes, so all come here: the root's list travels, then the other's words on it.
  auto theirs = mine;
  broadcast(comm, theirs, how);
  auto words = first_difference(theirs, mine);
  options from = how;
  from.root = static_cast<int>(other);
  broadcast(comm, words, from);
  try {
    barrier(comm, how);  // a rank that ended of this error sooner would abort those who have yet to hear the words
  } catch (error const&) {
  }
  throw error(error_kind::config, "the models of rank " + std::to_string(root) + " (here) and rank " +
                                      std::to_string(other) + " (there) differ: " + words);
}

/// Every rank's `model` becomes the root's, tensor by tensor, after check_replicas(). What is no tensor stays as it
/// was.
template <transport::streams S, class M>
void replicate(basic_communicator<S>& comm, M& model, options how = {}) {
  tutti::TUTTI_ABI::check_replicas(comm, model, how);
  for_each_tensor(model, [&](auto const& t) { detail::broadcast_span(comm, t.data, how); });
}

}  // namespace tutti::inline TUTTI_ABI
