// SPDX-License-Identifier: BSL-1.0
// What verify() looks at, and its first questions: the steps of all ranks numbered through, rows and parts cut into
// pieces; whether every block lies in its row, and every window is filled by one receive and read by one later fold.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/plan/plan.hpp>
#include <tutti/plan/promise.hpp>
#include <tutti/plan/text.hpp>

namespace tutti::inline TUTTI_ABI::plan::detail {

class proof_shape {
 protected:
  proof_shape(std::span<plan const> plans, request const& wanted, std::span<std::uint64_t const> part_sizes)
      : plans_(plans),
        wanted_(wanted),
        part_sizes_(part_sizes),
        size_(static_cast<std::uint32_t>(plans.size())),
        promise_(wanted, size_) {}

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

  std::span<plan const> plans_;
  request const& wanted_;
  std::span<std::uint64_t const> part_sizes_;
  std::uint32_t size_;
  promise promise_;
  std::string sentence_;                     // what is wrong
  std::vector<std::uint32_t> cuts_, piece_;  // parts where pieces begin; by part: the piece that begins there
  std::vector<std::uint64_t> lengths_;       // by piece
  std::vector<step const*> steps_;           // by id
  std::vector<std::uint32_t> rank_;          // by id
  std::vector<char> active_;                 // by id
  std::vector<std::uint32_t> base_;          // by rank: its first id
  std::vector<std::size_t> first_row_;       // by rank, and the end
  std::vector<row> rows_;
  std::vector<cell> cells_;
};

}  // namespace tutti::inline TUTTI_ABI::plan::detail
