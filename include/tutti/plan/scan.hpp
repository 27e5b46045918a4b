// SPDX-License-Identifier: BSL-1.0
// Plans of scan and exscan: rank r ends with the fold of the ranks up to r, or below r; rank 0 of an exscan keeps what
// it has. Every prefix is folded along its own bracket: that of as many slots as it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/writer.hpp>

namespace tutti::inline TUTTI_ABI::plan {

namespace detail {

/// Blocks that hold the fold of the first k+1 `leaves`, one leaf per slot, for every k. What prefixes share is folded
/// once: the largest aligned runs so far are kept like the bits of a counter, and a prefix is the join of those runs.
template <class W>
[[nodiscard]] std::vector<later<block, W>> fold_prefixes(W& w, std::vector<later<block, W>> const& leaves) {
  std::vector<later<source, decltype(w)>> runs;
  std::vector<later<block, decltype(w)>> prefixes;
  for (std::uint32_t k = 0; k < leaves.size(); ++k) {
    runs.push_back({leaves[k], {k, k + 1}});
    while (runs.size() > 1 && runs.back().slots.size() == runs[runs.size() - 2].slots.size()) {
      source const right = runs.back();
      runs.pop_back();
      source& left = runs.back();
      block const joined = w.scratch(leaves[0]);
      w.fold(joined, {left, right});
      left = {joined, {left.slots.first, right.slots.last}};
    }
    prefixes.push_back(runs.size() == 1 ? runs[0].from : w.scratch(leaves[0]));
    if (runs.size() > 1) w.fold(prefixes.back(), runs);
  }
  return prefixes;
}

/// How many ranks contribute to a result, and which prefix is rank r's.
[[nodiscard]] inline int contributors(auto const& w, bool inclusive) { return inclusive ? w.size() : w.size() - 1; }
[[nodiscard]] inline std::size_t prefix_of(int r, bool inclusive) {
  return static_cast<std::size_t>(inclusive ? r : r - 1);
}

void scan_exchange(auto& w, bool inclusive) {
  block const out = w.all(buffer::output);
  for (int r = w.rank() + 1; r < w.size(); ++r) w.send(r, out);
  if (w.rank() == 0) return;
  std::vector<later<source, decltype(w)>> sources;
  for (int r = 0; r < w.rank(); ++r) {
    auto const slot = static_cast<std::uint32_t>(r);
    sources.push_back({w.window(out), {slot, slot + 1}});
    w.recv(r, sources.back().from);
  }
  auto const slot = static_cast<std::uint32_t>(w.rank());
  if (inclusive) sources.push_back({out, {slot, slot + 1}});
  w.fold(out, std::move(sources));
}

void scan_star(auto& w, bool inclusive) {
  block const out = w.all(buffer::output);
  int const p = detail::contributors(w, inclusive);
  if (w.rank() != 0) {
    if (w.rank() < p) w.send(0, out);
    return w.recv(0, out);
  }
  std::vector<later<block, decltype(w)>> leaves{out};
  for (int r = 1; r < p; ++r) {
    leaves.push_back(w.scratch(out));
    w.recv(r, leaves.back());
  }
  auto const prefixes = detail::fold_prefixes(w, leaves);
  for (int r = 1; r < w.size(); ++r) w.send(r, prefixes[detail::prefix_of(r, inclusive)]);
}

void scan_direct(auto& w, bool inclusive) {
  if (w.size() == 1) return;
  block const mine = w.part(w.rank(), buffer::output);
  int const p = detail::contributors(w, inclusive);
  if (w.rank() < p)
    for (int i = 1; i < w.size(); ++i) w.send(w.after(i), w.part(w.after(i), buffer::output));
  std::vector<later<block, decltype(w)>> leaves;
  for (int r = 0; r < p; ++r) {
    leaves.push_back(r == w.rank() ? mine : w.scratch(mine));
    if (r != w.rank()) w.recv(r, leaves.back());
  }
  auto const prefixes = detail::fold_prefixes(w, leaves);
  for (int i = 1; i < w.size(); ++i)
    if (inclusive || w.after(i) != 0) w.send(w.after(i), prefixes[detail::prefix_of(w.after(i), inclusive)]);
  if (w.rank() == 0 && !inclusive) return;
  if (block const& own = prefixes[detail::prefix_of(w.rank(), inclusive)]; own != mine) w.copy(mine, own);
  for (int i = 1; i < w.size(); ++i) w.recv(w.after(i), w.part(w.after(i), buffer::output));
}

}  // namespace detail

// Exchange: everyone sends its whole contribution to all ranks above it.
// Why     one round: no rank waits for a result of another.
// Trace   p=3: 0 sends to 1,2; 1 sends to 2; 1 folds r0,r1 and 2 folds r0,r1,r2, granule by granule.
// Cost    alpha + 2(p-1) o + (p-1)n beta + (p-1)n gamma
// Limits  none. p(p-1)/2 messages in all, and rank p-1 receives (p-1)n: for few ranks and small n.
// See     the one-round allreduce; MPI_Scan is usually a chain of p-1 rounds instead.
void scan_exchange(auto& w) { detail::scan_exchange(w, true); }
void exscan_exchange(auto& w) { detail::scan_exchange(w, false); }

// Star: rank 0 folds all prefixes and sends every rank its own.
// Why     2(p-1) messages instead of p(p-1)/2: fewest wake-ups when ranks outnumber cores.
// Trace   p=4: 1, 2, 3 send to 0, which folds r0r1, r2r3, (r0r1)r2, (r0r1)(r2r3) and sends three of them back.
// Cost    2 alpha + 2(p-1) o + 2(p-1)n beta + (p + p/2 lg p) n gamma
// Limits  none. Rank 0's link carries everything: for small n.
// See     Chan, Heimlich, Purkayastha & van de Geijn 2007 (linear gather, then linear scatter).
void scan_star(auto& w) { detail::scan_star(w, true); }
void exscan_star(auto& w) { detail::scan_star(w, false); }

// Direct: rank q folds all prefixes of part q and sends every rank its own.
// Why     two dependent rounds whatever p; every rank sends 2(p-1)/p of the data.
// Trace   p=3: rank r sends part q to q; q folds r0, r0r1, r0r1r2 of part q and sends the r-th of them to r.
// Cost    2 alpha + 4(p-1) o + 2n(p-1)/p beta + (1 + lg p / 2) n gamma
// Limits  none. 2p(p-1) messages in all, and memory for 3n: for large n.
// See     the direct allreduce.
void scan_direct(auto& w) { detail::scan_direct(w, true); }
void exscan_direct(auto& w) { detail::scan_direct(w, false); }

}  // namespace tutti::inline TUTTI_ABI::plan
