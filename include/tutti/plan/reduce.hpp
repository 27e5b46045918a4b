// SPDX-License-Identifier: BSL-1.0
// Plans of reduce: the root ends with the fold of all contributions; elsewhere the buffer is unchanged.
#pragma once

#include <cstdint>

#include <tutti/plan/tree.hpp>
#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

// Star: everyone sends to the root, which folds granule by granule.
// Why     one round, p-1 messages, every leaf done as soon as its bytes have left.
// Trace   p=3, root 0: 1 and 2 send to 0; 0 folds r0,r1,r2.
// Cost    alpha + 2(p-1) o + (p-1)n beta + (p-1)n gamma
// Limits  none. The root receives (p-1)n: direct wins for large n.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007.
void reduce_star(auto& w) {
  block const out = w.all(buffer::output);
  if (w.rank() == w.root())
    w.fold_contributions(out);
  else
    w.send_contributions(w.root(), out);
}

// Direct: the others fold one part each, in rank order, and send it to the root.
// Why     meets the bandwidth bound in two rounds and still folds along the bracket; a chain could not.
// Trace   p=3, root 0: 1 gets half 1 of 0 and 2 and folds, 2 gets half 2 of 0 and 1 and folds; both send to 0.
// Cost    2 alpha + 2p o + n beta + n gamma
// Limits  none. p(p-1) messages in all: star wins for small n.
// See     the mirror image of the direct broadcast.
void reduce_direct(auto& w) {
  if (w.size() == 1) return reduce_star(w);  // there is no one but the root to fold
  for (int i = 1; i < w.size(); ++i)
    if (w.after(i) != w.root()) w.send_contributions(w.after(i), w.part(w.after(i), buffer::output));
  if (w.rank() == w.root()) {
    for (int i = 1; i < w.size(); ++i) w.recv(w.after(i), w.part(w.after(i), buffer::output));
  } else {
    block const mine = w.part(w.rank(), buffer::output);
    block const folded = w.scratch(mine);
    w.fold_contributions(folded, mine);
    w.send(w.root(), folded);
  }
}

// Binomial: along the bracket, the half without the root sends its fold to the half with it.
// Why     ceil(lg p) rounds, and no rank receives more than ceil(lg p) messages.
// Trace   p=5, root 0: 1 sends to 0 and 3 to 2; 2 sends r2,r3 to 0; 4 sends to 0, granule by granule.
// Cost    ceil(lg p)(alpha + 2 o) + ceil(lg p) n beta + ceil(lg p) n gamma
// Limits  none: any p and any root keep the bracket. The root receives ceil(lg p) n: for long vectors direct or chain.
// See     Thakur, Rabenseifner & Gropp 2005.
void reduce_binomial(auto& w) {
  block const out = w.all(buffer::output);
  auto const place = w.tree_from(w.root());
  if (place.parent < 0) return w.fold_children(place, out);
  block const sum = place.children.empty() ? out : w.scratch(out);
  if (!place.children.empty()) w.fold_children(place, sum);
  w.send(place.parent, sum);
}

// Chain: from the rank behind the root around to the root, each folds its own to what arrives, as it arrives.
// Why     every rank receives n once, folds it once and sends it once: the bandwidth bound with the fewest messages.
// Trace   p=4, root 1: 0 sends to 3, 3 sends r3,r0 to 2, 2 sends r2,r3,r0 to 1.
// Cost    (p-1)(alpha + 2 o) + n beta + n gamma, and (p-2) granules on their way
// Limits  order::any: the fold begins at the root and goes around the circle, not along the bracket.
// See     Patarasuk & Yuan 2009 (the reduce half of a ring, with one part).
void reduce_chain(auto& w) {
  block const out = w.all(buffer::output);
  if (w.size() == 1) return w.fold_contributions(out);
  int const next = w.after(1), previous = w.after(w.size() - 1);
  int const behind = (w.root() - w.rank() + w.size() - 1) % w.size();  // ranks from the next to the last of the chain
  if (behind == 0) return w.send(previous, out);
  block const sum = w.rank() == w.root() ? out : w.scratch(out), heard = w.window(out);
  w.recv(next, heard);
  auto const own = static_cast<std::uint32_t>(w.rank());
  w.fold(sum, {{out, {own, own + 1}}, {heard, {own + 1, own + 1 + static_cast<std::uint32_t>(behind)}}});
  if (w.rank() != w.root()) w.send(previous, sum);
}

}  // namespace tutti::inline TUTTI_ABI::plan
