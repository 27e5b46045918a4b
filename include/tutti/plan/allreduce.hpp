// SPDX-License-Identifier: BSL-1.0
// Plans of allreduce: every rank ends with the fold of all contributions.
#pragma once

#include <vector>

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
  std::vector<source> sources;
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

}  // namespace tutti::inline TUTTI_ABI::plan
