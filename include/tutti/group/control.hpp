// SPDX-License-Identifier: BSL-1.0
// The referee of a process in a TCP world: one thread that keeps a control connection to rank 0 (rank 0: to everyone),
// gives and takes signs of life, carries complaints there and verdicts back, and accepts lanes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/engine/referee.hpp>
#include <tutti/group/control_parts.hpp>
#include <tutti/group/enrolled.hpp>
#include <tutti/group/flag.hpp>
#include <tutti/group/hearing.hpp>
#include <tutti/group/rulings.hpp>
#include <tutti/group/threads.hpp>

namespace tutti::inline TUTTI_ABI::group {

template <class Use = on_use>
class basic_control final : public engine::referee {
  using control_parts = basic_control_parts<Use>;
  using control_link = basic_control_link<Use>;
  using control_frame = basic_control_frame<Use>;
  using rulings = basic_rulings<Use>;
  using enrolled = basic_enrolled<Use>;

 public:
  /// Starts the control thread. Throws std::system_error if there is no thread left.
  explicit basic_control(control_parts parts)
      : my_(std::move(parts)),
        beat_(*my_.io),
        due_(*my_.io),
        end_(*my_.io),
        rulings_(my_.size, my_.rank, {my_.heartbeat, my_.stall_report}, clock::now()),
        root_life_(clock::now()) {
    for (std::size_t k = 0; k < my_.links.size(); ++k) {
      auto const& link = my_.links[k];
      if (!link) continue;
      link->on_frame = [this, r = static_cast<int>(k)](control_frame const& f) { hear(r, f); };
      link->on_end = [this, r = static_cast<int>(k)] { ended(r); };
      if (!link->open()) net::post(*my_.io, link->on_end);
    }
    my_.door->on_hello = [this](transport::hello const& h, net::ip::tcp::socket& s) { return admit(h, s); };
    my_.io->restart();
    expected_ = clock::now();
    net::post(*my_.io, [this] { beat(); });
    thread_ = start_thread([this] { serve(); });
  }
  ~basic_control() override { leave(); }

  void enroll(std::shared_ptr<engine::watch> communicator) override { watches_.add(communicator); }

  failure judge(engine::watch& where, failure seen, engine::frame const* theirs = nullptr) override {
    complaint c{my_.rank, where.communicator(), where.latest().what.sequence, seen, {}};
    if (engine::call other; theirs != nullptr && engine::decode(*theirs, other)) c.theirs = other;
    if (!where.revoked())
      net::post(*my_.io, [this, c] {
        show_calls();  // whoever complains waits for the verdict and would say nothing more
        pass_on(c);
      });
    if (!watches_.wait_for_verdict(where, clock::now() + my_.verdict_wait)) where.revoke(own_view(seen));
    failure what = where.why();
    what.operation = std::move(seen.operation);
    return what;
  }

  /// Whoever waits for long says so at once, so that two different calls meet at rank 0 before the next heartbeat. And
  /// a rank that has left may never have opened a stream: nothing but this ends the wait for it.
  void tick(engine::watch& where) override {
    if (watches_.newly_waiting(where)) net::post(*my_.io, [this] { show_calls(); });
    if (!watches_.waits_in_vain(where)) return;
    auto const r = where.latest();
    complaint c{my_.rank, where.communicator(), r.what.sequence, {error_kind::peer_left, r.waiting_for, {}, {}}, {}};
    net::post(*my_.io, [this, c] { pass_on(c); });
  }

  /// Returns when the news is on its way, at most after 250 ms.
  void abort(std::string reason) override {
    if (reason.size() > most_reason) reason.resize(most_reason);
    auto const told = std::make_shared<basic_flag<Use>>();
    net::post(*my_.io, [this, reason, told] {
      give_up(reason);
      told->raise();
    });
    told->wait_for(std::chrono::milliseconds(250));
  }

  /// Rank 0 goes on judging until all others have left, at most `linger`.
  void leave() noexcept override {
    if (gone_.exchange(true)) return;
    try {
      net::post(*my_.io, [this] { say_goodbye(); });
      thread_.join();
    } catch (...) {
      my_.io->stop();
      if (thread_.joinable()) thread_.join();
    }
    close();
  }

  /// Connections closed because they did not belong to this run.
  [[nodiscard]] std::size_t strangers() const noexcept { return my_.door->strangers(); }
  /// For tests: ends as a killed process does.
  void sever() {
    freeze();
    close();
  }
  /// For tests: stops as a stopped process does; its sockets stay open.
  void freeze() {
    if (gone_.exchange(true)) return;
    my_.io->stop();
    thread_.join();
  }

 private:
  static constexpr std::size_t most_reason = 800;
  static constexpr char const* no_goodbye = "its process ended without leaving (killed, crashed, or exited early)";

  [[nodiscard]] bool root() const noexcept { return my_.rank == 0; }
  [[nodiscard]] bool reachable() const { return my_.links[0] && my_.links[0]->open(); }

  // --- the thread
  void serve() noexcept {
    for (;;) {
      try {
        my_.io->run();
        return;
      } catch (std::exception const& e) {
        on_trouble(e.what());
      } catch (...) {
        on_trouble("an unknown exception");
      }
    }
  }
  /// Nothing thrown here may end the process; but a rank whose control thread cannot go on is no rank.
  void on_trouble(char const* what) noexcept {
    try {
      give_up(std::string("its control thread failed: ") + what);
    } catch (...) {
      for (auto const& l : my_.links)
        if (l) l->close();
    }
  }
  void close() noexcept {
    for (auto const& l : my_.links)
      if (l) l->close();
    my_.door->close();
  }

  // --- signs of life
  void beat() {
    auto const now = clock::now();
    if (now - expected_ > my_.heartbeat / 2) {  // this process was stopped, or starved: what came meanwhile is unread
      rulings_.forgive(now);
      root_life_ = (std::max)(root_life_, now - 2 * my_.heartbeat);
    }
    expected_ = now + my_.heartbeat;
    beat_.expires_at(expected_);
    beat_.async_wait([this](net_error problem) {
      if (!problem) beat();
    });
    if (root())
      for (auto const& l : my_.links)
        if (l && l->open() && l->waiting() < 8) l->send({});
    show_calls();
    if (!root()) look_at_root();
  }
  void show_calls() {
    auto const now = clock::now();
    if (root()) {
      rulings_.sees(0, watches_.running(), now);
      settle();
    } else if (reachable() && my_.links[0]->waiting() < 8) {
      report_calls(now);
    }
  }
  void report_calls(clock::time_point now) {
    auto const calls = watches_.running();
    control_frame f;
    f.token = calls.size();
    my_.links[0]->send(f);
    for (auto const& s : calls) my_.links[0]->send(to_frame(message::sight, s, now));
  }
  void look_at_root() {
    if (!reachable() || root_hung_ || watches_.has_left(0)) return;
    auto const now = clock::now();
    if (now - expected_ > my_.heartbeat / 2) return;  // late; beat() comes next and forgives
    if (now - root_life_ >= 3 * my_.heartbeat) {
      root_hung_ = true;
      verdict const v{{error_kind::peer_hung,
                       0,
                       {},
                       "rank 0 has given no sign of life for three heartbeats (" + in_seconds(3 * my_.heartbeat) +
                           "): its process is stopped, or its host unreachable"},
                      true,
                      0};
      my_.links[0]->send(to_frame(v));  // should it wake up, it learns that it is out
      watches_.apply(v);
      return;
    }
    due_.expires_at(root_life_ + 3 * my_.heartbeat);
    due_.async_wait([this](net_error problem) {
      if (!problem) look_at_root();
    });
  }

  // --- rank 0 judges
  void settle() {
    auto const now = clock::now();
    if (now - expected_ > my_.heartbeat / 2) return;  // late; beat() comes next and forgives
    for (auto o = rulings_.decide(now);; o = rulings_.decide(now)) {
      for (auto const& v : o.verdicts) pronounce(v);
      for (auto const& q : o.questions) put(q, now);
      for (auto const& line : o.stalls) tell(line);
      if (o.verdicts.empty() && o.questions.empty()) break;
    }
    due_.expires_at(rulings_.next(now));
    due_.async_wait([this](net_error problem) {
      if (!problem) settle();
    });
    if (leaving_) end_when_alone();
  }
  void pronounce(verdict const& v) {
    watches_.apply(v);
    for (auto const& l : my_.links)
      if (l) l->send(to_frame(v));
  }
  void put(question const& q, clock::time_point now) {
    rulings_.sees(0, watches_.running(), now);
    rulings_.answers(0, q.token, watches_.ask(q.communicator, q.sequence));
    control_frame f;
    f.what = message::question;
    f.token = q.token;
    f.communicator = q.communicator;
    f.sequence = q.sequence;
    for (auto const& l : my_.links)
      if (l) l->send(f);
  }
  void tell(std::string const& line) const {
    if (my_.say) return my_.say(line);
    std::fprintf(stderr, "tutti: %s\n", line.c_str());
  }

  // --- complaints
  void pass_on(complaint const& c) {
    if (root()) {
      rulings_.complain(c, clock::now());
      settle();
    } else if (reachable() && !watches_.has_left(0)) {
      my_.links[0]->send(to_frame(c));
    } else {  // nobody to ask
      failure const what = own_view(c.seen);
      bool const about_a_rank = what.kind == error_kind::peer_lost || what.kind == error_kind::peer_left;
      watches_.apply({what, about_a_rank, c.communicator});
    }
  }
  [[nodiscard]] failure own_view(failure seen) const {
    seen.operation.clear();
    bool const ended = seen.kind == error_kind::peer_lost || seen.kind == error_kind::peer_left;
    if (ended && watches_.has_left(seen.rank)) {
      seen.kind = error_kind::peer_left;
      seen.cause = "rank " + std::to_string(seen.rank) + " left in good order before this call";
    }
    return seen;
  }
  void give_up(std::string const& reason) {
    if (root()) {
      rulings_.aborted(0, reason);
      settle();
      return;
    }
    control_frame f;
    f.what = message::abort;
    f.text = reason;
    if (my_.links[0]) my_.links[0]->send(f);
    std::string const cause = "rank " + std::to_string(my_.rank) + " gave up: " + reason;
    watches_.apply({{error_kind::aborted, my_.rank, {}, cause}, true, 0});
  }

  // --- what comes in
  void hear(int rank, control_frame const& f) {
    if (root())
      hear_as_root(rank, f);
    else
      hear_root(f);
  }
  void hear_as_root(int rank, control_frame const& f) {
    auto const now = clock::now();
    rulings_.alive(rank, now);
    hearing_.take(rank, f, now);
    if (f.what == message::verdict) watches_.apply(to_verdict(f));
    if (f.what == message::goodbye) note_goodbye(rank);
    settle();
  }
  void note_goodbye(int rank) {
    watches_.left(rank);
    control_frame f;
    f.what = message::goodbye;
    f.rank = rank;
    for (std::size_t k = 0; k < my_.links.size(); ++k)
      if (my_.links[k] && static_cast<int>(k) != rank) my_.links[k]->send(f);
  }
  void hear_root(control_frame const& f) {
    auto const now = clock::now();
    root_life_ = now;
    switch (f.what) {
      case message::verdict:
        watches_.apply(to_verdict(f));
        break;
      case message::goodbye:
        watches_.left(f.rank);
        break;
      case message::question: {
        report_calls(now);
        answer const a = watches_.ask(f.communicator, f.sequence);
        control_frame reply = to_frame(message::asked, a.asked, now);
        reply.flag = a.member;
        reply.text = a.members;
        reply.token = f.token;
        my_.links[0]->send(reply);
        reply = to_frame(message::latest, a.latest, now);
        reply.token = f.token;
        my_.links[0]->send(reply);
        break;
      }
      default:
        break;
    }
  }
  void ended(int rank) {
    if (root()) {
      rulings_.lost(rank, no_goodbye);
      settle();
    } else if (!watches_.has_left(0)) {
      watches_.apply({{error_kind::peer_lost, 0, {}, std::string("rank 0 is gone: ") + no_goodbye}, true, 0});
    }
  }
  /// A lane of this run goes to the mailbox. Nobody can join any more.
  bool admit(transport::hello const& h, net::ip::tcp::socket& s) {
    if (h.version != wire_version || h.run != my_.run || h.kind != transport::connection::lane) {
      if (h.kind == transport::connection::control && root()) refuse_late(h, s);
      return false;
    }
    if (h.size != static_cast<std::uint32_t>(my_.size) || h.rank >= h.size) return false;
    net_error problem;
    s.non_blocking(true, problem);
    if (problem) return false;
    transport::stream_socket lane(s.release(problem));
    if (problem) return true;
    lane.tune();
    my_.mail->deliver(h.communicator, static_cast<int>(h.rank), std::move(lane));
    watches_.ring(h.communicator);
    return true;
  }
  void refuse_late(transport::hello const& h, net::ip::tcp::socket& s) {
    control_frame f;
    f.what = message::refuse;
    f.kind = error_kind::config;
    f.text = "rank " + std::to_string(h.rank) + " came too late: all " + std::to_string(my_.size) +
             " ranks of this world have joined already, so two processes claim to be that rank";
    auto const w = f.encode();
    net_error ignored;
    s.non_blocking(true, ignored);
    (void)s.write_some(net::buffer(w.data(), w.size()), ignored);
    tell("refused: " + f.text);
  }

  // --- the end
  void say_goodbye() {
    control_frame f;
    f.what = message::goodbye;
    f.rank = my_.rank;
    for (auto const& l : my_.links)
      if (l) l->send(f);
    if (!root()) return my_.io->stop();
    leaving_ = true;
    rulings_.left(0);
    end_.expires_after(my_.linger);
    end_.async_wait([this](net_error) { my_.io->stop(); });
    end_when_alone();
  }
  void end_when_alone() {
    for (int k = 1; k < my_.size; ++k)
      if (!rulings_.gone(k)) return;
    my_.io->stop();
  }

  control_parts my_;
  net::steady_timer beat_;
  net::steady_timer due_;
  net::steady_timer end_;
  enrolled watches_;
  rulings rulings_;  // rank 0 only, like what follows
  basic_hearing<Use> hearing_{rulings_};
  bool leaving_ = false;
  clock::time_point root_life_;  // the others
  bool root_hung_ = false;
  clock::time_point expected_{};  // when beat() is due
  std::atomic<bool> gone_{false};
  std::thread thread_;
};
using control = basic_control<>;

}  // namespace tutti::inline TUTTI_ABI::group
