// SPDX-License-Identifier: BSL-1.0
// Plans of allreduce: every rank ends with the fold of all contributions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/tree.hpp>
#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

// Star: rank 0 folds all contributions granule by granule and sends the result back.
// Why     fewest messages and wake-ups: each leaf sends once and sleeps once.
// Trace   p=3: 1 and 2 send to 0; 0 folds r0,r1,r2 granule by granule and sends each granule to 1 and 2.
// Cost    2 alpha + 2(p-1) o + 2(p-1)n beta + (p-1)n gamma
// Limits  none. Rank 0's link carries everything: direct wins for large n, on real links from about 1 KiB.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007 (linear reduce, then linear broadcast).
void allreduce_star(auto& w) {
  block const out = w.all(buffer::output);
  if (w.rank() == 0) {
    w.fold_contributions(out);
    for (int r = 1; r < w.size(); ++r) w.send(r, out);
  } else {
    w.send_contributions(0, out);
    w.recv(0, out);
  }
}

// Direct reduce-scatter, then direct allgather.
// Why     two dependent rounds whatever p; every rank sends 2(p-1)/p of the data; folds once, in rank order.
// Trace   p=3: rank r sends block q to its owner q; owner folds r0,r1,r2 granule by granule and sends the sum to all.
// Cost    2 alpha + 4(p-1) o + 2n(p-1)/p beta + n(p-1)/p gamma
// Limits  none (any p, any op). 2p(p-1) messages in all: choose() prefers star below 16 KiB per rank on one host.
// See     Thakur, Rabenseifner & Gropp 2005.
void allreduce_direct(auto& w) {
  block const mine = w.part(w.rank(), buffer::output);
  for (int i = 1; i < w.size(); ++i) w.send_contributions(w.after(i), w.part(w.after(i), buffer::output));
  w.fold_contributions(mine);
  for (int i = 1; i < w.size(); ++i) w.send(w.after(i), mine);
  for (int i = 1; i < w.size(); ++i) w.recv(w.after(i), w.part(w.after(i), buffer::output));
}

// Exchange: two ranks send each other everything and both fold.
// Why     one round: the least latency two ranks can have.
// Trace   p=2: 0 sends to 1 while 1 sends to 0; both fold r0,r1.
// Cost    alpha + 2 o + n beta + n gamma
// Limits  p = 2. Folds twice and holds all n bytes of the other rank: direct wins once n no longer fits the cache.
// See     Thakur, Rabenseifner & Gropp 2005 (recursive doubling, one step).
void allreduce_exchange(auto& w) {
  block const out = w.all(buffer::output);
  int const other = w.after(1);
  w.send_contributions(other, out);
  std::vector<later<source, decltype(w)>> sources;
  for (int r = 0; r < 2; ++r) {
    auto const slots = w.contributions(r);
    for (std::uint32_t row = 0; row < slots.size(); ++row) {
      block const from = r == w.rank() ? w.own(out, row) : w.scratch(out);
      if (r == other) w.recv(other, from);
      sources.push_back({from, slots[row]});
    }
  }
  w.fold(out, std::move(sources));
}

// Binomial: up the tree along the bracket, then down it again.
// Why     as few messages as a star, and no rank handles more than 2 ceil(lg p) of them.
// Trace   p=5: 1 sends to 0, 3 to 2, 2 to 0, 4 to 0, granule by granule; then 0 sends to 4, 2, 1, and 2 to 3.
// Cost    2 ceil(lg p) alpha + 2 ceil(lg p)(2 o + n beta) + ceil(lg p) n gamma
// Limits  none. Rank 0 moves 2 ceil(lg p) n: for long vectors halving, direct or ring.
// See     Thakur, Rabenseifner & Gropp 2005.
void allreduce_binomial(auto& w) {
  block const out = w.all(buffer::output);
  auto const place = w.tree_from(0);
  w.fold_children(place, out);
  if (place.parent >= 0) {
    w.send(place.parent, out);
    w.recv(place.parent, out);
  }
  for (std::size_t i = place.children.size(); i-- > 0;) w.send(place.children[i].rank, out);
}

// Recursive doubling: at every level of the bracket, the two halves tell each other what they have.
// Why     ceil(lg p) rounds, the fewest there can be, and every rank ends at once.
// Trace   p=4: 0-1 and 2-3 exchange and fold; then 0-2 and 1-3. p=5: then 0-4 exchange, and 4 also sends to 1, 2, 3.
// Cost    ceil(lg p)(alpha + 2 o + n beta + n gamma) for p a power of two
// Limits  none: any p keeps the bracket. Off powers of two the ranks of a shorter half send more than once: up to p - 1
//         messages of the last rank if p - 1 is a power of two. All n bytes travel at every level: halving for large n.
// See     Thakur, Rabenseifner & Gropp 2005, who fold the odd ranks in beforehand and so leave the bracket.
void allreduce_doubling(auto& w) {
  block const out = w.all(buffer::output);
  if (w.size() == 1) return w.fold_contributions(out);
  block const heard = w.scratch(out);
  for (auto const& l : w.levels()) {
    for (int to : l.to) w.send(to, out);
    w.recv(l.from, heard);
    w.fold(out, {{out, l.mine}, {heard, l.theirs}});
  }
}

// Halving and doubling (Rabenseifner): partners swap and fold halves of what is left, then give the halves back.
// Why     the bytes of a ring in 2 floor(lg p) rounds instead of 2(p-1).
// Trace   p=4: 0-1 and 2-3 swap halves and fold; 0-2 and 1-3 swap quarters and fold; then the same way back.
//         p=7: 6 gives halves to 4 and 5, which with the other's give quarters to 0, 1, 2, 3; then the same way back.
// Cost    2 lg p (alpha + 2 o) + 2n(p-1)/p beta + n(p-1)/p gamma for p a power of two; else up to 2n beta and n gamma
// Limits  none. The nearest partner first, and whose half is whose by the bits of the rank from the lowest: this is
// what
//         keeps the bracket. Off powers of two the last rank may send p - 1 messages, and shares are one part or two.
// See     Thakur, Rabenseifner & Gropp 2005, who fold the odd ranks in beforehand and so leave the bracket.
void allreduce_halving(auto& w) {
  if (w.size() == 1) return w.fold_contributions(w.all(buffer::output));
  auto const share = [&](int of, auto const& l) {
    return w.range(halved({0, w.parts()}, of, std::bit_floor(l.mine.size() + l.theirs.size())), buffer::output);
  };
  auto const all = w.levels();
  for (auto const& l : all)
    for (int const other : sharers(l, w.rank())) {
      if (l.mine.size() <= l.theirs.size()) w.send(other, share(other, l));
      if (l.mine.size() < l.theirs.size()) continue;
      block const out = share(w.rank(), l), heard = w.window(out);
      w.recv(other, heard);
      w.fold(out, {{out, l.mine}, {heard, l.theirs}});
    }
  for (std::size_t i = all.size(); i-- > 0;)
    for (int const other : sharers(all[i], w.rank())) {
      if (all[i].mine.size() >= all[i].theirs.size()) w.send(other, share(w.rank(), all[i]));
      if (all[i].mine.size() <= all[i].theirs.size()) w.recv(other, share(other, all[i]));
    }
}

// Ring: every part goes around once to be folded and once more to be handed out.
// Why     every link carries the same 2n(p-1)/p, always to the same neighbour: any p, and no crowd at anyone's door.
// Trace   p=3: part 0 goes 0 to 1 to 2, folded with each rank's own; then complete 2 to 0 to 1. Parts 1, 2 likewise.
// Cost    2(p-1)(alpha + 2 o) + 2n(p-1)/p beta + n(p-1)/p gamma
// Limits  order::any: part q is folded from rank q on around the circle, not along the bracket.
// See     Patarasuk & Yuan 2009.
void allreduce_ring(auto& w) {
  if (w.size() == 1) return w.fold_contributions(w.all(buffer::output));
  int const next = w.after(1), previous = w.after(w.size() - 1);
  for (int s = 0; s + 1 < w.size(); ++s) {
    block const arriving = w.part(w.after(2 * w.size() - s - 1), buffer::output), heard = w.window(arriving);
    w.send(next, w.part(w.after(w.size() - s), buffer::output));
    w.recv(previous, heard);
    w.fold_run(arriving, heard, arriving, s + 1);
  }
  for (int s = 0; s + 1 < w.size(); ++s) {
    w.send(next, w.part(w.after(w.size() + 1 - s), buffer::output));
    w.recv(previous, w.part(w.after(w.size() - s), buffer::output));
  }
}

// Dissemination: in round k every rank tells the one 2^k ahead how many have come, itself included.
// Why     ceil(lg p) rounds for any p, one message each way a round.
// Trace   p=5: r tells r+1, then r+2, then r+4.
// Cost    ceil(lg p)(alpha + 2 o)
// Limits  a barrier only: off powers of two the last round counts some ranks twice.
// See     Hensgen, Finkel & Manber 1988.
void barrier_dissemination(auto& w) {
  block const token = w.all(buffer::output);
  if (w.size() == 1) return w.fold_contributions(token);
  block const heard = w.scratch(token);
  for (int apart = 1; apart < w.size(); apart *= 2) {
    w.send(w.after(apart), token);
    w.recv(w.after(w.size() - apart), heard);
    w.fold_run(token, heard, token, apart, apart);
  }
}

}  // namespace tutti::inline TUTTI_ABI::plan
