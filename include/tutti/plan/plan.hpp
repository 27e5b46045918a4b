// SPDX-License-Identifier: BSL-1.0
// What one rank does in one collective, as data: steps over named blocks, without sizes, sockets or element types.
//
// A collective moves `parts` of one logical array. A block is a range of parts of one row of a buffer; the call binds
// where each part begins, once for all ranks, so that two blocks over the same parts have the same bytes and the place
// a step has reached is one number. (In an alltoall part q of the input goes to rank q, part q of the output comes from
// it: two tables, and a message or copy may lead from one part to another of the same length.) A plan means its steps
// one after another; the engine runs it as dataflow, and per byte the order of the plan holds.
#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/core/options.hpp>
#include <tutti/plan/bracket.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// The collectives that have plans. The numbers are part of the wire format.
enum class collective : std::uint8_t {
  broadcast = 1,
  reduce,
  allreduce,
  scatter,
  gather,
  allgather,
  reduce_scatter,
  barrier,
  alltoall,
  scan,
  exscan
};

/// Calls that have no plan, but a number for headers and reports.
namespace message {
inline constexpr collective send{64}, recv{65}, sendrecv{66}, shift{67}, neighbour_exchange{68};
}

[[nodiscard]] constexpr std::string_view to_string(collective what) noexcept {
  constexpr std::string_view names[] = {"nothing",   "broadcast",      "reduce",  "allreduce", "scatter", "gather",
                                        "allgather", "reduce_scatter", "barrier", "alltoall",  "scan",    "exscan"};
  constexpr std::string_view messages[] = {"send", "recv", "sendrecv", "shift", "neighbour_exchange"};
  auto const i = static_cast<unsigned>(what);
  constexpr auto first = static_cast<unsigned>(message::send);
  if (i >= first && i < first + std::size(messages)) return messages[i - first];
  return i < std::size(names) ? names[i] : std::string_view("unknown collective");
}

/// `input` is read only; its rows are a rank's partial results (one row, unless it owns several slots).
/// `output` has one row and may hold the rank's own contribution. `scratch` rows belong to the plan.
enum class buffer : std::uint8_t { input, output, scratch };

/// Parts [first, last) of one row.
struct block {
  buffer where = buffer::output;
  std::uint32_t row = 0;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  friend constexpr bool operator==(block const&, block const&) = default;
};

enum class verb : std::uint8_t { send, recv, copy, fold };

/// One contribution to a fold: a block that holds the combination of `slots`.
struct source {
  block from;
  interval slots;
};

template <class Use = on_use>
struct basic_step {
  verb what = verb::copy;
  int peer = -1;                                 ///< send, recv
  block at;                                      ///< what is sent, or what is written
  std::vector<later<source, Use>> sources;       ///< fold: in slot order; copy: one
  std::vector<later<std::uint32_t, Use>> after;  ///< earlier steps that touch the same bytes: they come first at each
  /// A copy from one part to another: it reads elsewhere than it writes, so its order is whole, not per byte. (Nobody
  /// writes an input, so where in it a copy reads does not matter.)
  [[nodiscard]] bool shifts() const noexcept {
    return what == verb::copy && sources[0].from.where != buffer::input && sources[0].from.first != at.first;
  }
};
using step = basic_step<>;

/// A scratch row over parts [first, last). A window keeps only one granule of it at a time: one recv fills it, one fold
/// alone reads it.
struct scratch_row {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  bool window = false;
};

/// How a call cuts its n elements into one part per rank.
enum class cut : std::uint8_t {
  even,           ///< as evenly as can be
  even_but_root,  ///< the root's part is empty, the others are even
  given           ///< part q is what rank q contributes or receives; in an alltoall, what goes to or comes from it
};

template <class Use = on_use>
struct basic_plan {
  int rank = 0;
  int size = 1;
  tutti::TUTTI_ABI::algorithm algorithm = tutti::TUTTI_ABI::algorithm::star;
  cut parts = cut::even;
  std::vector<basic_step<Use>> steps;
  std::vector<later<scratch_row, Use>> scratch;
};
using plan = basic_plan<>;

/// What a plan is made for. Equal requests give equal plans.
template <class Use = on_use>
struct basic_request {
  collective what = collective::barrier;
  tutti::TUTTI_ABI::algorithm algorithm = tutti::TUTTI_ABI::algorithm::star;
  int rank = 0;
  int size = 1;
  int root = 0;
  /// Slots [cuts[r], cuts[r+1]) belong to rank r; empty = one slot per rank, held in the output buffer.
  std::vector<later<std::uint32_t, Use>> cuts{};
  tutti::TUTTI_ABI::order order = tutti::TUTTI_ABI::order::canonical;
  friend bool operator==(basic_request const&, basic_request const&) = default;
};
using request = basic_request<>;

}  // namespace tutti::inline TUTTI_ABI::plan
