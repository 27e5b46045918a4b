// SPDX-License-Identifier: BSL-1.0
// Plans of allgather: every rank ends with every rank's input, in rank order.
#pragma once

#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

// Star: rank 0 gathers and sends the whole to everyone.
// Why     2(p-1) messages instead of p(p-1): fewest wake-ups when ranks outnumber cores.
// Trace   p=3: 1 and 2 send to 0; 0 sends parts 0,1,2 to 1 and to 2.
// Cost    2 alpha + 2(p-1) o + (p-1)n beta, n the gathered whole
// Limits  none. Every rank's own part travels back to it; direct wins above about 1 KiB per rank.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007 (gather, then broadcast).
void allgather_star(auto& w) {
  block const mine = w.part(w.rank(), buffer::input);
  block const all = w.all(buffer::output);
  if (w.rank() == 0) {
    w.copy(w.part(0, buffer::output), mine);
    for (int r = 1; r < w.size(); ++r) w.recv(r, w.part(r, buffer::output));
    for (int r = 1; r < w.size(); ++r) w.send(r, all);
  } else {
    w.send(0, mine);
    w.recv(0, all);
  }
}

// Direct: everyone sends its part to everyone.
// Why     one round, and every link carries only what must cross it.
// Trace   p=3: 0 sends to 1,2; 1 sends to 2,0; 2 sends to 0,1.
// Cost    alpha + 2(p-1) o + n(p-1)/p beta
// Limits  none. p(p-1) messages in all. For two ranks it is the exchange.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007.
void allgather_direct(auto& w) {
  block const mine = w.part(w.rank(), buffer::input);
  for (int i = 1; i < w.size(); ++i) w.send(w.after(i), mine);
  w.copy(w.part(w.rank(), buffer::output), mine);
  for (int i = 1; i < w.size(); ++i) w.recv(w.after(i), w.part(w.after(i), buffer::output));
}

}  // namespace tutti::inline TUTTI_ABI::plan
