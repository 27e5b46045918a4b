// SPDX-License-Identifier: BSL-1.0
// The plan of scatter: rank q ends with part q of the root's input.
#pragma once

#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

// Star: the root sends every rank its part.
// Why     the root's link carries the data once, which no algorithm can better; one round.
// Trace   p=3, root 0: 0 sends part 1 to 1 and part 2 to 2, and copies part 0.
// Cost    alpha + (p-1) o + n(p-1)/p beta
// Limits  none. p-1 messages at the root.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007.
void scatter_star(auto& w) {
  block const mine = w.part(w.rank(), buffer::output);
  if (w.rank() == w.root()) {
    for (int i = 1; i < w.size(); ++i) w.send(w.after(i), w.part(w.after(i), buffer::input));
    w.copy(mine, w.part(w.rank(), buffer::input));
  } else {
    w.recv(w.root(), mine);
  }
}

}  // namespace tutti::inline TUTTI_ABI::plan
