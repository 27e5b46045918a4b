// SPDX-License-Identifier: BSL-1.0
// Plans of alltoall: part s of rank d's output is part d of rank s's input.
#pragma once

#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

// Direct: everyone sends everyone its part.
// Why     one round, and every link carries only what must cross it.
// Trace   p=3: 0 sends to 1,2; 1 sends to 2,0; 2 sends to 0,1. Nobody is everyone's first peer.
// Cost    alpha + 2(p-1) o + n(p-1)/p beta, n what a rank sends in all
// Limits  none: a rank needs to know its own counts only. p(p-1) messages in all.
// See     Thakur, Rabenseifner & Gropp 2005.
void alltoall_direct(auto& w) {
  for (int i = 1; i < w.size(); ++i) w.send(w.after(i), w.part(w.after(i), buffer::input));
  w.copy(w.part(w.rank(), buffer::output), w.part(w.rank(), buffer::input));
  for (int i = w.size() - 1; i > 0; --i) w.recv(w.after(i), w.part(w.after(i), buffer::output));
}

}  // namespace tutti::inline TUTTI_ABI::plan
