// SPDX-License-Identifier: BSL-1.0
// The part of verify() that is about order: which send meets which receive, which steps touch the same bytes, and that
// all of it together, ordered by bytes and by streams, has no cycle.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tutti/plan/proof_shape.hpp>
#include <tutti/plan/schedule.hpp>

namespace tutti::inline TUTTI_ABI::plan::detail {

class proof_order : protected proof_shape {
 protected:
  proof_order(std::span<plan const> plans, request const& wanted, std::span<std::uint64_t const> part_sizes,
              bool watermarks)
      : proof_shape(plans, wanted, part_sizes), watermarks_(watermarks) {}

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

  bool watermarks_;
  std::vector<std::uint32_t> partner_, node_;  // by id: the other end of a message; what it is merged into
  std::vector<reader> readers_;
  std::vector<edge> edges_, conflicts_;
  std::optional<schedule> schedule_;
};

}  // namespace tutti::inline TUTTI_ABI::plan::detail
