// SPDX-License-Identifier: BSL-1.0
// How long a plan takes. Takes the counts of an algorithm and a machine, hands down microseconds.
//
// Where ranks share cores, time is not the longest way alone: all they do together must fit the cores of a host. The
// two limits are added as the sides of a right angle, since whichever is larger hides most of the other. Between hosts
// the wire of the busiest rank, or of all ranks of a host, is a limit of its own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <tutti/core/math.hpp>
#include <tutti/core/options.hpp>
#include <tutti/plan/machine.hpp>
#include <tutti/plan/plan.hpp>
#include <tutti/plan/work.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// Whom a rank talks to, which decides what leaves its host, whose ranks follow one another.
enum class reach : std::uint8_t {
  everyone,
  above,           ///< those of higher rank, which all of it goes to: a wire carries one direction alone
  halves,          ///< other halves of blocks that double: what is nearer than a host's ranks stays in it
  growing_halves,  ///< the same; the wider the block, the more is sent
  fading_halves,   ///< the same; the wider the block, the less is sent
  next             ///< the next rank alone: only the last one of a host talks to another
};

[[nodiscard]] constexpr reach reach_of(collective what, tutti::TUTTI_ABI::algorithm how) noexcept {
  using tutti::TUTTI_ABI::algorithm;
  bool const parts = what == collective::scatter || what == collective::gather || what == collective::allgather;
  if (how == algorithm::ring || how == algorithm::chain) return reach::next;
  if (how == algorithm::halving) return reach::fading_halves;
  if (how == algorithm::exchange && (what == collective::scan || what == collective::exscan)) return reach::above;
  if (how != algorithm::binomial && how != algorithm::doubling) return reach::everyone;
  return parts ? reach::growing_halves : reach::halves;
}

/// Microseconds for a call of `bytes` in all, among `ranks`.
[[nodiscard]] inline double predict(work const& w, double ranks, double bytes, machine const& m,
                                    reach whom = reach::everyone) noexcept {
  if (ranks < 2) return 0;
  double const n = bytes / 1000;  // rates are in nanoseconds
  double const here = (std::min)(ranks, m.per_host), hosts = ranks / here;
  double const sleeps = here > m.cores ? (std::min)(w.messages, ranks * w.rounds) : 0;
  double const held = (here + w.kept / hosts) * bytes;  // on a host; what the cache does not hold comes from memory
  double const missed = held > m.cache ? 1 - m.cache / held : 0;
  double const copy = m.copy + missed * m.uncached;

  double const busiest =
      w.most_messages * m.overhead + n * ((w.most_sent + w.most_received) * copy + w.most_folded * m.fold);
  double const together = 2 * w.messages * m.overhead + sleeps * m.wake + n * (2 * w.bytes * copy + w.folded * m.fold);
  double const shared = together / hosts / (std::min)(here, m.cores);

  constexpr double granule = 65.536;  // thousands of bytes: what is on its way before the next rank begins
  double const piece = (std::min)(w.bytes / w.messages * n, granule);
  double const hops = w.rounds * m.latency + (w.rounds - 1) * piece * 2 * copy;
  double const time = hops + (here > 1 ? math::sqrt(busiest * busiest + shared * shared) : busiest);
  if (hosts <= 1) return time;
  double const wide = math::log(hosts) / math::log(ranks);               // of the times a block doubles
  double const leaving = whom == reach::next            ? hosts / ranks  // of the bytes, from host to host
                         : whom == reach::halves        ? wide
                         : whom == reach::fading_halves ? (hosts - 1) / (ranks - 1)
                         : whom == reach::above         ? 2 * (ranks - here) / (ranks - 1)
                                                        : (ranks - here) / (ranks - 1);
  double const most = (std::max)(w.most_sent, w.most_received) * (whom == reach::next ? 1 : (std::min)(leaving, 1.0));
  double const wire = n * (std::max)(most, w.bytes / hosts * leaving) * m.link;
  double const leaps = whom == reach::everyone || whom == reach::above ? w.rounds
                       : whom == reach::next                           ? w.rounds * hosts / ranks
                                                                       : (std::max)(w.rounds * wide, 1.0);
  double const between = leaps * m.distance + (leaps - 1) * piece * m.link;
  return between + (std::max)(time, wire + hops);
}

}  // namespace tutti::inline TUTTI_ABI::plan
