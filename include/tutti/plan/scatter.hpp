// SPDX-License-Identifier: BSL-1.0
// Plans of scatter: rank q ends with part q of the root's input.
#pragma once

#include <cstddef>

#include <tutti/plan/tree.hpp>
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

// Binomial: the root sends the far half all its parts, and both halves do the same.
// Why     ceil(lg p) messages at the root instead of p-1.
// Trace   p=5, root 0: 0 sends part 4 to 4, parts 2,3 to 2, part 1 to 1; 2 sends part 3 to 3.
// Cost    ceil(lg p)(alpha + 2 o) + n(p-1)/p beta
// Limits  none. A part travels up to ceil(lg p) times: star once parts are longer than a few KiB.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007 (minimum spanning tree).
void scatter_binomial(auto& w) {
  auto const place = w.tree_from(w.root());
  block const mine = w.part(w.rank(), buffer::output);
  if (place.parent >= 0 && place.children.empty()) return w.recv(place.parent, mine);
  block const all = w.range(place.holds, buffer::input);
  block const kept = place.parent < 0 ? all : w.scratch(all);
  if (place.parent >= 0) w.recv(place.parent, kept);
  for (std::size_t i = place.children.size(); i-- > 0;)
    w.send(place.children[i].rank, w.range(place.children[i].holds, kept.where, kept.row));
  w.copy(mine, w.part(w.rank(), kept.where, kept.row));
}

}  // namespace tutti::inline TUTTI_ABI::plan
