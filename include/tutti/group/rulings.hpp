// SPDX-License-Identifier: BSL-1.0
// Who is to blame: rank 0's picture of every rank, and the rules that turn complaints into one verdict. No I/O, no
// thread, no clock of its own.
//
//   connection ended, no goodbye          peer_lost    every communicator with that rank
//   complaint: stream of k ended          wait 20 ms for k's goodbye (peer_left), abort, or end (peer_lost)
//   three heartbeats of silence           peer_hung    every communicator with that rank
//   abort                                 aborted      every communicator with that rank
//   complaint: different calls            ask all, the majority is right; a tie blames the higher of the two ranks
//   two ranks report different calls      the same, without a complaint
//   complaint: deadline                   ask all, follow who waits for whom to a rank that is not in that call
//   anything else, or about messages      as complained, that communicator
//
// Messages (send, recv …) have sequence 0: no two ranks make the same call, so there is nothing to compare or to ask.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/group/sighting.hpp>
#include <tutti/group/stall_report.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// What one rank saw go wrong in one call.
struct complaint {
  int reporter = -1;
  std::uint64_t communicator = 0;
  std::uint64_t sequence = 0;
  failure seen{};         ///< seen.rank: whom it suspects, or -1
  engine::call theirs{};  ///< mismatch: the call of seen.rank; number 0: unknown
};

struct verdict {
  failure what;
  bool everywhere = true;          ///< revokes every communicator that has what.rank as a member
  std::uint64_t communicator = 0;  ///< else only this one
};

/// To be put to every rank that is still there; what they say goes to rulings::answers.
struct question {
  std::uint64_t token = 0;
  std::uint64_t communicator = 0;
  std::uint64_t sequence = 0;
};

template <class Use = on_use>
struct basic_outcome {
  std::vector<later<verdict, Use>> verdicts;
  std::vector<later<question, Use>> questions;
  std::vector<later<std::string, Use>> stalls;  ///< lines for stderr
};
using outcome = basic_outcome<>;

template <class Use = on_use>
class basic_rulings {
  using answer = later<group::answer, Use>;
  using call_picture = later<group::call_picture, Use>;
  using complaint = later<group::complaint, Use>;
  using failure = later<tutti::TUTTI_ABI::failure, Use>;
  using outcome = later<group::outcome, Use>;
  using question = later<group::question, Use>;
  using rank_picture = later<group::rank_picture, Use>;
  using sighting = later<group::sighting, Use>;
  using verdict = later<group::verdict, Use>;

 public:
  struct settings {
    clock::duration heartbeat = std::chrono::seconds(1);      ///< zero: silence means nothing
    clock::duration stall_report = std::chrono::seconds(10);  ///< zero: never
    clock::duration goodbye_grace = std::chrono::milliseconds(20);
    clock::duration timeout_grace = std::chrono::milliseconds(20);
    /// For those who come to the call later: whoever sleeps in one says so after 100 ms.
    clock::duration mismatch_grace = std::chrono::milliseconds(250);
  };

  /// `self` is never hung; -1 where all ranks are equal.
  basic_rulings(int size, int self, settings chosen, clock::time_point now)
      : settings_(chosen), self_(self), seats_(static_cast<std::size_t>(size)) {
    for (auto& s : seats_) s.life = now;
  }

  // --- what happens
  void alive(int rank, clock::time_point now) { seat_of(rank).life = now; }
  /// This rank itself was stopped for a while: nobody's silence so far counts for more than two heartbeats.
  void forgive(clock::time_point now) {
    for (auto& s : seats_) s.life = (std::max)(s.life, now - 2 * settings_.heartbeat);
  }
  void left(int rank) { seat_of(rank).left = true; }
  [[nodiscard]] bool has_left(int rank) const { return seats_[static_cast<std::size_t>(rank)].left; }
  /// It has left, or a verdict says that it failed.
  [[nodiscard]] bool gone(int rank) const {
    seat const& s = seats_[static_cast<std::size_t>(rank)];
    return s.left || s.ruled;
  }
  void lost(int rank, std::string const& how) {
    if (!gone(rank)) rule_out(rank, error_kind::peer_lost, "rank " + std::to_string(rank) + " is gone: " + how);
  }
  void aborted(int rank, std::string const& reason) {
    if (!seat_of(rank).ruled)
      rule_out(rank, error_kind::aborted, "rank " + std::to_string(rank) + " gave up: " + reason);
  }
  /// All calls the rank is in now.
  void sees(int rank, std::vector<sighting> running, clock::time_point now) {
    seat_of(rank).running = std::move(running);
    for (auto const& mine : seat_of(rank).running)
      for (int other = 0; other < size(); ++other)
        for (auto const& theirs : seat_of(other).running)
          if (other != rank && mine.what.sequence != 0 && theirs.what.communicator == mine.what.communicator &&
              theirs.what.sequence == mine.what.sequence && differ(theirs.what, mine.what))
            complain({rank,
                      mine.what.communicator,
                      mine.what.sequence,
                      {error_kind::mismatch,
                       other,
                       {},
                       "rank " + std::to_string(other) + " called " + call_and_line(theirs)},
                      theirs.what},
                     now);
  }
  void answers(int rank, std::uint64_t token, answer said) {
    for (auto& i : inquiries_)
      if (i.token == token) {
        i.said[static_cast<std::size_t>(rank)] = std::move(said);
        i.said[static_cast<std::size_t>(rank)].given = true;
      }
  }
  void complain(complaint c, clock::time_point now) {
    if (is_settled(c.communicator)) return;
    if (c.sequence == 0 && (c.seen.kind == error_kind::timeout || c.seen.kind == error_kind::mismatch))
      return settle(c, c.seen);
    bool const names_another = c.seen.rank >= 0 && c.seen.rank < size() && c.seen.rank != c.reporter;
    switch (c.seen.kind) {
      case error_kind::peer_lost:
      case error_kind::peer_left:
      case error_kind::peer_hung:
        if (names_another)
          suspects_.push_back({std::move(c), now + settings_.goodbye_grace});
        else
          settle(c, c.seen);
        break;
      case error_kind::timeout:
        inquire(why::timeout, std::move(c), now + settings_.timeout_grace);
        break;
      case error_kind::mismatch:
        // Whoever only sent in the call that differs is in a later one by now: the earlier of the two is in question.
        if (c.theirs.sequence != 0 && c.theirs.communicator == c.communicator)
          c.sequence = (std::min)(c.sequence, c.theirs.sequence);
        if (names_another)
          inquire(why::mismatch, std::move(c), now + settings_.mismatch_grace);
        else
          settle(c, c.seen);
        break;
      default:
        settle(c, c.seen);
    }
  }

  // --- what follows
  /// Everything that is decided, or must be asked, by now.
  [[nodiscard]] outcome decide(clock::time_point now) {
    if (settings_.heartbeat > clock::duration::zero())
      for (int k = 0; k < size(); ++k)
        if (k != self_ && !gone(k) && now - seat_of(k).life >= 3 * settings_.heartbeat)
          rule_out(k, error_kind::peer_hung,
                   "rank " + std::to_string(k) + " has given no sign of life for three heartbeats (" +
                       in_seconds(3 * settings_.heartbeat) + "): its process is stopped, or its host unreachable");
    decide_suspects(now);
    look_for_stalls(now);
    for (std::size_t i = 0; i < inquiries_.size();) {
      inquiry& one = inquiries_[i];
      if (!is_settled(one.about.communicator) && now < one.due && !complete(one)) {
        ++i;
        continue;
      }
      inquiry const done = std::move(one);
      inquiries_.erase(inquiries_.begin() + static_cast<std::ptrdiff_t>(i));
      if (is_settled(done.about.communicator)) continue;
      if (done.purpose == why::timeout) decide_timeout(done, now);
      if (done.purpose == why::mismatch) decide_mismatch(done);
      if (done.purpose == why::stall) report_stall(picture(done, now));
    }
    return std::exchange(ready_, {});
  }
  /// When decide() is worth calling again if nothing happens before.
  [[nodiscard]] clock::time_point next(clock::time_point now) const {
    auto at = now + std::chrono::hours(1);
    if (settings_.heartbeat > clock::duration::zero())
      for (int k = 0; k < size(); ++k)
        if (k != self_ && !gone(k))
          at = (std::min)(at, seats_[static_cast<std::size_t>(k)].life + 3 * settings_.heartbeat);
    for (auto const& s : suspects_) at = (std::min)(at, s.due);
    for (auto const& i : inquiries_) at = (std::min)(at, complete(i) ? now : i.due);
    return at;
  }

 private:
  enum class why { timeout, mismatch, stall };
  struct seat {
    clock::time_point life{};
    bool left = false;
    bool ruled = false;
    std::vector<sighting> running{};
  };
  struct suspicion {
    complaint about;
    clock::time_point due;
  };
  struct inquiry {
    why purpose;
    complaint about;
    std::uint64_t token;
    clock::time_point due;
    std::vector<answer> said;
  };
  struct stall {
    std::uint64_t sequence = 0;
    clock::duration threshold{};  // of waiting, for the next report
  };
  struct maker {
    int rank;
    sighting call;
  };

  [[nodiscard]] int size() const noexcept { return static_cast<int>(seats_.size()); }
  [[nodiscard]] bool is_settled(std::uint64_t communicator) const {
    return std::find(settled_.begin(), settled_.end(), communicator) != settled_.end();
  }
  seat& seat_of(int rank) { return seats_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] bool complete(inquiry const& i) const {
    for (int k = 0; k < size(); ++k)
      if (!gone(k) && (!i.said[static_cast<std::size_t>(k)].given || (i.purpose == why::mismatch && undecided(i, k))))
        return false;
    return true;
  }
  /// The call in question as rank k made it; null: it has not come there, or does not remember.
  [[nodiscard]] sighting const* call_of(inquiry const& i, int k) const {
    auto const asked = [&i](sighting const& s) { return s.what.sequence == i.about.sequence; };
    answer const& said = i.said[static_cast<std::size_t>(k)];
    if (said.given && asked(said.asked)) return &said.asked;
    for (sighting const& s : seats_[static_cast<std::size_t>(k)].running)
      if (asked(s) && s.what.communicator == i.about.communicator) return &s;
    return nullptr;
  }
  /// Whether rank k has that communicator, or will when it has made it; where nobody says who has: everybody may.
  [[nodiscard]] static bool member(inquiry const& i, int k) {
    for (answer const& said : i.said)
      if (!said.members.empty()) return has_bit(said.members, k);
    return true;
  }
  /// It may come to the call yet, and its vote decide who is the odd one.
  [[nodiscard]] bool undecided(inquiry const& i, int k) const {
    if (!member(i, k)) return false;
    for (sighting const& s : seats_[static_cast<std::size_t>(k)].running)
      if (s.what.communicator == i.about.communicator && s.what.sequence >= i.about.sequence) return false;
    answer const& said = i.said[static_cast<std::size_t>(k)];
    return said.asked.what.sequence != i.about.sequence && said.latest.what.sequence < i.about.sequence;
  }

  void rule_out(int rank, error_kind kind, std::string cause) {
    seat_of(rank).ruled = true;
    seat_of(rank).running.clear();
    ready_.verdicts.push_back({{kind, rank, {}, std::move(cause)}, true, 0});
  }
  void rule_left(int rank) {
    rule_out(rank, error_kind::peer_left, "rank " + std::to_string(rank) + " left in good order before this call");
  }
  void settle(complaint const& c, failure what) {
    what.operation.clear();
    settled_.push_back(c.communicator);
    ready_.verdicts.push_back({std::move(what), false, c.communicator});
  }
  void inquire(why purpose, complaint c, clock::time_point due) {
    for (auto const& i : inquiries_)
      if (i.about.communicator == c.communicator && i.purpose == purpose) return;
    question const q{++tokens_, c.communicator, c.sequence};
    ready_.questions.push_back(q);
    inquiries_.push_back({purpose, std::move(c), q.token, due, std::vector<answer>(seats_.size())});
  }

  void decide_suspects(clock::time_point now) {
    for (std::size_t i = 0; i < suspects_.size();) {
      int const k = suspects_[i].about.seen.rank;
      bool const over = seat_of(k).ruled || seat_of(k).left || now >= suspects_[i].due;
      if (over && !seat_of(k).ruled) {
        if (seat_of(k).left)
          rule_left(k);
        else
          lost(k, "its streams ended, though it said no goodbye (" + suspects_[i].about.seen.cause + ")");
      }
      if (over)
        suspects_.erase(suspects_.begin() + static_cast<std::ptrdiff_t>(i));
      else
        ++i;
    }
  }

  void decide_mismatch(inquiry const& i) {
    std::vector<maker> made;
    for (int k = 0; k < size(); ++k) {
      if (sighting const* call = call_of(i, k))
        made.push_back({k, *call});
      else if (k == i.about.seen.rank && i.about.theirs.sequence != 0)
        made.push_back({k, sighting{i.about.theirs, {}, -1, {}, {}, {}}});
    }
    auto const votes = [&](engine::call const& c) {
      return std::count_if(made.begin(), made.end(), [&](auto const& m) { return !differ(m.call.what, c); });
    };
    auto const made_by = [&](int rank) -> sighting const* {
      for (auto const& m : made)
        if (m.rank == rank) return &m.call;
      return nullptr;
    };
    int blamed = i.about.seen.rank;
    int against = i.about.reporter;
    sighting const* a = made_by(blamed);
    sighting const* b = made_by(against);
    if (a == nullptr || b == nullptr || !differ(a->what, b->what)) {
      failure what = i.about.seen;
      if (auto const& said = i.said[static_cast<std::size_t>(against)]; said.given && i.about.theirs.sequence != 0)
        what.cause = "rank " + std::to_string(blamed) + " called " + engine::describe(i.about.theirs) + ", but rank " +
                     std::to_string(against) + " called " + call_and_line(said.latest);
      return settle(i.about, std::move(what));
    }
    if (votes(a->what) > votes(b->what) || (votes(a->what) == votes(b->what) && against > blamed)) {
      std::swap(blamed, against);
      std::swap(a, b);
    }
    settle(i.about, {error_kind::mismatch,
                     blamed,
                     {},
                     "rank " + std::to_string(blamed) + " called " + call_and_line(*a) + ", but rank " +
                         std::to_string(against) + " called " + call_and_line(*b)});
  }

  void decide_timeout(inquiry const& i, clock::time_point now) {
    call_picture const all = picture(i, now);
    std::vector<bool> seen(seats_.size());
    int at = i.about.reporter;
    while (at >= 0 && at < size() && !seen[static_cast<std::size_t>(at)]) {
      seen[static_cast<std::size_t>(at)] = true;
      rank_picture const& r = all.ranks[static_cast<std::size_t>(at)];
      // The reporter itself may have stopped waiting when it complained; its suspect is where its trail starts.
      int const next = at == i.about.reporter && i.about.seen.rank >= 0 ? i.about.seen.rank : r.waiting_for;
      if (at != i.about.reporter && !r.in_call) return blame_late(i, at, r);
      at = next;
    }
    for (int k = 0; k < size(); ++k) {
      rank_picture const& r = all.ranks[static_cast<std::size_t>(k)];
      if (r.member && !r.in_call && !r.done && k != i.about.reporter) return blame_late(i, k, r);
    }
    failure what = i.about.seen;
    if (what.rank >= 0) {
      what.cause = "no progress until the deadline: rank " + std::to_string(i.about.reporter) + " waits for rank " +
                   std::to_string(what.rank) + ", which is in the same call";
    }
    settle(i.about, std::move(what));
  }
  void blame_late(inquiry const& i, int rank, rank_picture const& r) {
    if (seat_of(rank).left) {
      if (!seat_of(rank).ruled) rule_left(rank);
      return;
    }
    settle(i.about, {error_kind::timeout,
                     rank,
                     {},
                     "no progress until the deadline: rank " + std::to_string(rank) + " " + r.whereabouts});
  }

  /// Asks about every call in which a rank has waited for stall_report, then twice, four times… as long.
  void look_for_stalls(clock::time_point now) {
    if (settings_.stall_report <= clock::duration::zero()) return;
    for (int k = 0; k < size(); ++k) {
      for (auto const& s : seat_of(k).running) {
        if (s.waiting_for < 0 || is_settled(s.what.communicator)) continue;
        stall& one = stalls_[s.what.communicator];
        bool const message = s.what.sequence == 0, fresh = now - s.since < settings_.stall_report;
        if (one.sequence != s.what.sequence || one.threshold == clock::duration::zero() || fresh)
          one = {s.what.sequence, settings_.stall_report};
        if (now - s.since < one.threshold) continue;
        while (now - s.since >= one.threshold) one.threshold *= 2;
        if (message) {
          ready_.stalls.push_back("waiting " + in_seconds(now - s.since) + " in " + name_of(s) + ": rank " +
                                  std::to_string(k) + " waits for rank " + std::to_string(s.waiting_for));
          continue;
        }
        inquire(why::stall, {k, s.what.communicator, s.what.sequence, {}, {}}, now + settings_.timeout_grace);
      }
    }
  }

  /// A status may be as old as a heartbeat: a call that has ended by now is nobody's stall.
  void report_stall(call_picture const& all) {
    for (rank_picture const& r : all.ranks)
      if (r.in_call) return ready_.stalls.push_back(describe_stall(all));
  }

  [[nodiscard]] call_picture picture(inquiry const& i, clock::time_point now) const {
    call_picture all;
    for (int k = 0; k < size(); ++k) {
      auto const n = static_cast<std::size_t>(k);
      all.ranks.push_back(
          picture_of(seats_[n].left, i.said[n], seats_[n].running, i.about.communicator, i.about.sequence, now));
      if (all.ranks.back().in_call) {
        all.call = i.said[n].asked;
        all.waited = (std::max)(all.waited, now - i.said[n].asked.since);
      }
    }
    return all;
  }

  settings settings_;
  int self_;
  std::vector<seat> seats_;
  std::vector<suspicion> suspects_;
  std::vector<inquiry> inquiries_;
  std::vector<std::uint64_t> settled_;               // communicators that a verdict has ended
  std::unordered_map<std::uint64_t, stall> stalls_;  // by communicator
  std::uint64_t tokens_ = 0;
  outcome ready_;
};
using rulings = basic_rulings<>;

}  // namespace tutti::inline TUTTI_ABI::group
