// SPDX-License-Identifier: BSL-1.0
// Plans of reduce: the root ends with the fold of all contributions; elsewhere the buffer is unchanged.
#pragma once

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

}  // namespace tutti::inline TUTTI_ABI::plan
