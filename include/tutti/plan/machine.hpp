// SPDX-License-Identifier: BSL-1.0
// What messages, bytes and folds cost where this program runs: the constants from which algorithms are priced.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Times are in microseconds, rates in nanoseconds per byte. The defaults were fitted to this library's own calls over
/// loopback on two cores, among 2, 3, 4 and 8 ranks; docs/plans.md says how. The same on every rank, or calls mismatch.
struct machine {
  double latency = 1.7;    ///< until a message is noticed by the rank that waits for it
  double overhead = 2.7;   ///< processor time of one message, on each side
  double wake = 6.5;       ///< processor time of going to sleep and waking, where ranks outnumber cores
  double copy = 0.065;     ///< processor time of a byte, on each side
  double fold = 0.018;     ///< and to combine it with another
  double uncached = 0.09;  ///< added to copy where bytes come from memory, not from the cache
  double cache = 8388608;  ///< bytes, of all ranks of a host, that the cache holds
  double link = 0;         ///< time of a byte on the wire between hosts, in each direction
  double distance = 0;     ///< added to the latency of a message between hosts
  double cores = 2;        ///< of a host; a fraction where several share a core
  double per_host = 1e9;   ///< ranks on a host, at most; a host has a wire of its own

  friend bool operator==(machine const&, machine const&) = default;
};

namespace plan {

/// The fields of a machine by name, in the order in which they are written.
template <class M, class F>
void for_each_constant(M& m, F&& each) {
  each("latency", m.latency);
  each("overhead", m.overhead);
  each("wake", m.wake);
  each("copy", m.copy);
  each("fold", m.fold);
  each("uncached", m.uncached);
  each("cache", m.cache);
  each("link", m.link);
  each("distance", m.distance);
  each("cores", m.cores);
  each("per_host", m.per_host);
}

}  // namespace plan
}  // namespace tutti::inline TUTTI_ABI
