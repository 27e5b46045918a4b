// SPDX-License-Identifier: BSL-1.0
// Proves that the plans of all ranks together are one correct collective, or says in one sentence why they are not.
//
// What is proved, for any granule and with no buffering between ranks:
//   matching   the k-th message from a to b is sent and received over the same parts, and both name each other or
//              neither does
//   deadlock   the steps of all ranks, each send merged with its receive and each window with the fold that reads it,
//              have no cycle under byte order and stream order; so running them node by node always ends
//   windows    one receive fills a window and one later fold alone reads it
//   bounds     no block leaves its row, nobody writes the input
//   overwrite  every two steps of a rank that touch the same bytes are ordered by the plan's `after`
//   meaning    run on symbols, nothing is read before it is written, folds join adjacent slots along the bracket (under
//              order::any: around the circle), and every rank ends with what the collective promises: every slot
//              exactly once
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/plan/proof_order.hpp>

namespace tutti::inline TUTTI_ABI::plan::detail {

class proof : proof_order {
 public:
  proof(std::span<plan const> plans, request const& wanted, std::span<std::uint64_t const> part_sizes, bool watermarks)
      : proof_order(plans, wanted, part_sizes, watermarks) {}

  [[nodiscard]] std::optional<std::string> run() {
    bool const proven = shape() && bounds() && windows() && matching() && byte_order() && message_order() &&
                        excluded() && meaning_of_steps() && results();
    return proven ? std::nullopt : std::optional<std::string>(std::move(sentence_));
  }

 private:
  bool meaning_of_steps() {
    std::vector<std::uint32_t> begin(count() + 1, 0), members(count());
    for (std::uint32_t id = 0; id < count(); ++id) ++begin[node_[id] + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    auto fill = begin;
    for (std::uint32_t id = 0; id < count(); ++id) members[fill[node_[id]]++] = id;
    for (std::uint32_t node : schedule_->sorted()) {
      for (std::uint32_t k = begin[node]; k < begin[node + 1]; ++k) {
        std::uint32_t const id = members[k];
        if (!active(id) || steps_[id]->what != verb::recv) continue;
        std::uint32_t const from = partner_[id];
        if (!move(from, steps_[from]->at, id)) return false;
      }
      if (!active(node)) continue;
      if (steps_[node]->what == verb::copy && !move(node, steps_[node]->sources[0].from, node)) return false;
      if (steps_[node]->what == verb::fold && !fold(node)) return false;
    }
    return true;
  }
  bool move(std::uint32_t reading, block const& from, std::uint32_t writing) {
    block const& to = steps_[writing]->at;
    for (std::uint32_t q = piece_[from.first]; q < piece_[from.last]; ++q) {
      if (length(rank_[reading], from, q) == 0) continue;
      interval const value = cell_of(rank_[reading], from, q).value;
      if (value.size() == 0)
        return refuse(reading, "it reads part " + std::to_string(cuts_[q]) + " before it is written");
      cell_of(rank_[writing], to, q - piece_[from.first] + piece_[to.first]).value = value;
    }
    return true;
  }
  bool fold(std::uint32_t id) {
    step const& s = *steps_[id];
    if (!promise_.folds()) return refuse(id, "a fold in a collective that only moves data");
    if (!std::is_sorted(s.sources.begin(), s.sources.end(),
                        [](source const& a, source const& b) { return a.slots.first < b.slots.first; }))
      return refuse(id, "its slots are folded in the wrong order");
    interval joined{};
    std::uint32_t const total = promise_.bracket(s.sources.back().slots);
    for (std::size_t k = 0; k < s.sources.size(); ++k) {
      interval const part = on_circle(s.sources[k].slots);
      if (!promise_.any_order() && !is_node(part, total))
        return refuse(id, "its source, slots " + to_text(part) + ", is no node of the bracket");
      if (k == 0) joined = {part.first, part.first};
      if (!join(id, joined, part)) return false;
      for (std::uint32_t q = piece_[s.at.first]; q < piece_[s.at.last]; ++q) {
        if (lengths_[q] == 0) continue;
        interval const value = cell_of(rank_[id], s.sources[k].from, q).value;
        if (value.size() == 0) return refuse(id, "it reads part " + std::to_string(cuts_[q]) + " before it is written");
        if (value != part)
          return refuse(id, "it folds " + to_text(s.sources[k].from) + " as slots " + to_text(part) + ", but part " +
                                std::to_string(cuts_[q]) + " holds slots " + to_text(value));
      }
    }
    if (!promise_.any_order() && !is_node(joined, total))
      return refuse(id, "it joins slots " + to_text(joined) + ", which is no node of the bracket");
    for (std::uint32_t q = piece_[s.at.first]; q < piece_[s.at.last]; ++q) cell_of(rank_[id], s.at, q).value = joined;
    return true;
  }
  /// Appends `part` to the run `joined`.
  bool join(std::uint32_t id, interval& joined, interval part) {
    std::uint32_t const slots = promise_.slots();
    std::uint32_t const next = promise_.any_order() ? joined.last % slots : joined.last;
    if (part.first != next) {
      bool const twice = part.first < next;
      return refuse(id, twice ? "slot " + std::to_string(part.first) + " is folded twice"
                              : "slot " + std::to_string(next) + " is missing from the fold");
    }
    joined.last += part.size();
    if (joined.size() <= slots) return true;
    if (!promise_.may_repeat()) return refuse(id, "slot " + std::to_string(joined.first) + " is folded twice");
    joined = {0, slots};
    return true;
  }
  /// A run as it is compared: it begins at a slot that exists.
  [[nodiscard]] interval on_circle(interval run) const {
    std::uint32_t const slots = promise_.slots();
    if (!promise_.any_order() || slots == 0) return run;
    return {run.first % slots, run.first % slots + run.size()};
  }

  bool results() {
    for (std::uint32_t r = 0; r < size_; ++r) {
      block const out{buffer::output, 0, promise_.output_parts(r).first, promise_.output_parts(r).last};
      for (std::uint32_t q = piece_[out.first]; q < piece_[out.last]; ++q) {
        interval const found = cell_of(r, out, q).value, due = promise_.output_after(r, cuts_[q]);
        bool const whole = promise_.any_order() && due.size() == promise_.slots() && found.size() == due.size();
        if (length(r, out, q) == 0 || found == due || whole) continue;
        std::string const kind = promise_.folds() ? "slots " : promise_.pairs() ? "blocks " : "the data of ranks ";
        return refuse("rank " + std::to_string(r) + " ends with " +
                      (found.size() == 0 ? "nothing" : kind + to_text(found)) + " in output part " +
                      std::to_string(cuts_[q]) + " instead of " + (due.size() == 0 ? "nothing" : kind + to_text(due)) +
                      (promise_.folds() && found.size() < due.size() ? ": a slot is missing" : ""));
      }
    }
    return true;
  }
};

}  // namespace tutti::inline TUTTI_ABI::plan::detail

namespace tutti::inline TUTTI_ABI::plan {

/// nullopt if `plans`, one for each rank in order, carry out the collective, root and cuts of `wanted` (its rank, size
/// and algorithm are not looked at) when part q has part_sizes[q] bytes (in an alltoall, when what goes from s to d has
/// part_sizes[s * size + d]); else one sentence that names a rank, a step and the hazard. With `watermarks` false, byte
/// order is not granted: what then races is refused too.
[[nodiscard]] inline std::optional<std::string> verify(std::span<plan const> plans, request const& wanted,
                                                       std::span<std::uint64_t const> part_sizes,
                                                       bool watermarks = true) {
  return detail::proof(plans, wanted, part_sizes, watermarks).run();
}

}  // namespace tutti::inline TUTTI_ABI::plan
