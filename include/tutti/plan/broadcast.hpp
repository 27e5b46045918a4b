// SPDX-License-Identifier: BSL-1.0
// Plans of broadcast: every rank ends with the root's bytes.
#pragma once

#include <cstddef>

#include <tutti/plan/tree.hpp>
#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

// Star: the root sends everything to everyone.
// Why     one round, p-1 messages.
// Trace   p=3, root 0: 0 sends to 1 and 2.
// Cost    alpha + (p-1) o + (p-1)n beta
// Limits  none. The root's link carries (p-1)n: direct wins on real links from about 2 KiB.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007.
void broadcast_star(auto& w) {
  block const out = w.all(buffer::output);
  if (w.rank() == w.root()) {
    for (int i = 1; i < w.size(); ++i) w.send(w.after(i), out);
  } else {
    w.recv(w.root(), out);
  }
}

// Direct: the root scatters to the others, and each of them relays its part to the rest as it arrives.
// Why     meets the bandwidth bound in two rounds: no rank sends or receives more than n.
// Trace   p=3, root 0: 0 sends half 1 to 1 and half 2 to 2; 1 sends half 1 to 2, 2 sends half 2 to 1.
// Cost    2 alpha + 2(p-1) o + n beta
// Limits  none. (p-1)² messages in all: star wins for small n.
// See     van de Geijn's scatter-allgather, with the root left out of the allgather.
void broadcast_direct(auto& w) {
  if (w.rank() == w.root()) {
    for (int i = 1; i < w.size(); ++i) w.send(w.after(i), w.part(w.after(i), buffer::output));
    return;
  }
  block const mine = w.part(w.rank(), buffer::output);
  w.recv(w.root(), mine);
  for (int i = 1; i < w.size(); ++i)
    if (w.after(i) != w.root()) w.send(w.after(i), mine);
  for (int i = 1; i < w.size(); ++i)
    if (w.after(i) != w.root()) w.recv(w.after(i), w.part(w.after(i), buffer::output));
}

// Binomial: the root sends to the far half, and both halves do the same.
// Why     ceil(lg p) rounds, and no rank sends more than ceil(lg p) messages.
// Trace   p=5, root 0: 0 sends to 4, to 2 and to 1; 2 sends to 3.
// Cost    ceil(lg p)(alpha + 2 o) + ceil(lg p) n beta
// Limits  none. The root sends ceil(lg p) n: for long vectors chain or direct.
// See     Thakur, Rabenseifner & Gropp 2005.
void broadcast_binomial(auto& w) {
  block const out = w.all(buffer::output);
  auto const place = w.tree_from(w.root());
  if (place.parent >= 0) w.recv(place.parent, out);
  for (std::size_t i = place.children.size(); i-- > 0;) w.send(place.children[i].rank, out);
}

// Chain: everyone hands on to the next rank what arrives, as it arrives.
// Why     every rank receives n once and sends it once: the bandwidth bound, with as many messages as a tree.
// Trace   p=4, root 1: 1 to 2 to 3 to 0.
// Cost    (p-1)(alpha + 2 o) + n beta, and (p-2) granules on their way
// Limits  none. The last rank hears nothing for p-1 hops: for small n a tree.
// See     performance.md's cut-through chain: no segment sizes, since a stream is forwarded byte by byte.
void broadcast_chain(auto& w) {
  block const out = w.all(buffer::output);
  if (w.rank() != w.root()) w.recv(w.after(w.size() - 1), out);
  if (w.after(1) != w.root()) w.send(w.after(1), out);
}

}  // namespace tutti::inline TUTTI_ABI::plan
