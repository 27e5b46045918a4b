// SPDX-License-Identifier: BSL-1.0
// Proves that the plans of all ranks together are one correct collective, or says in one sentence why they are not.
//
// What is proved, for any granule and with no buffering between ranks:
//   matching   the k-th message from a to b is sent and received over the same parts, and both name each other or
//   neither deadlock   the steps of all ranks, each send merged with its receive and each window with the fold that
//   reads it, have
//              no cycle under byte order and stream order; so running them node by node always ends
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

#include <tutti/plan/plan.hpp>
#include <tutti/plan/promise.hpp>
#include <tutti/plan/schedule.hpp>
#include <tutti/plan/text.hpp>

namespace tutti::inline TUTTI_ABI::plan::detail {

class proof {
 public:
  proof(std::span<plan const> plans, request const& wanted, std::span<std::uint64_t const> part_sizes, bool watermarks)
      : plans_(plans),
        wanted_(wanted),
        part_sizes_(part_sizes),
        watermarks_(watermarks),
        size_(static_cast<std::uint32_t>(plans.size())),
        promise_(wanted, size_) {}

  [[nodiscard]] std::optional<std::string> run() {
    bool const proven = shape() && bounds() && windows() && matching() && byte_order() && message_order() &&
                        excluded() && meaning_of_steps() && results();
    return proven ? std::nullopt : std::optional<std::string>(std::move(sentence_));
  }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  struct row {
    std::uint32_t first, last;
    bool window;
    std::size_t cells;                      // where its first part is in cells_
    std::uint32_t fill = none, use = none;  // windows: the recv and the fold
  };
  struct cell {  // one part of one row
    interval value;
    std::uint32_t writer = none;
    std::uint32_t readers = none;  // head of a list in readers_
  };
  struct reader {
    std::uint32_t id, next;
  };

  bool refuse(std::string text) {
    sentence_ = std::move(text);
    return false;
  }
  bool refuse(std::uint32_t id, std::string const& hazard) { return refuse(name(id) + ": " + hazard); }
  std::string name(std::uint32_t id) const {
    return "rank " + std::to_string(rank_[id]) + ", step " + std::to_string(id - base_[rank_[id]]) + " (" +
           to_text(*steps_[id]) + ")";
  }
  static std::uint32_t as_index(int i) noexcept { return static_cast<std::uint32_t>(i); }

  // Ids run over all steps of all ranks.
  [[nodiscard]] std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(steps_.size()); }
  [[nodiscard]] row& row_of(std::uint32_t r, block const& b) { return rows_[row_index(r, b)]; }
  [[nodiscard]] std::size_t row_index(std::uint32_t r, block const& b) const {
    std::size_t const start = first_row_[r];
    if (b.where == buffer::output) return start + b.row;
    return start + 1 + b.row + (b.where == buffer::scratch ? 0 : plans_[r].scratch.size());
  }
  [[nodiscard]] cell& cell_of(std::uint32_t r, block const& b, std::uint32_t piece) {
    row const& w = row_of(r, b);
    return cells_[w.cells + (piece - piece_[w.first])];
  }
  /// Whether the step moves at least a byte; the others neither wait nor are waited for.
  [[nodiscard]] bool active(std::uint32_t id) const noexcept { return active_[id] != 0; }

  /// The bytes of a piece of a block of rank r. (In an alltoall every part is a piece.)
  [[nodiscard]] std::uint64_t length(std::uint32_t r, block const& b, std::uint32_t piece) const noexcept {
    if (!promise_.pairs()) return lengths_[piece];
    return b.where == buffer::input ? part_sizes_[r * size_ + piece] : part_sizes_[piece * size_ + r];
  }
  /// Whether two blocks span the same parts; in an alltoall, parts of the same lengths.
  [[nodiscard]] bool alike(std::uint32_t r, block const& a, std::uint32_t s, block const& b) const noexcept {
    if (!promise_.pairs()) return a.first == b.first && a.last == b.last;
    if (a.last - a.first != b.last - b.first) return false;
    for (std::uint32_t i = 0; i < a.last - a.first; ++i)
      if (length(r, a, a.first + i) != length(s, b, b.first + i)) return false;
    return true;
  }

  bool shape() {
    if (size_ == 0) return refuse("no plan was given");
    if (part_sizes_.size() != (promise_.pairs() ? std::size_t{size_} * size_ : size_))
      return refuse("there must be one part size for each rank; for an alltoall, one for each pair");
    if (wanted_.root < 0 || as_index(wanted_.root) >= size_) return refuse("the root is not a rank");
    if (!wanted_.cuts.empty() && (wanted_.cuts.size() != size_ + 1u || wanted_.cuts.front() != 0 ||
                                  !std::is_sorted(wanted_.cuts.begin(), wanted_.cuts.end())))
      return refuse("the cuts must rise from 0, one for each rank and one at the end");
    cut_pieces();
    for (std::uint32_t r = 0; r < size_; ++r) {
      plan const& p = plans_[r];
      if (as_index(p.rank) != r || as_index(p.size) != size_)
        return refuse("rank " + std::to_string(r) + " has the plan of another rank or size");
      if (p.parts != plans_[0].parts) return refuse("rank " + std::to_string(r) + " cuts the parts unlike rank 0");
      base_.push_back(count());
      for (step const& s : p.steps) {
        steps_.push_back(&s);
        rank_.push_back(r);
      }
      first_row_.push_back(rows_.size());
      interval const out = promise_.output_parts(r);
      add_row(out.first, out.last, false, promise_.output_before(r));
      for (scratch_row const& s : p.scratch) {
        if (s.first > s.last || s.last > size_)
          return refuse("rank " + std::to_string(r) + " has a scratch row out of bounds");
        add_row(s.first, s.last, s.window, {});
      }
      interval const in = promise_.input_parts(r);
      for (interval value : promise_.input(r)) {
        add_row(in.first, in.last, false, value);
        for (std::uint32_t q = piece_[in.first]; q < piece_[in.last]; ++q)
          cells_[rows_.back().cells + (q - piece_[in.first])].value = promise_.input_at(value, r, cuts_[q]);
      }
    }
    first_row_.push_back(rows_.size());
    return true;
  }
  void add_row(std::uint32_t first, std::uint32_t last, bool window, interval value) {
    rows_.push_back({first, last, window, cells_.size()});
    cells_.resize(cells_.size() + (piece_[last] - piece_[first]), {value});
  }
  /// Parts that no block and no promise divides are looked at as one piece.
  void cut_pieces() {
    std::vector<char> divided(size_ + 1u, promise_.by_part() ? 1 : 0);
    auto const cut = [&](std::uint32_t first, std::uint32_t last) {
      divided[(std::min)(first, size_)] = divided[(std::min)(last, size_)] = 1;
    };
    cut(0, size_);
    for (std::uint32_t r = 0; r < size_; ++r) {
      cut(promise_.output_parts(r).first, promise_.output_parts(r).last);
      cut(promise_.input_parts(r).first, promise_.input_parts(r).last);
      for (scratch_row const& s : plans_[r].scratch) cut(s.first, s.last);
      for (step const& s : plans_[r].steps) cut(s.at.first, s.at.last);
    }
    for (std::uint32_t q = 0; q <= size_; ++q) {
      piece_.push_back(static_cast<std::uint32_t>(cuts_.size()));
      if (divided[q] != 0) cuts_.push_back(q);
    }
    for (std::size_t i = 0; i + 1 < cuts_.size() && !promise_.pairs(); ++i) {
      auto const sizes = part_sizes_.subspan(cuts_[i], cuts_[i + 1] - cuts_[i]);
      lengths_.push_back(std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}));
    }
  }

  [[nodiscard]] bool inside(std::uint32_t r, block const& b) {
    std::size_t const begin = first_row_[r];
    std::size_t const input = begin + 1 + plans_[r].scratch.size();
    if (b.where == buffer::output && b.row != 0) return false;
    if (b.where == buffer::scratch && b.row >= plans_[r].scratch.size()) return false;
    if (b.where == buffer::input && b.row >= first_row_[r + 1] - input) return false;
    row const& w = row_of(r, b);
    return b.first <= b.last && w.first <= b.first && b.last <= w.last;
  }

  bool bounds() {
    active_.assign(count(), 0);
    for (std::uint32_t id = 0; id < count(); ++id) {
      step const& s = *steps_[id];
      std::uint32_t const r = rank_[id];
      bool const message = s.what == verb::send || s.what == verb::recv;
      if (message && (s.peer < 0 || as_index(s.peer) >= size_)) return refuse(id, "the peer is out of range");
      if (message && as_index(s.peer) == r) return refuse(id, "a rank cannot send to itself");
      if (!inside(r, s.at)) return refuse(id, "the block is out of bounds");
      if (s.what != verb::send && s.at.where == buffer::input) return refuse(id, "the input is written");
      if (message != s.sources.empty() || (s.what == verb::copy && s.sources.size() != 1))
        return refuse(id, "a send or receive has no sources, a copy has one, a fold at least one");
      for (source const& f : s.sources) {
        if (!inside(r, f.from)) return refuse(id, "its source, " + to_text(f.from) + ", is out of bounds");
        if (!alike(r, f.from, r, s.at) || (s.what == verb::fold && f.from.first != s.at.first))
          return refuse(id, "its source, " + to_text(f.from) + ", spans other parts than its target");
      }
      for (std::uint32_t q = piece_[s.at.first]; q < piece_[s.at.last] && active_[id] == 0; ++q)
        active_[id] = length(r, s.at, q) > 0;
    }
    return true;
  }

  bool windows() {
    for (std::uint32_t id = 0; id < count(); ++id) {
      step const& s = *steps_[id];
      auto const window_of = [&](block const& b) {
        row* const w = &row_of(rank_[id], b);
        return w->window ? w : nullptr;
      };
      for (source const& f : s.sources) {
        row* const w = window_of(f.from);
        if (w == nullptr) continue;
        if (s.what != verb::fold) return refuse(id, "only a fold may read a window");
        if (w->use != none) return refuse(id, "the window " + to_text(f.from) + " is read twice");
        if (w->fill == none) return refuse(id, "the window " + to_text(f.from) + " is read before it is filled");
        if (f.from.first != w->first || f.from.last != w->last)
          return refuse(id, "the window " + to_text(f.from) + " is read in part");
        w->use = id;
      }
      row* const w = window_of(s.at);
      if (w == nullptr) continue;
      if (s.what != verb::recv) return refuse(id, "only a receive may fill a window, and only a fold may read it");
      if (w->fill != none) return refuse(id, "the window is filled twice");
      if (s.at.first != w->first || s.at.last != w->last) return refuse(id, "the window is filled in part");
      w->fill = id;
    }
    for (std::uint32_t r = 0; r < size_; ++r)
      for (std::size_t i = first_row_[r]; i < first_row_[r + 1]; ++i)
        if (rows_[i].window && rows_[i].use == none)
          return rows_[i].fill == none ? refuse("rank " + std::to_string(r) + " has a window that nothing fills")
                                       : refuse(rows_[i].fill, "the window is filled but never read");
    return true;
  }

  bool matching() {
    std::vector<std::uint32_t> by_peer[2];  // the ids of all sends, of all receives, by stream and then in plan order
    for (std::uint32_t id = 0; id < count(); ++id) {
      verb const what = steps_[id]->what;
      if (what == verb::send || what == verb::recv) by_peer[what == verb::send ? 0 : 1].push_back(id);
    }
    auto const stream = [&](std::uint32_t id) {
      std::uint64_t const self = rank_[id], peer = as_index(steps_[id]->peer);
      return steps_[id]->what == verb::send ? self * size_ + peer : peer * size_ + self;
    };
    for (auto& ids : by_peer)
      std::sort(ids.begin(), ids.end(), [&](std::uint32_t a, std::uint32_t b) {
        return stream(a) != stream(b) ? stream(a) < stream(b) : a < b;
      });
    partner_.assign(count(), none);
    auto const &out = by_peer[0], &in = by_peer[1];
    for (std::size_t i = 0, j = 0; i < out.size() || j < in.size();) {
      std::uint64_t const now = (std::min)(i < out.size() ? stream(out[i]) : ~std::uint64_t{0},
                                           j < in.size() ? stream(in[j]) : ~std::uint64_t{0});
      bool const opened = i < out.size() && stream(out[i]) == now, awaited = j < in.size() && stream(in[j]) == now;
      std::uint32_t const opener = opened ? out[i] : none, awaiter = awaited ? in[j] : none;
      for (std::uint32_t last_out = none, last_in = none;;) {
        while (i < out.size() && stream(out[i]) == now && !active(out[i])) ++i;
        while (j < in.size() && stream(in[j]) == now && !active(in[j])) ++j;
        bool const sends = i < out.size() && stream(out[i]) == now, hears = j < in.size() && stream(in[j]) == now;
        if (!sends && !hears) break;
        if (!hears) return refuse(out[i], "no receive meets this send");
        if (!sends) return refuse(in[j], "no send meets this receive");
        block const &from = steps_[out[i]]->at, &to = steps_[in[j]]->at;
        if (!alike(rank_[out[i]], from, rank_[in[j]], to))
          return refuse(out[i], "it meets a receive of other parts at " + name(in[j]));
        partner_[out[i]] = in[j];
        partner_[in[j]] = out[i];
        if (last_out != none) edges_.push_back({last_out, out[i]});
        if (last_in != none) edges_.push_back({last_in, in[j]});
        last_out = out[i++];
        last_in = in[j++];
      }
      if (opened != awaited)
        return opened ? refuse(opener, "its header opens a stream that its peer never receives")
                      : refuse(awaiter, "it waits for a header that no send of its peer carries");
    }
    return true;
  }

  /// Finds, anew, every pair of steps that must not change places, and holds it against the plan's `after`.
  bool byte_order() {
    std::vector<std::uint32_t> seen(count(), none);
    for (std::uint32_t id = 0; id < count(); ++id) {
      step const& s = *steps_[id];
      std::uint32_t const r = rank_[id];
      for (std::uint32_t index : s.after) {
        if (index >= id - base_[r]) return refuse(id, "`after` names a step that is not an earlier one");
        std::uint32_t const before = base_[r] + index;
        if (watermarks_ && active(id) && active(before)) edges_.push_back({before, id});
      }
      if (!active(id)) continue;
      auto const order = [&](std::uint32_t before, std::uint32_t piece, char const* hazard) {
        std::uint32_t const part = cuts_[piece];
        if (before == none || before == id || seen[before] == id) return true;
        if (watermarks_ && !implied(before, id, part))
          return refuse(id, std::string(hazard) + " " + name(before) + " at part " + std::to_string(part) +
                                ", and no `after` keeps them in order");
        if (watermarks_ && !direct(before, id)) return true;  // at this part only: another may lack the way round
        seen[before] = id;
        conflicts_.push_back({before, id});
        return true;
      };
      auto const read = [&](block const& b) {
        for (std::uint32_t q = piece_[b.first]; q < piece_[b.last]; ++q) {
          if (length(r, b, q) == 0) continue;
          cell& c = cell_of(r, b, q);
          if (!order(c.writer, q, "it may read before the write of")) return false;
          readers_.push_back({id, c.readers});
          c.readers = static_cast<std::uint32_t>(readers_.size() - 1);
        }
        return true;
      };
      auto const write = [&](block const& b) {
        for (std::uint32_t q = piece_[b.first]; q < piece_[b.last]; ++q) {
          if (length(r, b, q) == 0) continue;
          cell& c = cell_of(r, b, q);
          if (!order(c.writer, q, "it may overwrite or be overwritten by")) return false;
          for (std::uint32_t i = c.readers; i != none; i = readers_[i].next)
            if (!order(readers_[i].id, q, "it may overwrite what is still read by")) return false;
          c.writer = id;
          c.readers = none;
        }
        return true;
      };
      for (source const& f : s.sources)
        if (!read(f.from)) return false;
      if (!(s.what == verb::send ? read(s.at) : write(s.at))) return false;
    }
    return true;
  }
  [[nodiscard]] bool direct(std::uint32_t before, std::uint32_t later) const {
    auto const& after = steps_[later]->after;
    return std::binary_search(after.begin(), after.end(), before - base_[rank_[later]]);  // else `implied` finds it
  }
  /// Whether `after` leads from `later` back to `before` over steps that all touch `part`: watermarks are per byte.
  [[nodiscard]] bool implied(std::uint32_t before, std::uint32_t later, std::uint32_t part) const {
    if (direct(before, later)) return true;
    std::vector<std::uint32_t> todo{later}, known;
    while (!todo.empty()) {
      std::uint32_t const id = todo.back();
      todo.pop_back();
      for (std::uint32_t index : steps_[id]->after) {
        std::uint32_t const next = base_[rank_[id]] + index;
        if (next == before) return true;
        bool const touches = !steps_[next]->shifts() && steps_[next]->at.first <= part && part < steps_[next]->at.last;
        if (next < before || !touches || std::find(known.begin(), known.end(), next) != known.end()) continue;
        known.push_back(next);
        todo.push_back(next);
      }
    }
    return false;
  }

  /// Merges what must run together, granule by granule, and sorts the rest.
  bool message_order() {
    node_.resize(count());
    std::iota(node_.begin(), node_.end(), 0u);
    for (row const& w : rows_)  // a fold is the name of its node, else the receive
      if (w.window && active(w.fill)) node_[w.fill] = w.use;
    for (std::uint32_t id = 0; id < count(); ++id)
      if (steps_[id]->what == verb::send && active(id)) node_[id] = node_[partner_[id]];

    for (edge e : edges_) {
      if (node_[e.before] != node_[e.later]) continue;
      if (steps_[e.before]->what == verb::recv && steps_[e.later]->what == verb::fold) continue;
      return refuse(e.later, "deadlock: it must follow " + name(e.before) +
                                 ", but one window fold needs both at once, " + name(node_[e.later]));
    }
    schedule_.emplace(node_, edges_);
    auto const cycle = schedule_->cycle();
    if (cycle.empty()) return true;
    std::string text = "deadlock: it waits for ";
    for (std::size_t i = cycle.size() - 1; i > 0; --i) {
      text += name(cycle[i]) + ", which waits for ";
      if (i + 4 == cycle.size() && i > 1) text += "others, which wait for ";
      if (i + 4 == cycle.size()) break;
    }
    return refuse(cycle[0], text + "this step");
  }

  /// Without watermarks only the order of messages is left: it must then keep apart what touches the same bytes.
  bool excluded() {
    if (watermarks_) return true;
    for (auto const [before, later] : conflicts_) {
      std::uint32_t const from = node_[before], to = node_[later];
      if (from == to && steps_[before]->what == verb::recv && steps_[later]->what == verb::fold) continue;
      if (from == to || !schedule_->leads(from, to))
        return refuse(later, "race: without the byte order nothing keeps it after " + name(before));
    }
    return true;
  }

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

  std::span<plan const> plans_;
  request const& wanted_;
  std::span<std::uint64_t const> part_sizes_;
  bool watermarks_;
  std::uint32_t size_;
  promise promise_;
  std::string sentence_;
  std::vector<std::uint32_t> cuts_, piece_;           // parts where pieces begin; by part: the piece that begins there
  std::vector<std::uint64_t> lengths_;                // by piece
  std::vector<step const*> steps_;                    // by id
  std::vector<std::uint32_t> rank_, partner_, node_;  // by id
  std::vector<char> active_;                          // by id
  std::vector<std::uint32_t> base_;                   // by rank: its first id
  std::vector<std::size_t> first_row_;                // by rank, and the end
  std::vector<row> rows_;
  std::vector<cell> cells_;
  std::vector<reader> readers_;
  std::vector<edge> edges_, conflicts_;
  std::optional<schedule> schedule_;
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
