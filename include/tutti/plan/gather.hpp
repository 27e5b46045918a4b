// SPDX-License-Identifier: BSL-1.0
// The plan of gather: the root ends with every rank's input, in rank order.
#pragma once

#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

// Star: every rank sends the root its part.
// Why     the root's link carries the data once, which no algorithm can better; one round.
// Trace   p=3, root 0: 1 and 2 send to 0, which copies its own part.
// Cost    alpha + (p-1) o + n(p-1)/p beta
// Limits  none. p-1 messages at the root.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007.
void gather_star(auto& w) {
  block const mine = w.part(w.rank(), buffer::input);
  if (w.rank() == w.root()) {
    for (int i = 1; i < w.size(); ++i) w.recv(w.after(i), w.part(w.after(i), buffer::output));
    w.copy(w.part(w.rank(), buffer::output), mine);
  } else {
    w.send(w.root(), mine);
  }
}

}  // namespace tutti::inline TUTTI_ABI::plan
