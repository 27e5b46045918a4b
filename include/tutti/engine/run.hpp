// SPDX-License-Identifier: BSL-1.0
// Runs plans. Takes a prepared program and the memory it is bound to, and moves every step by as many bytes as the
// plan's order and the streams allow, on the caller's thread, until all are done.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/engine/background.hpp>
#include <tutti/engine/frame.hpp>
#include <tutti/engine/memory.hpp>
#include <tutti/engine/program.hpp>
#include <tutti/engine/referee.hpp>
#include <tutti/engine/trace.hpp>
#include <tutti/engine/waiting.hpp>
#include <tutti/engine/watch.hpp>
#include <tutti/plan/granule.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// What has moved since the communicator began.
struct counters {
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t messages_sent = 0;  ///< one for each plan and peer
};

template <transport::streams T>
class runner {
  using binding = later<tutti::TUTTI_ABI::engine::binding, T>;
  using frame = later<tutti::TUTTI_ABI::engine::frame, T>;
  using lane_steps = later<tutti::TUTTI_ABI::engine::lane_steps, T>;
  using memory = later<tutti::TUTTI_ABI::engine::memory, T>;
  using program = later<tutti::TUTTI_ABI::engine::program, T>;
  using referee = later<tutti::TUTTI_ABI::engine::referee, T>;
  using trace = later<tutti::TUTTI_ABI::trace, T>;
  using watch = later<tutti::TUTTI_ABI::engine::watch, T>;

 public:
  runner(T& streams, watch& seen, referee& judge, bool crowded)
      : streams_(streams), watch_(seen), referee_(judge), waiting_(crowded) {}

  [[nodiscard]] counters const& moved() const noexcept { return counters_; }

  /// Who is asked, from now on, to wait in place of this thread.
  void let_wait(background<T>* instead) noexcept { background_ = instead; }
  void trace_to(trace* events) noexcept { trace_ = events; }

  /// Runs `p` to its end, or throws what the referee ruled. `patience`: how long nothing may move.
  void run(program const& p, binding const& b, frame const& header, std::chrono::nanoseconds patience) {
    prepare(p, b, header);
    waiting_.moved();          // this call has not waited yet, whatever the last one did
    clock::time_point last{};  // of the latest movement, read when it first matters
    bool stirred = true;
    for (;;) {
      bool const any = pass();
      if (unfinished_ == 0) return;
      if (watch_.revoked()) fail(watch_.why());
      if (any) {
        waiting_.moved();
        stirred = true;
        continue;
      }
      clock::time_point const now = transport::now(streams_);
      if (std::exchange(stirred, false)) last = now;
      wait(now, last, patience);
    }
  }

 private:
  struct place {  // of a step: [at, end) is still to do
    std::uint64_t at = 0;
    std::uint64_t end = 0;
  };
  struct flow {  // one direction of one stream in this call
    lane_steps const* lane = nullptr;
    std::size_t next = 0;       // of lane->steps
    std::size_t head_done = 0;  // bytes of the header
    bool blocked = false;       // the last attempt moved nothing: wait for the stream
    frame theirs{};             // what arrives (receiving)
    [[nodiscard]] bool done() const noexcept { return next == lane->steps.size() && head_done == sizeof(frame); }
  };

  // --- binding
  void prepare(program const& p, binding const& b, frame const& header) {
    program_ = &p;
    binding_ = &b;
    told_ = -1;
    header_ = &header;
    auto const& steps = p.what.steps;
    places_.resize(steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i)
      places_[i] = {b.offset(steps[i].at.where, steps[i].at.first), b.offset(steps[i].at.where, steps[i].at.last)};
    open(sends_, p.sends);
    open(recvs_, p.recvs);
    unfinished_ = sends_.size() + recvs_.size();
    interests_.reserve(unfinished_);  // here, not when it first has to wait for all of them
    for (std::uint32_t s : p.local)
      if (places_[s].at < places_[s].end) ++unfinished_;
    memory_.bind(p, b);
  }

  void open(std::vector<flow>& flows, std::vector<lane_steps> const& lanes) {
    flows.resize(lanes.size());
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      flows[i].lane = &lanes[i];
      flows[i].next = 0;
      flows[i].head_done = 0;
      flows[i].blocked = false;
      skip_finished(flows[i]);
    }
  }
  void skip_finished(flow& f) const {
    while (f.next < f.lane->steps.size() && places_[f.lane->steps[f.next]].at == places_[f.lane->steps[f.next]].end)
      ++f.next;
  }

  // --- one round over everything that may move
  bool pass() {
    bool any = false;
    for (flow& f : sends_) any |= send(f);
    for (flow& f : recvs_) any |= receive(f);
    if (any && told_ >= 0) watch_.waiting_for(told_ = -1);  // before folding, which may take long
    for (std::uint32_t s : program_->local) any |= compute(s);
    return any;
  }

  /// How far step `s` may go: up to where an earlier step on the same bytes stands.
  [[nodiscard]] std::uint64_t limit(std::uint32_t s) const {
    std::uint64_t const at = places_[s].at;
    std::uint64_t reach = places_[s].end;
    for (std::uint32_t e : program_->what.steps[s].after) {
      place const& earlier = places_[e];
      if (earlier.at == earlier.end) continue;
      if (program_->shifted[s] || program_->shifted[e]) return at;
      if (earlier.end > at) reach = (std::min)(reach, (std::max)(earlier.at, at));
    }
    return reach;
  }

  bool receive(flow& f) {
    bool any = false;
    f.blocked = false;
    while (!f.done()) {
      std::size_t const head_left = sizeof(frame) - f.head_done;
      bytes body{};
      std::uint32_t s = 0;
      if (f.next < f.lane->steps.size()) {
        s = f.lane->steps[f.next];
        body = writable(s);
        if (body.empty() && head_left == 0) return any;
      }
      auto const [n, lost] = streams_.read_some(f.lane->peer, bytes(f.theirs).last(head_left), body);
      if (lost) fail_lost(f.lane->peer);
      if (n == 0) {
        f.blocked = true;
        return any;
      }
      any = true;
      counters_.bytes_received += n;
      std::size_t const of_head = (std::min)(n, head_left);
      f.head_done += of_head;
      if (head_left > 0 && f.head_done == sizeof(frame)) check(f);
      if (f.next < f.lane->steps.size()) {
        places_[s].at += n - of_head;
        skip_finished(f);
      }
      if (f.done()) --unfinished_;
    }
    return any;
  }

  bool send(flow& f) {
    bool any = false;
    f.blocked = false;
    while (!f.done()) {
      std::size_t const head_left = sizeof(frame) - f.head_done;
      const_bytes body{};
      std::uint32_t s = 0;
      if (f.next < f.lane->steps.size()) {
        s = f.lane->steps[f.next];
        body = readable(s);
        if (body.empty()) return any;  // the header waits for its first bytes
      }
      auto const [n, lost] = streams_.write_some(f.lane->peer, const_bytes(*header_).last(head_left), body);
      if (lost) fail_lost(f.lane->peer);
      if (n == 0) {
        f.blocked = true;
        return any;
      }
      any = true;
      counters_.bytes_sent += n;
      std::size_t const of_head = (std::min)(n, head_left);
      f.head_done += of_head;
      if (head_left > 0 && f.head_done == sizeof(frame)) ++counters_.messages_sent;
      if (f.next < f.lane->steps.size()) {
        places_[s].at += n - of_head;
        skip_finished(f);
      }
      if (f.done()) --unfinished_;
    }
    return any;
  }

  bool compute(std::uint32_t s) {
    place& p = places_[s];
    bool any = false;
    while (p.at < p.end) {
      auto const& step = program_->what.steps[s];
      std::uint64_t const begin = binding_->offsets[step.at.first];
      std::uint64_t const granule_end =
          begin + ((p.at - begin) / memory_.granule() + 1) * memory_.granule();  // where windows wrap
      std::uint64_t const reach = (std::min)(limit(s), granule_end);
      std::uint64_t const n = (reach - p.at) / binding_->element_size * binding_->element_size;
      if (n == 0) return any;
      if (step.what == plan::verb::copy)
        memory_.copy(step, p.at, static_cast<std::size_t>(n));
      else
        memory_.fold(step, program_->folds[s], p.at, static_cast<std::size_t>(n));
      if constexpr (transport::timed<T>) charge(step, static_cast<std::size_t>(n));
      p.at += n;
      any = true;
      if (p.at == p.end) --unfinished_;
    }
    return any;
  }

  void charge(auto const& step, std::size_t n) requires transport::timed<T> {
    std::size_t const others = step.sources.size() - 1;
    bool const in_place = step.sources.front().from == step.at;
    streams_.work(others == 0 && !in_place ? n : 0, others * n);
  }

  // --- how much of a step's block can move now
  [[nodiscard]] const_bytes readable(std::uint32_t s) const {
    place const& p = places_[s];
    std::uint64_t const n = (std::min)(limit(s) - p.at, std::uint64_t{plan::longest_piece});
    if (n == 0) return {};
    return {memory_.read_address(program_->what.steps[s].at, p.at), static_cast<std::size_t>(n)};
  }
  [[nodiscard]] bytes writable(std::uint32_t s) const {
    place const& p = places_[s];
    auto const& b = program_->what.steps[s].at;
    std::uint64_t n = (std::min)(limit(s) - p.at, std::uint64_t{plan::longest_piece});
    if (memory_.is_window(b))
      n = (std::min)(n, memory_.room(b, p.at, places_[static_cast<std::size_t>(program_->window_reader[b.row])].at));
    if (n == 0) return {};
    return {memory_.address(b, p.at), static_cast<std::size_t>(n)};
  }

  // --- waiting and failing
  void wait(clock::time_point now, clock::time_point last, std::chrono::nanoseconds patience) {
    interests_.clear();
    int awaited = -1;
    for (flow const& f : recvs_)
      if (!f.done() && f.blocked) {
        interests_.push_back({f.lane->peer, true, false});
        if (awaited < 0) awaited = f.lane->peer;
      }
    for (flow const& f : sends_)
      if (!f.done() && f.blocked) {
        auto const same = std::find_if(interests_.begin(), interests_.end(),
                                       [&](transport::interest const& i) { return i.peer == f.lane->peer; });
        if (same != interests_.end())
          same->write = true;
        else
          interests_.push_back({f.lane->peer, false, true});
        if (awaited < 0) awaited = f.lane->peer;
      }
    if (now - last >= patience) fail_late(awaited, patience);
    clock::time_point const until = (std::min)(last + patience, now + slice);
    if (now - last > telling && awaited != told_) watch_.waiting_for(world(told_ = awaited), last);
    bool const suspended = background_ != nullptr && background_->suspend(streams_, interests_, until);
    if (!suspended && !waiting_.idle(streams_, interests_, now, until)) return;
    if (trace_ != nullptr) trace_->add(now, watch_.latest().what.sequence, streams_.rank(), trace_event::kind::wait);
    if (clock::time_point const slept = transport::now(streams_); slept - (std::max)(last, ticked_) >= slice) {
      ticked_ = slept;
      referee_.tick(watch_);
    }
  }

  // No slices on a clock that can leap: its wait ends when something comes, or when nothing ever will.
  static constexpr std::chrono::milliseconds slice{transport::timed<T> ? 1'000'000'000'000 : 100};
  static constexpr std::chrono::microseconds telling{transport::timed<T> ? -1 : 200};

  [[nodiscard]] int world(int peer) const { return peer < 0 ? -1 : watch_.members()[static_cast<std::size_t>(peer)]; }

  void check(flow const& f) {
    if (f.theirs == *header_) return;
    int const peer = world(f.lane->peer);
    call theirs;
    call ours;
    if (!decode(f.theirs, theirs) || !decode(*header_, ours))
      fail(referee_.judge(watch_,
                          {error_kind::protocol,
                           peer,
                           {},
                           "rank " + std::to_string(peer) + " sent bytes that are no header of this version of tutti"},
                          &f.theirs));
    fail(referee_.judge(
        watch_,
        {error_kind::mismatch,
         peer,
         {},
         "rank " + std::to_string(peer) + " called " + describe(theirs) + ", this rank " + describe(ours)},
        &f.theirs));
  }
  [[noreturn]] void fail_lost(int peer) {
    int const lost = world(peer);
    fail(referee_.judge(
        watch_,
        {error_kind::peer_lost, lost, {}, "rank " + std::to_string(lost) + " was lost: its connection closed"}));
  }
  [[noreturn]] void fail_late(int awaited, std::chrono::nanoseconds patience) {
    auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    int const late = world(awaited);
    if (awaited >= 0) watch_.waiting_for(late);
    fail(referee_.judge(watch_,
                        {error_kind::timeout,
                         late,
                         {},
                         "nothing moved for " + std::to_string(ms) + " ms; waiting for rank " + std::to_string(late)}));
  }
  [[noreturn]] void fail(failure verdict) {
    verdict.operation = describe_operation(watch_.latest());
    throw error(std::move(verdict));
  }

  T& streams_;
  watch& watch_;
  referee& referee_;
  background<T>* background_ = nullptr;
  trace* trace_ = nullptr;
  waiting waiting_;
  counters counters_;
  memory memory_;

  program const* program_ = nullptr;
  binding const* binding_ = nullptr;
  frame const* header_ = nullptr;
  std::vector<place> places_;
  std::vector<flow> sends_;
  std::vector<flow> recvs_;
  std::vector<later<transport::interest, T>> interests_;
  std::size_t unfinished_ = 0;
  int told_ = -1;               // what watch_ was told in this call
  clock::time_point ticked_{};  // when the referee was last told that this rank waits
};

}  // namespace tutti::inline TUTTI_ABI::engine
