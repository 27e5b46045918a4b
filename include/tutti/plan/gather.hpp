// SPDX-License-Identifier: BSL-1.0
// Plans of gather: the root ends with every rank's input, in rank order.
#pragma once

#include <tutti/plan/tree.hpp>
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

// Binomial: along the bracket, the half without the root sends all it has to the half with it.
// Why     ceil(lg p) messages at the root instead of p-1.
// Trace   p=5, root 0: 1 sends to 0 and 3 to 2; 2 sends parts 2,3 to 0; 4 sends to 0.
// Cost    ceil(lg p)(alpha + 2 o) + n(p-1)/p beta
// Limits  none. A part travels up to ceil(lg p) times: star once parts are longer than a few KiB.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007 (minimum spanning tree).
void gather_binomial(auto& w) {
  auto const place = w.tree_from(w.root());
  block const mine = w.part(w.rank(), buffer::input);
  if (place.parent >= 0 && place.children.empty()) return w.send(place.parent, mine);
  block const all = w.range(place.holds, buffer::output);
  block const kept = place.parent < 0 ? all : w.scratch(all);
  for (tree::child const& c : place.children) w.recv(c.rank, w.range(c.holds, kept.where, kept.row));
  w.copy(w.part(w.rank(), kept.where, kept.row), mine);
  if (place.parent >= 0) w.send(place.parent, kept);
}

}  // namespace tutti::inline TUTTI_ABI::plan
