// SPDX-License-Identifier: BSL-1.0
// Runs the plans of all ranks on a virtual clock: no bytes, no threads. Takes plans, part sizes and a model of network
// and hosts, hands back when each rank is done. It follows the engine's order of work (engine/run.hpp) message by
// message and granule by granule, on its own: tests compare the two.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/network.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/plan/granule.hpp>
#include <tutti/plan/plan.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// What a simulated collective took.
struct simulated {
  std::vector<std::chrono::nanoseconds> finished;  ///< by rank; all begin at zero
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  ///< sent in all, headers included
  double link_use = 0;      ///< share of the time that a host's link carried bytes out, on average
  double core_use = 0;      ///< share of the time that a core was busy, on average
  [[nodiscard]] std::chrono::nanoseconds time() const {
    return finished.empty() ? std::chrono::nanoseconds{} : *std::max_element(finished.begin(), finished.end());
  }
};

namespace detail {

template <class = on_use>
class simulation {
 public:
  using time = tutti::TUTTI_ABI::detail::virtual_time;

  /// `offsets[q]` is where part q begins, in bytes; `header` opens every stream.
  simulation(int ranks, std::vector<std::uint64_t> offsets, std::size_t element, std::uint64_t header, sim const& model)
      : network_(model, ranks),
        offsets_(std::move(offsets)),
        element_(element),
        header_(header),
        actors_(static_cast<std::size_t>(ranks)),
        lane_of_(static_cast<std::size_t>(ranks), none) {}

  void add(plan const& p) {
    actor& a = actors_[static_cast<std::size_t>(p.rank)];
    a.rank = p.rank;
    std::size_t most_sources = 0;
    for (step const& s : p.steps)
      if (s.what == verb::fold) most_sources = (std::max)(most_sources, s.sources.size());
    a.granule = granule(most_sources, element_);
    std::vector<std::uint32_t> reader(p.scratch.size(), none);
    for (std::uint32_t i = 0; i < p.steps.size(); ++i)
      if (p.steps[i].what == verb::fold)
        for (source const& f : p.steps[i].sources)
          if (f.from.where == buffer::scratch) reader[f.from.row] = i;
    if ((steps_ += p.steps.size()) > most_steps)
      throw error(error_kind::config, "these plans have more than " + std::to_string(most_steps) +
                                          " steps, which do not fit into memory: simulate fewer ranks");
    for (step const& s : p.steps) {
      motion m;
      m.at = m.begin = offsets_[s.at.first];
      m.end = offsets_[s.at.last];
      m.shifted = s.shifts();
      m.first_edge = static_cast<std::uint32_t>(a.edges.size());
      a.edges.insert(a.edges.end(), s.after.begin(), s.after.end());
      m.last_edge = static_cast<std::uint32_t>(a.edges.size());
      if (s.what == verb::fold) m.folded = static_cast<std::uint32_t>(s.sources.size() - 1);
      m.copied = m.folded == 0 && !s.sources.empty() && s.sources.front().from != s.at ? 1 : 0;
      if (s.what == verb::recv && s.at.where == buffer::scratch && p.scratch[s.at.row].window) {
        m.window_reader = reader[s.at.row];
        m.window_origin = offsets_[p.scratch[s.at.row].first];
        m.window = (std::min)(a.granule, offsets_[p.scratch[s.at.row].last] - m.window_origin);
      }
      a.steps.push_back(m);
    }
    fill_lanes(a, p, verb::send, a.sends);
    fill_lanes(a, p, verb::recv, a.recvs);
    for (std::uint32_t i = 0; i < p.steps.size(); ++i)
      if (p.steps[i].what == verb::copy || p.steps[i].what == verb::fold) {
        a.local.push_back(i);
        if (a.steps[i].at < a.steps[i].end) ++a.unfinished;
      }
    std::size_t const units = a.sends.size() + a.recvs.size() + a.local.size();
    a.parked_next.assign(units, none);
    a.active.assign((units + 63) / 64, 0);
    for (std::uint32_t u = 0; u < units; ++u) a.activate(u);
  }

  [[nodiscard]] simulated run() {
    connect();
    for (actor& a : actors_) queue(a, time{});
    for (;;) {
      while (!ready_.empty() && stale(ready_.front())) drop();
      if (network_.next() != never && (ready_.empty() || network_.next() <= ready_.front().first)) {
        network_.step([this](int to, std::uint32_t stream, std::uint64_t n, time at) { deliver(to, stream, n, at); });
      } else if (ready_.empty()) {
        break;
      } else {
        actor& a = actors_[static_cast<std::size_t>(ready_.front().second)];
        drop();
        a.clock = std::exchange(a.next, never);
        if (std::exchange(a.roused, false)) {
          a.clock = network_.work(a.rank, a.clock, network_.model().wake);
          queue(a, a.clock);
        } else {
          go_on(a);
        }
      }
    }
    return report();
  }

 private:
  static constexpr time never = tutti::TUTTI_ABI::detail::never;
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static constexpr std::size_t most_steps = 40'000'000;
  static constexpr std::uint64_t longest = longest_piece;

  struct motion {  // a step: [at, end) is still to do
    std::uint64_t at = 0, begin = 0, end = 0;
    std::uint64_t window = 0, window_origin = 0;
    std::uint32_t window_reader = none;
    std::uint32_t first_edge = 0, last_edge = 0;
    std::uint32_t stopper = 0;    // the edge that stopped it last: tried first
    std::uint32_t parked = none;  // the first unit that waits for this to move on
    std::uint32_t folded = 0, copied = 0;
    bool shifted = false;  // see step::shifts
  };
  struct lane {
    int peer = 0;
    std::uint32_t partner = none;  // the other end's lane
    std::vector<std::uint32_t> steps{};
    std::size_t next = 0;
    std::uint64_t head_left = 0;
    std::uint64_t there = 0;  // sending: not yet received; receiving: arrived
    bool blocked = false;
    [[nodiscard]] bool done() const noexcept { return next == steps.size() && head_left == 0; }
  };
  /// One rank. Its units are its sending lanes, its receiving lanes and its local steps, tried in this order, pass
  /// after pass; a unit that cannot move is left out until what stopped it has moved.
  struct actor {
    int rank = 0;
    std::uint64_t granule = 0;
    std::vector<motion> steps{};
    std::vector<std::uint32_t> edges{}, local{};
    std::vector<lane> sends{}, recvs{};
    std::size_t unfinished = 0;
    time clock{}, next{never}, finished{never};
    std::vector<std::uint64_t> active{};       // by unit, a bit
    std::vector<std::uint32_t> parked_next{};  // by unit: the next one that waits for the same step
    std::uint32_t cursor = 0;                  // of the pass under way
    bool asleep = false;
    bool roused = false;

    void activate(std::uint32_t unit) { active[unit / 64] |= std::uint64_t{1} << unit % 64; }
    void leave_out(std::uint32_t unit) { active[unit / 64] &= ~(std::uint64_t{1} << unit % 64); }
    /// The first active unit from the cursor on, or from the start again; none: nothing can move.
    [[nodiscard]] std::uint32_t next_unit() const {
      for (std::uint32_t from : {cursor, std::uint32_t{0}})
        for (std::size_t word = from / 64; word < active.size(); ++word) {
          std::uint64_t const left =
              active[word] & (word == from / 64 ? ~std::uint64_t{0} << from % 64 : ~std::uint64_t{0});
          if (left != 0) return static_cast<std::uint32_t>(word * 64 + static_cast<unsigned>(std::countr_zero(left)));
        }
      return none;
    }
    void park(std::uint32_t unit, std::uint32_t step) { parked_next[unit] = std::exchange(steps[step].parked, unit); }
    void moved(std::uint32_t step, std::uint64_t n) {
      steps[step].at += n;
      for (std::uint32_t u = std::exchange(steps[step].parked, none); u != none;)
        activate(std::exchange(u, std::exchange(parked_next[u], none)));
    }
  };
  using turn = std::pair<time, int>;

  void fill_lanes(actor& a, plan const& p, verb what, std::vector<lane>& lanes) {
    for (std::uint32_t i = 0; i < p.steps.size(); ++i) {
      if (p.steps[i].what != what) continue;
      auto& at = lane_of_[static_cast<std::size_t>(p.steps[i].peer)];
      if (at == none) {
        at = static_cast<std::uint32_t>(lanes.size());
        lanes.push_back({p.steps[i].peer});
        lanes.back().head_left = header_;
      }
      lanes[at].steps.push_back(i);
    }
    for (lane& l : lanes) {
      lane_of_[static_cast<std::size_t>(l.peer)] = none;
      skip_finished(a, l);
    }
    a.unfinished += lanes.size();
  }
  void connect() {
    std::vector<std::array<std::uint32_t, 3>> ends;  // from, to, receiving lane
    for (actor const& a : actors_)
      for (std::size_t i = 0; i < a.recvs.size(); ++i)
        ends.push_back({static_cast<std::uint32_t>(a.recvs[i].peer), static_cast<std::uint32_t>(a.rank),
                        static_cast<std::uint32_t>(i)});
    std::sort(ends.begin(), ends.end());
    for (actor& a : actors_)
      for (std::size_t i = 0; i < a.sends.size(); ++i) {
        lane& l = a.sends[i];
        auto const found = std::lower_bound(
            ends.begin(), ends.end(),
            std::array<std::uint32_t, 3>{static_cast<std::uint32_t>(a.rank), static_cast<std::uint32_t>(l.peer), 0});
        if (found == ends.end() || (*found)[0] != static_cast<std::uint32_t>(a.rank) ||
            (*found)[1] != static_cast<std::uint32_t>(l.peer))
          throw error(error_kind::config, "rank " + std::to_string(a.rank) + " sends to rank " +
                                              std::to_string(l.peer) + ", whose plan receives nothing from it");
        l.partner = (*found)[2];
        actors_[static_cast<std::size_t>(l.peer)].recvs[l.partner].partner = static_cast<std::uint32_t>(i);
      }
  }

  // --- turns
  static bool later(turn const& a, turn const& b) noexcept { return a > b; }
  void queue(actor& a, time at) {
    a.next = at;
    ready_.emplace_back(at, a.rank);
    std::push_heap(ready_.begin(), ready_.end(), later);
  }
  [[nodiscard]] bool stale(turn const& t) const { return actors_[static_cast<std::size_t>(t.second)].next != t.first; }
  void drop() {
    std::pop_heap(ready_.begin(), ready_.end(), later);
    ready_.pop_back();
  }
  void rouse(actor& a, time at) {
    if (!a.asleep && !a.roused) return;
    at = (std::max)(at, a.clock);
    if (a.next <= at) return;
    a.asleep = false;
    a.roused = true;
    queue(a, at);
  }
  void deliver(int to, std::uint32_t at, std::uint64_t n, time when) {
    actor& a = actors_[static_cast<std::size_t>(to)];
    a.recvs[at].there += n;
    if (!a.recvs[at].blocked) return;
    a.activate(static_cast<std::uint32_t>(a.sends.size()) + at);
    rouse(a, when);
  }

  /// Goes on with the pass, up to the first thing that takes time.
  void go_on(actor& a) {
    time const before = a.clock;
    auto const sends = static_cast<std::uint32_t>(a.sends.size()), recvs = static_cast<std::uint32_t>(a.recvs.size());
    for (std::uint32_t u; (u = a.next_unit()) != none;) {
      a.cursor = u;
      bool const moved = u < sends           ? send(a, u, a.sends[u])
                         : u < sends + recvs ? receive(a, u, a.recvs[u - sends])
                                             : compute(a, u, a.local[u - sends - recvs]);
      if (!moved) a.leave_out(u);
      if (a.clock != before) return queue(a, a.clock);
    }
    a.cursor = 0;
    a.asleep = true;
    if (a.unfinished == 0) a.finished = a.clock;
  }

  // --- what may move
  struct reach {
    std::uint64_t bytes = 0;
    std::uint32_t stopped_by = none;  // a step of the same rank
  };
  [[nodiscard]] static reach limit(actor const& a, motion& m) {
    reach r{m.end - m.at, none};
    std::uint32_t const edges = m.last_edge - m.first_edge;
    for (std::uint32_t k = 0, e = m.stopper; k < edges && r.bytes > 0; ++k, e = e + 1 == edges ? 0 : e + 1) {
      std::uint32_t const before = a.edges[m.first_edge + e];
      motion const& earlier = a.steps[before];
      bool const whole = m.shifted || earlier.shifted;  // no byte of the one before the last of the other
      if (earlier.at == earlier.end || (!whole && earlier.end <= m.at)) continue;
      std::uint64_t const n = whole ? 0 : (std::max)(earlier.at, m.at) - m.at;
      if (n >= r.bytes) continue;
      r = {n, before};
      m.stopper = e;
    }
    return r;
  }
  void skip_finished(actor const& a, lane& l) const {
    while (l.next < l.steps.size() && a.steps[l.steps[l.next]].at == a.steps[l.steps[l.next]].end) ++l.next;
  }
  void move(actor& a, lane& l, std::uint64_t n) {
    std::uint64_t const of_head = (std::min)(n, l.head_left);
    l.head_left -= of_head;
    if (l.next < l.steps.size()) {
      a.moved(l.steps[l.next], n - of_head);
      skip_finished(a, l);
    }
    if (l.done()) --a.unfinished;
  }
  bool send(actor& a, std::uint32_t unit, lane& l) {
    l.blocked = false;
    if (l.done()) return false;
    std::uint64_t body = 0;
    if (l.next < l.steps.size()) {
      reach const r = limit(a, a.steps[l.steps[l.next]]);
      body = (std::min)(r.bytes, longest);
      if (body == 0) {
        a.park(unit, r.stopped_by);
        return false;
      }
    }
    std::uint64_t const room = (std::min)(std::uint64_t{network_.model().segment}, network_.model().buffer - l.there);
    std::uint64_t const n = (std::min)(l.head_left + body, room);
    l.blocked = n == 0;
    if (n == 0) return false;
    l.there += n;
    a.clock = network_.work(a.rank, a.clock, network_.handling(a.rank, l.peer, n));
    network_.post(a.rank, l.peer, l.partner, n, a.clock);
    ++messages_;
    bytes_ += n;
    move(a, l, n);
    return true;
  }
  bool receive(actor& a, std::uint32_t unit, lane& l) {
    l.blocked = false;
    if (l.done()) return false;
    std::uint64_t body = 0;
    if (l.next < l.steps.size()) {
      motion& m = a.steps[l.steps[l.next]];
      reach r = limit(a, m);
      if (std::uint64_t const left = m.window > 0 ? room(a, m) : r.bytes; left < r.bytes) r = {left, m.window_reader};
      body = (std::min)(r.bytes, longest);
      if (body == 0 && l.head_left == 0) {
        a.park(unit, r.stopped_by);
        return false;
      }
    }
    std::uint64_t const n = (std::min)(l.there, l.head_left + body);
    l.blocked = n == 0;
    if (n == 0) return false;
    l.there -= n;
    a.clock = network_.work(a.rank, a.clock, network_.handling(l.peer, a.rank, n));
    actor& sender = actors_[static_cast<std::size_t>(l.peer)];
    sender.sends[l.partner].there -= n;
    if (sender.sends[l.partner].blocked) {
      sender.activate(l.partner);
      rouse(sender, a.clock);
    }
    move(a, l, n);
    return true;
  }
  [[nodiscard]] static std::uint64_t room(actor const& a, motion const& m) {
    std::uint64_t const read = a.steps[m.window_reader].at;
    return (std::min)(m.window - (m.at - read), m.window - (m.at - m.window_origin) % m.window);
  }
  bool compute(actor& a, std::uint32_t unit, std::uint32_t s) {
    motion& m = a.steps[s];
    if (m.at == m.end) return false;
    reach const r = limit(a, m);
    std::uint64_t const of_granule = a.granule - (m.at - m.begin) % a.granule;
    std::uint64_t const n = (std::min)(r.bytes, of_granule) / element_ * element_;
    if (n == 0) {
      a.park(unit, r.stopped_by);
      return false;
    }
    a.clock = network_.work(a.rank, a.clock, network_.folding(m.copied * n, m.folded * n));
    a.moved(s, n);
    if (m.at == m.end) --a.unfinished;
    return true;
  }

  [[nodiscard]] simulated report() const {
    simulated r;
    for (actor const& a : actors_) {
      if (a.finished == never)
        throw error(error_kind::config,
                    "the plans wait for each other: rank " + std::to_string(a.rank) + " never ends; verify() says why");
      r.finished.push_back(a.finished);
    }
    r.messages = messages_;
    r.bytes = bytes_;
    auto const all = static_cast<double>(r.time().count());
    if (all > 0) {
      r.link_use = static_cast<double>(network_.sent_for().count()) / (all * network_.hosts());
      r.core_use = static_cast<double>(network_.worked_for().count()) / (all * network_.cores());
    }
    return r;
  }

  tutti::TUTTI_ABI::detail::network network_;
  std::vector<std::uint64_t> offsets_;
  std::size_t element_;
  std::uint64_t header_;
  std::vector<actor> actors_;
  std::vector<std::uint32_t> lane_of_;
  std::vector<turn> ready_;  // a heap, the earliest first; stale where an actor has been moved
  std::size_t steps_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI::plan
