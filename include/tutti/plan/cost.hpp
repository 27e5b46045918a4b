// SPDX-License-Identifier: BSL-1.0
// How long a plan takes. Takes the counts of an algorithm and a machine, hands down microseconds.
//
// Where ranks share cores, time is not the longest way alone: all they do together must fit the cores of a host. The
// two limits are added as the sides of a right angle, since whichever is larger hides most of the other. Between hosts
// the wire of the busiest rank, or of all ranks of a host, is a limit of its own.
#pragma once

#include <algorithm>

#include <cstddef>

#include <tutti/core/math.hpp>
#include <tutti/plan/machine.hpp>
#include <tutti/plan/work.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// Microseconds for a call of `bytes` in all, among `ranks`.
[[nodiscard]] inline double predict(work const& w, double ranks, double bytes, machine const& m) noexcept {
  if (ranks < 2) return 0;
  double const n = bytes / 1000;  // rates are in nanoseconds
  double const here = (std::min)(ranks, m.per_host), hosts = ranks / here;
  double const sleeps = here > m.cores ? (std::min)(w.messages, ranks * w.rounds) : 0;
  double const held = (here + w.kept / hosts) * bytes;  // on a host; what the cache does not hold comes from memory
  double const far = held > m.cache ? 1 - m.cache / held : 0;
  double const copy = m.copy + far * m.far;

  double const busiest =
      w.most_messages * m.overhead + n * ((w.most_sent + w.most_received) * copy + w.most_folded * m.fold);
  double const together = 2 * w.messages * m.overhead + sleeps * m.wake + n * (2 * w.bytes * copy + w.folded * m.fold);
  double const shared = together / hosts / (std::min)(here, m.cores);

  constexpr double granule = 65.536;  // thousands of bytes: what is on its way before the next rank begins
  double const hop = (std::min)(w.bytes / w.messages * n, granule) * (2 * copy + (hosts > 1 ? m.link : 0));
  double const time = w.rounds * m.latency + (w.rounds - 1) * hop + math::sqrt(busiest * busiest + shared * shared);
  if (hosts <= 1) return time;
  double const wire = n * (std::max)((std::max)(w.most_sent, w.most_received), w.bytes / hosts) * m.link;
  return w.rounds * m.distance + (std::max)(time, wire + w.rounds * m.latency + (w.rounds - 1) * hop);
}

}  // namespace tutti::inline TUTTI_ABI::plan
