// SPDX-License-Identifier: BSL-1.0
// What the calls of a communicator did, and when: a fixed ring of events, filled only where somebody asked for it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI {

/// One moment of one call.
struct trace_event {
  enum class kind : std::uint8_t {
    begin,
    wait,  ///< it can go no further until a peer sends or takes bytes; asleep or suspended
    end
  };
  clock::time_point time{};
  std::uint64_t call = 0;  ///< the how-manieth call of the communicator, from 1
  int rank = 0;            ///< in the communicator
  kind what = kind::begin;
};

/// Keeps the last events of one communicator. Allocates once; to be read while no call is under way.
template <class Use = on_use>
class basic_trace {
 public:
  explicit basic_trace(std::size_t capacity = 4096) : ring_(capacity) {}

  void add(clock::time_point time, std::uint64_t call, int rank, trace_event::kind what) noexcept {
    ring_[written_++ % ring_.size()] = {time, call, rank, what};
  }
  /// Oldest first.
  [[nodiscard]] std::vector<later<trace_event, Use>> events() const {
    std::size_t const n = (std::min)(written_, ring_.size());
    std::vector<later<trace_event, Use>> all;
    for (std::size_t i = written_ - n; i < written_; ++i) all.push_back(ring_[i % ring_.size()]);
    return all;
  }
  /// How many events there were, those forgotten included.
  [[nodiscard]] std::size_t written() const noexcept { return written_; }

 private:
  std::vector<later<trace_event, Use>> ring_;
  std::size_t written_ = 0;
};
using trace = basic_trace<>;

}  // namespace tutti::inline TUTTI_ABI
