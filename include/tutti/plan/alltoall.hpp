// SPDX-License-Identifier: BSL-1.0
// Plans of alltoall: part s of rank d's output is part d of rank s's input.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include <tutti/core/on_use.hpp>
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

// Pairwise: in step i, ranks r and r xor i swap their parts.
// Why     both directions of one stream are busy at once, and each rank is first served by another.
// Trace   p=4: 0-1 and 2-3, then 0-2 and 1-3, then 0-3 and 1-2.
// Cost    alpha + 2(p-1) o + n(p-1)/p beta, as direct: nobody waits for the steps of others
// Limits  none. It differs from direct in the order in which a rank tries its peers, no more.
// See     Thakur, Rabenseifner & Gropp 2005.
void alltoall_pairwise(auto& w) {
  w.copy(w.part(w.rank(), buffer::output), w.part(w.rank(), buffer::input));
  for (std::uint32_t i = 1; i < std::bit_ceil(w.parts()); ++i) {
    int const peer = w.rank() ^ static_cast<int>(i);
    if (peer >= w.size()) continue;
    w.send(peer, w.part(peer, buffer::input));
    w.recv(peer, w.part(peer, buffer::output));
  }
}

// Bruck: what has i ranks to go goes 2^k ahead in round k if bit k of i is set, packed into one message.
// Why     ceil(lg p) messages a rank instead of p-1.
// Trace   p=4: the parts 1 and 3 ranks from home go one ahead; then those 2 and 3 ranks from home go two ahead.
// Cost    ceil(lg p)(alpha + 2 o) + n/2 ceil(lg p) beta, and every part is copied in and out for every hop
// Limits  parts of one length: who forwards a part must know how long it is. For small n only.
// See     Bruck, Ho, Kipnis, Upfal & Weathersby 1997, without its rotations: parts are packed from, and unpacked to,
//         where they belong.
void alltoall_bruck(auto& w) {
  w.copy(w.part(w.rank(), buffer::output), w.part(w.rank(), buffer::input));
  if (w.size() == 1) return;
  block const held =
      w.scratch(w.all(buffer::output));  // part i: what has come so far and still has i ranks to go, or had
  block const leaving = w.scratch(held), arrived = w.scratch(held);
  for (int apart = 1; apart < w.size(); apart *= 2) {
    std::vector<later<int, decltype(w)>> distances;
    for (int i = apart; i < w.size(); ++i)
      if ((i & apart) != 0) distances.push_back(i);
    int place = 0;
    for (int i : distances) {
      bool const from_here = (i & (apart - 1)) == 0;
      w.copy(w.part(place++, leaving.where, leaving.row),
             from_here ? w.part(w.after(i), buffer::input) : w.part(i, held.where, held.row));
    }
    interval const packed{0, static_cast<std::uint32_t>(place)};
    w.send(w.after(apart), w.range(packed, leaving.where, leaving.row));
    w.recv(w.after(w.size() - apart), w.range(packed, arrived.where, arrived.row));
    place = 0;
    for (int i : distances) {
      bool const home = i < 2 * apart;
      w.copy(home ? w.part(w.after(w.size() - i), buffer::output) : w.part(i, held.where, held.row),
             w.part(place++, arrived.where, arrived.row));
    }
  }
}

}  // namespace tutti::inline TUTTI_ABI::plan
