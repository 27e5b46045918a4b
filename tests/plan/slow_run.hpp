// SPDX-License-Identifier: BSL-1.0
// Runs plans the slow way: element by element, no buffering between ranks, any granule, any schedule. Compares with a
// fold written straight from the definition.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tutti/plan/plan.hpp>

#include "cases.hpp"

namespace plan_cases {

using tp::buffer;
using tp::collective;

// The words over letters and brackets: neither commutative nor associative, so a result spells out how it was made.
struct words {
  using value = std::string;
  static value of(std::size_t slot, std::size_t place) {
    return std::string(1, static_cast<char>('a' + slot)) + std::to_string(place);
  }
  static value join(value const& a, value const& b) { return "(" + a + b + ")"; }
  static value junk() { return "?"; }
};
struct integers {
  using value = std::int64_t;
  static value of(std::size_t slot, std::size_t place) {
    return static_cast<value>(1000 * (slot + 1) * (slot + 7) + 31 * place);
  }
  static value join(value a, value b) { return a + b; }
  static value junk() { return -999999; }
};

// Who has come: a barrier may hear of someone twice.
struct sets {
  using value = std::uint64_t;
  static value of(std::size_t slot, std::size_t) { return value{1} << slot; }
  static value join(value a, value b) { return a | b; }
  static value junk() { return ~value{0}; }
};

// The definition: split at the largest power of two below the number of slots.
template <class Algebra>
typename Algebra::value serial(std::size_t first, std::size_t last, std::size_t place) {
  if (last - first == 1) return Algebra::of(first, place);
  std::size_t left = 1;
  while (left * 2 < last - first) left *= 2;
  return Algebra::join(serial<Algebra>(first, first + left, place), serial<Algebra>(first + left, last, place));
}
// The same split, over the sources of a fold: the node [first, last) is either one of them or the join of its halves.
template <class Algebra>
typename Algebra::value joined(std::vector<tp::source> const& sources,
                               std::vector<typename Algebra::value> const& values, std::uint32_t first,
                               std::uint32_t last) {
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i].slots.first == first && sources[i].slots.last == last) return values[i];
  if (sources.size() == 2) return Algebra::join(values[0], values[1]);  // off the bracket, too
  if (last - first < 2) throw std::runtime_error("the sources do not make up the node");
  std::uint32_t left = 1;
  while (left * 2 < last - first) left *= 2;
  return Algebra::join(joined<Algebra>(sources, values, first, first + left),
                       joined<Algebra>(sources, values, first + left, last));
}

template <class Algebra>
class world {
 public:
  using value = typename Algebra::value;

  world(std::vector<tp::plan> const& plans, sizes const& parts, unsigned seed, bool byte_order)
      : plans_(plans), random_(seed), byte_order_(byte_order) {
    std::size_t const size = plans.size();
    granule_ = 1 + random_() % 5;
    for (std::size_t r = 0; r < size; ++r) {
      std::vector<std::size_t> out(1, 0), in(1, 0);
      for (std::size_t q = 0; q < size; ++q) {  // a size for each part, or for each pair of ranks
        bool const pairs = parts.size() > size;
        out.push_back(out.back() + parts[pairs ? q * size + r : q]);
        in.push_back(in.back() + parts[pairs ? r * size + q : q]);
      }
      begin_.push_back(out);
      input_begin_.push_back(in);
      tp::plan const& p = plans[r];
      std::vector<std::size_t> at;
      for (tp::step const& s : p.steps) at.push_back(first(r, s.at));
      at_.push_back(at);
      std::vector<std::vector<value>> rows;
      for (tp::scratch_row const& s : p.scratch) rows.emplace_back(s.window ? granule_ : length(r), Algebra::junk());
      scratch.push_back(rows);
      output.emplace_back(length(r), Algebra::junk());
      input.emplace_back();
    }
  }

  [[nodiscard]] std::size_t length(std::size_t r) const { return begin_[r].back(); }
  [[nodiscard]] std::size_t input_length(std::size_t r) const { return input_begin_[r].back(); }
  /// Which part of rank r's output, or input, an element lies in, and as which of its elements.
  [[nodiscard]] std::pair<std::size_t, std::size_t> part_of(std::size_t r, buffer where, std::size_t x) const {
    auto const& begin = where == buffer::input ? input_begin_[r] : begin_[r];
    std::size_t q = 0;
    while (x >= begin[q + 1]) ++q;
    return {q, x - begin[q]};
  }

  /// Runs to the end; throws when nothing can move any more.
  void run() {
    std::vector<std::pair<std::size_t, std::size_t>> open;  // everything but sends, which their receives drive
    for (std::size_t r = 0; r < plans_.size(); ++r)
      for (std::size_t i = 0; i < plans_[r].steps.size(); ++i) open.emplace_back(r, i);
    while (true) {
      std::shuffle(open.begin(), open.end(), random_);
      bool moved = false;
      for (auto [r, i] : open) moved = advance(r, i) || moved;
      open.erase(std::remove_if(open.begin(), open.end(), [&](auto const& s) { return done(s.first, s.second); }),
                 open.end());
      if (open.empty()) return;
      if (!moved) throw std::runtime_error("deadlock");
    }
  }

  std::vector<std::vector<std::vector<value>>> scratch, input;  // by rank, row
  std::vector<std::vector<value>> output;                       // by rank

 private:
  tp::step const& step(std::size_t r, std::size_t i) const { return plans_[r].steps[i]; }
  [[nodiscard]] std::size_t first(std::size_t r, tp::block const& b) const {
    return (b.where == buffer::input ? input_begin_ : begin_)[r][b.first];
  }
  [[nodiscard]] std::size_t last(std::size_t r, tp::block const& b) const {
    return (b.where == buffer::input ? input_begin_ : begin_)[r][b.last];
  }
  [[nodiscard]] bool done(std::size_t r, std::size_t i) const { return at_[r][i] >= last(r, step(r, i).at); }
  bool is_window(std::size_t r, tp::block const& b) const {
    return b.where == buffer::scratch && plans_[r].scratch[b.row].window;
  }
  value& element(std::size_t r, tp::block const& b, std::size_t place) {
    if (b.where == buffer::output) return output[r].at(place);
    if (b.where == buffer::input) return input[r].at(b.row).at(place);
    auto& row = scratch[r].at(b.row);
    return is_window(r, b) ? row[place % granule_] : row.at(place);
  }

  /// Up to which place step i of rank r may go, whatever its peer does.
  [[nodiscard]] std::size_t limit(std::size_t r, std::size_t i) const {
    tp::step const& s = step(r, i);
    std::size_t const now = at_[r][i];
    std::size_t most = last(r, s.at);
    for (std::size_t k = 0; k < plans_[r].steps.size(); ++k) {
      tp::step const& other = step(r, k);
      // A window gives out what its receive has put in, and takes a granule more than its fold has used.
      for (tp::source const& f : s.sources)
        if (is_window(r, f.from) && other.what == tp::verb::recv && other.at == f.from)
          most = (std::min)(most, at_[r][k]);
      for (tp::source const& f : other.sources)
        if (is_window(r, f.from) && s.what == tp::verb::recv && s.at == f.from)
          most = (std::min)(most, at_[r][k] + granule_);
    }
    for (std::uint32_t k : s.after)
      if (byte_order_ && !done(r, k)) {
        if (s.shifts() || step(r, k).shifts()) return now;
        if (now < last(r, step(r, k).at)) most = (std::min)(most, at_[r][k]);
      }
    return (std::max)(most, now);
  }
  /// The first step of a stream that is not done.
  [[nodiscard]] std::size_t head(std::size_t r, tp::verb what, int peer) const {
    auto const& steps = plans_[r].steps;
    for (std::size_t i = 0; i < steps.size(); ++i)
      if (steps[i].what == what && steps[i].peer == peer && !done(r, i)) return i;
    return steps.size();
  }

  bool advance(std::size_t r, std::size_t i) {
    tp::step const& s = step(r, i);
    if (s.what == tp::verb::send || done(r, i)) return false;
    std::size_t const now = at_[r][i];
    std::size_t most = (std::min)(limit(r, i), now + 1 + random_() % 7);
    if (s.what == tp::verb::recv) {
      auto const peer = static_cast<std::size_t>(s.peer);
      std::size_t const k = head(peer, tp::verb::send, static_cast<int>(r));
      if (k == plans_[peer].steps.size() || head(r, tp::verb::recv, s.peer) != i) return false;
      std::size_t const theirs = at_[peer][k];
      if (theirs - first(peer, step(peer, k).at) != now - first(r, s.at))
        throw std::runtime_error("a message of other parts");
      most = now + (std::min)(most - now, limit(peer, k) - theirs);
      for (std::size_t x = now; x < most; ++x) element(r, s.at, x) = element(peer, step(peer, k).at, x - now + theirs);
      at_[peer][k] += most - now;
    } else {
      for (std::size_t x = now; x < most; ++x) {
        std::vector<value> values;
        for (tp::source const& f : s.sources)
          values.push_back(element(r, f.from, x - first(r, s.at) + first(r, f.from)));
        element(r, s.at, x) =
            s.what == tp::verb::copy
                ? values.at(0)
                : joined<Algebra>(s.sources, values, s.sources.front().slots.first, s.sources.back().slots.last);
      }
    }
    at_[r][i] = (std::max)(now, most);
    return most > now;
  }

  std::vector<tp::plan> const& plans_;
  std::mt19937 random_;
  bool byte_order_;
  std::vector<std::vector<std::size_t>> begin_, input_begin_;  // by rank, part
  std::size_t granule_ = 1;
  std::vector<std::vector<std::size_t>> at_;  // by rank, step: the next place
};

/// What is wrong after a run from the collective's starting state; empty = nothing.
template <class Algebra>
std::string run_once(tp::request const& w, std::vector<tp::plan> const& plans, sizes const& parts, unsigned seed,
                     bool byte_order = true) {
  using value = typename Algebra::value;
  world<Algebra> all(plans, parts, seed, byte_order);
  auto const p = static_cast<std::size_t>(w.size), root = static_cast<std::size_t>(w.root);
  bool const in_place = w.what == collective::broadcast || w.what == collective::reduce ||
                        w.what == collective::allreduce || w.what == collective::barrier ||
                        w.what == collective::scan || w.what == collective::exscan;
  std::size_t const slots = w.cuts.empty() ? p : w.cuts.back();

  auto due = all.output;  // junk where nothing may be written
  for (std::size_t r = 0; r < p; ++r) {
    std::size_t const n = all.length(r);
    std::vector<value> mine(all.input_length(r), Algebra::junk());
    for (std::size_t x = 0; x < mine.size(); ++x) {
      auto const [part, place] = all.part_of(r, buffer::input, x);
      if (w.what == collective::alltoall)
        mine[x] = Algebra::of(r, 100 * part + place);
      else if (in_place || w.what == collective::scatter || w.what == collective::reduce_scatter || part == r)
        mine[x] = Algebra::of(r, x);
    }
    if (!w.cuts.empty()) {
      for (tp::interval partial : tp::partials({w.cuts[r], w.cuts[r + 1]}, w.cuts.back())) {
        std::vector<value> row;
        for (std::size_t x = 0; x < n; ++x) row.push_back(serial<Algebra>(partial.first, partial.last, x));
        all.input[r].push_back(row);
      }
    } else if (in_place) {
      all.output[r] = mine;
    } else {
      all.input[r].push_back(mine);
    }
    if ((w.what == collective::reduce && r != root) || (w.what == collective::exscan && r == 0)) due[r] = all.output[r];
    for (std::size_t x = 0; x < n; ++x) {
      auto const [owner, place] = all.part_of(r, buffer::output, x);
      switch (w.what) {
        case collective::alltoall:
          due[r][x] = Algebra::of(owner, 100 * r + place);
          break;
        case collective::scan:
          due[r][x] = serial<Algebra>(0, r + 1, x);
          break;
        case collective::exscan:
          if (r > 0) due[r][x] = serial<Algebra>(0, r, x);
          break;
        case collective::broadcast:
          due[r][x] = Algebra::of(root, x);
          break;
        case collective::barrier:
        case collective::allreduce:
          due[r][x] = serial<Algebra>(0, slots, x);
          break;
        case collective::reduce:
          if (r == root) due[r][x] = serial<Algebra>(0, slots, x);
          break;
        case collective::scatter:
          if (r == owner) due[r][x] = Algebra::of(root, x);
          break;
        case collective::gather:
          if (r == root) due[r][x] = Algebra::of(owner, x);
          break;
        case collective::allgather:
          due[r][x] = Algebra::of(owner, x);
          break;
        case collective::reduce_scatter:
          if (r == owner) due[r][x] = serial<Algebra>(0, slots, x);
          break;
      }
    }
  }
  auto const given = all.input;
  try {
    all.run();
  } catch (std::exception const& e) {
    return e.what();
  }
  if (all.input != given) return "the input has changed";
  for (std::size_t r = 0; r < p; ++r)
    if (all.output[r] != due[r]) return "rank " + std::to_string(r) + " has a wrong result";
  return {};
}

}  // namespace plan_cases
