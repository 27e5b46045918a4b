// SPDX-License-Identifier: BSL-1.0
// Plans of allgather: every rank ends with every rank's input, in rank order.
#pragma once

#include <algorithm>

#include <tutti/plan/tree.hpp>
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

// Recursive doubling: at every level of the bracket, the two halves tell each other what they have.
// Why     ceil(lg p) rounds, and nothing travels to a rank twice.
// Trace   p=4: 0-1 and 2-3 swap parts; 0-2 and 1-3 swap pairs. p=5: then 0-4 swap, and 4 also sends to 1, 2, 3.
// Cost    ceil(lg p)(alpha + 2 o) + n(p-1)/p beta
// Limits  none. Off powers of two the ranks of a shorter half send more than once; Bruck does not.
// See     Thakur, Rabenseifner & Gropp 2005.
void allgather_doubling(auto& w) {
  w.copy(w.part(w.rank(), buffer::output), w.part(w.rank(), buffer::input));
  for (auto const& l : w.levels()) {
    for (int to : l.to) w.send(to, w.range(l.mine, buffer::output));
    w.recv(l.from, w.range(l.theirs, buffer::output));
  }
}

// Bruck: in round k every rank sends the one 2^k behind all it has, its own part first around the circle.
// Why     ceil(lg p) rounds for any p, one message each way a round, and nothing travels to a rank twice.
// Trace   p=5: r gets part r+1 from r+1, then r+2,r+3 from r+2, then r+4 from r+4.
// Cost    ceil(lg p)(alpha + 2 o) + n(p-1)/p beta
// Limits  none. What passes the end of the vector travels as two blocks; no rotation at the end, since every part
//         arrives where it belongs.
// See     Bruck, Ho, Kipnis, Upfal & Weathersby 1997.
void allgather_bruck(auto& w) {
  w.copy(w.part(w.rank(), buffer::output), w.part(w.rank(), buffer::input));
  for (int have = 1; have < w.size(); have *= 2) {
    int const more = (std::min)(have, w.size() - have);
    w.around(w.rank(), more, [&](interval parts) { w.send(w.after(w.size() - have), w.range(parts, buffer::output)); });
    w.around(w.after(have), more, [&](interval parts) { w.recv(w.after(have), w.range(parts, buffer::output)); });
  }
}

// Ring: every part goes around once.
// Why     every link carries the same n(p-1)/p, always to the same neighbour: no crowd at anyone's door.
// Trace   p=3: r sends part r to r+1, then part r-1, as it arrives.
// Cost    (p-1)(alpha + 2 o) + n(p-1)/p beta
// Limits  none. p-1 rounds.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007 (bucket).
void allgather_ring(auto& w) {
  w.copy(w.part(w.rank(), buffer::output), w.part(w.rank(), buffer::input));
  for (int s = 0; s + 1 < w.size(); ++s) {
    w.send(w.after(1), w.part(w.after(w.size() - s), buffer::output));
    w.recv(w.after(w.size() - 1), w.part(w.after(w.size() - s - 1), buffer::output));
  }
}

}  // namespace tutti::inline TUTTI_ABI::plan
