// SPDX-License-Identifier: BSL-1.0
// Plans of reduce_scatter: rank q ends with the fold of everyone's part q.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/tree.hpp>
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
    w.send_contributions(0, all);
    w.recv(0, mine);
    return;
  }
  block const folded = w.scratch(all);
  w.fold_contributions(folded, all);
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
  for (int i = 1; i < w.size(); ++i) w.send_contributions(w.after(i), w.part(w.after(i), buffer::input));
  w.fold_contributions(w.part(w.rank(), buffer::output), w.part(w.rank(), buffer::input));
}

// Recursive halving: partners swap and fold halves of what is left; the parts then go to their owners.
// Why     lg p + 1 rounds instead of the p-1 messages of direct.
// Trace   p=4: 0-1 and 2-3 swap halves and fold; 0-2 and 1-3 swap quarters and fold; then 1 and 2 swap parts.
// Cost    (lg p + 1)(alpha + 2 o) + n beta + n(p-1)/p gamma
// Limits  p a power of two. The nearest partner first keeps the bracket, and leaves rank r with the part whose number
//         is r's bits reversed: hence the last round.
// See     Thakur, Rabenseifner & Gropp 2005, who take the farthest partner first and so leave the bracket.
void reduce_scatter_halving(auto& w) {
  block const mine = w.part(w.rank(), buffer::output);
  if (w.size() == 1) return w.copy(mine, w.part(0, buffer::input));
  block const sum = w.scratch(w.all(buffer::input));
  interval keep{0, w.parts()};
  for (auto const& l : w.levels()) {
    auto const [ours, theirs] = halves(keep, l.mine.first > l.theirs.first);
    bool const first = l.mine.size() == 1, arrived = ours == interval{mine.first, mine.last};
    auto const held = [&](interval parts) {
      return first ? w.range(parts, buffer::input) : w.range(parts, sum.where, sum.row);
    };
    block const heard = w.window(w.range(ours, buffer::input));
    w.send(l.from, held(theirs));
    w.recv(l.from, heard);
    w.fold(arrived ? mine : w.range(ours, sum.where, sum.row), {{held(ours), l.mine}, {heard, l.theirs}});
    keep = ours;
  }
  auto const owner = static_cast<int>(keep.first);
  if (owner == w.rank()) return;
  w.send(owner, w.range(keep, sum.where, sum.row));
  w.recv(owner, mine);
}

// Pairwise: in step i, ranks r and r xor i swap each other's parts; the folds go along the bracket as they can.
// Why     one partner at a time, and no more scratch than lg p parts, where direct holds a window for every peer.
// Trace   p=4: r0 with r1, then r2 and r3 joined first; rank 3: r3 with r2, then r1, r0 joined first.
// Cost    (p-1)(alpha + 2 o) + n(p-1)/p beta + n(p-1)/p gamma
// Limits  none. What a rank sends waits in the sockets until its receiver comes to it.
// See     Thakur, Rabenseifner & Gropp 2005.
void reduce_scatter_pairwise(auto& w) {
  block const mine = w.part(w.rank(), buffer::output), own = w.part(w.rank(), buffer::input);
  if (w.size() == 1) return w.copy(mine, own);
  for (std::uint32_t i = 1; i < std::bit_ceil(w.parts()); ++i)
    if (int const peer = w.rank() ^ static_cast<int>(i); peer < w.size()) w.send(peer, w.part(peer, buffer::input));
  std::vector<later<block, decltype(w)>> rows;  // what waits for its other half, one for each depth
  auto const hear = [&](auto const& self, interval node, std::size_t depth) -> block {
    if (rows.size() <= depth) rows.push_back(w.scratch(own));
    if (node.size() == 1) {
      w.recv(static_cast<int>(node.first), rows[depth]);
      return rows[depth];
    }
    std::uint32_t const middle = split_point(node);
    interval nearer{node.first, middle}, farther{middle, node.last};  // nearer by exclusive or
    if ((static_cast<std::uint32_t>(w.rank()) & nearer.size()) != 0) std::swap(nearer, farther);
    block const kept = self(self, nearer, depth), other = self(self, farther, depth + 1);
    w.fold(kept, {{kept, nearer}, {other, farther}});
    return kept;
  };
  auto const all = w.levels();
  for (std::size_t i = 0; i < all.size(); ++i) {
    block const other = hear(hear, all[i].theirs, 0);
    w.fold(mine, {{i == 0 ? own : mine, all[i].mine}, {other, all[i].theirs}});
  }
}

// Ring: every part goes around once and is folded with each rank's own, ending at its owner.
// Why     every link carries the same n(p-1)/p, always to the same neighbour: any p, and no crowd at anyone's door.
// Trace   p=3: part 0 goes 1 to 2 to 0, folded with each rank's own. Parts 1, 2 likewise.
// Cost    (p-1)(alpha + 2 o) + n(p-1)/p beta + n(p-1)/p gamma
// Limits  order::any: part q is folded from rank q+1 on around the circle, not along the bracket.
// See     Patarasuk & Yuan 2009.
void reduce_scatter_ring(auto& w) {
  block const mine = w.part(w.rank(), buffer::output);
  if (w.size() == 1) return w.copy(mine, w.part(0, buffer::input));
  block const sum = w.scratch(w.all(buffer::input));
  for (int s = 0; s + 1 < w.size(); ++s) {
    int const leaving = w.after(w.size() - 1 - s), arriving = w.after(2 * w.size() - 2 - s);
    w.send(w.after(1), s == 0 ? w.part(leaving, buffer::input) : w.part(leaving, sum.where, sum.row));
    block const own = w.part(arriving, buffer::input), heard = w.window(own);
    w.recv(w.after(w.size() - 1), heard);
    w.fold_run(arriving == w.rank() ? mine : w.part(arriving, sum.where, sum.row), heard, own, s + 1);
  }
}

}  // namespace tutti::inline TUTTI_ABI::plan
