// SPDX-License-Identifier: BSL-1.0
// Plans of reduce_scatter: rank q ends with the fold of everyone's part q.
#pragma once

#include <utility>
#include <vector>

#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

// Star: rank 0 folds everything and sends every rank its part.
// Why     2(p-1) messages instead of p(p-1): fewest wake-ups when ranks outnumber cores.
// Trace   p=3: 1 and 2 send all parts to 0; 0 folds r0,r1,r2 and sends part 1 to 1, part 2 to 2.
// Cost    2 alpha + 2(p-1) o + (p-1)n beta + (p-1)n gamma
// Limits  none. Rank 0 receives (p-1)n: direct wins above a few KiB.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007 (reduce, then scatter).
void reduce_scatter_star(auto& w) {
  block const all = w.all(buffer::input);
  block const mine = w.part(w.rank(), buffer::output);
  if (w.rank() != 0) {
    w.send(0, all);
    w.recv(0, mine);
    return;
  }
  block const folded = w.scratch(all);
  std::vector<source> sources{{all, {0, 1}}};
  for (int r = 1; r < w.size(); ++r) {
    auto const slot = static_cast<std::uint32_t>(r);
    sources.push_back({w.window(all), {slot, slot + 1}});
    w.recv(r, sources.back().from);
  }
  w.fold(folded, std::move(sources));
  for (int r = 1; r < w.size(); ++r) w.send(r, w.part(r, buffer::scratch, folded.row));
  w.copy(mine, w.part(0, buffer::scratch, folded.row));
}

// Direct: everyone sends part q to its owner q, who folds.
// Why     one round; every link carries only what must cross it; folds once, in rank order.
// Trace   p=3: rank r sends part q to q; q folds r0,r1,r2.
// Cost    alpha + 2(p-1) o + n(p-1)/p beta + n(p-1)/p gamma
// Limits  none. p(p-1) messages in all. For two ranks it is the exchange of halves.
// See     Thakur, Rabenseifner & Gropp 2005.
void reduce_scatter_direct(auto& w) {
  for (int i = 1; i < w.size(); ++i) w.send(w.after(i), w.part(w.after(i), buffer::input));
  std::vector<source> sources;
  for (int i = 0; i < w.size(); ++i) {
    auto const slot = static_cast<std::uint32_t>(w.after(i));
    block const theirs = w.part(w.rank(), buffer::input);
    sources.push_back({i == 0 ? theirs : w.window(theirs), {slot, slot + 1}});
    if (i > 0) w.recv(w.after(i), sources.back().from);
  }
  w.fold(w.part(w.rank(), buffer::output), std::move(sources));
}

}  // namespace tutti::inline TUTTI_ABI::plan
