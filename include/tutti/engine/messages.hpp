// SPDX-License-Identifier: BSL-1.0
// Messages between two ranks, on streams of their own and matched by tag. Takes what one call sends and receives, moves
// all of it at once on the caller's thread, and keeps what comes unasked in a queue of bounded size.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/options.hpp>
#include <tutti/engine/background.hpp>
#include <tutti/engine/exclusive.hpp>
#include <tutti/engine/frame.hpp>
#include <tutti/engine/letter.hpp>
#include <tutti/engine/memory.hpp>
#include <tutti/engine/referee.hpp>
#include <tutti/engine/run.hpp>
#include <tutti/engine/unasked.hpp>
#include <tutti/engine/waiting.hpp>
#include <tutti/engine/watch.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::engine {

template <transport::streams T>
class messages {
  using parcel = later<tutti::TUTTI_ABI::engine::parcel, T>;
  using referee = later<tutti::TUTTI_ABI::engine::referee, T>;
  using unasked = later<tutti::TUTTI_ABI::engine::unasked, T>;
  using watch = later<tutti::TUTTI_ABI::engine::watch, T>;

 public:
  messages(T streams, std::shared_ptr<watch> seen, std::shared_ptr<referee> judge, bool crowded,
           std::chrono::nanoseconds timeout)
      : streams_(std::move(streams)),
        watch_(std::move(seen)),
        referee_(std::move(judge)),
        timeout_(timeout),
        waiting_(crowded),
        peers_(static_cast<std::size_t>(streams_.size())),
        unasked_(peers_.size()) {
    watch_->on_ring([this] { streams_.wake(); });
    referee_->enroll(watch_);
  }
  messages(messages const&) = delete;
  messages& operator=(messages const&) = delete;
  ~messages() {
    watch_->on_ring(nullptr);
    streams_.close();
  }

  [[nodiscard]] counters const& moved() const noexcept { return counters_; }
  [[nodiscard]] std::chrono::nanoseconds time_in_calls() const noexcept { return in_calls_; }
  /// Whoever runs the communicator's started operations, or null: what was started before comes before, and waits in
  /// place of this thread.
  void let_wait(background<T>* instead) {
    if (background_ == instead) return;
    background_ = instead;
    watch_->on_ring([this] {
      streams_.wake();
      background_->ring();
    });
  }
  [[nodiscard]] std::shared_ptr<watch> const& seen() const noexcept { return watch_; }
  /// Memory that is kept from call to call. Valid until the next spare(); inside a call only.
  [[nodiscard]] bytes spare(std::size_t n) { return {spare_.reserve(n), n}; }

  /// Sends and receives all of them, whatever the order in which the other ranks do. Returns once everything has
  /// arrived here and has been handed to the transport there; or throws.
  void run(plan::collective what, std::span<outgoing> out, std::span<incoming> in, options const& how) {
    run(what, how, [&] { exchange(out, in); });
  }
  /// The same for a `body` that prepares what it passes to exchange(), which it may call several times.
  template <class Body>
  void run(plan::collective what, options const& how, Body&& body) {
    if (background_ != nullptr) background_->finish();
    exclusive const guard(busy_);
    call record;
    record.communicator = watch_->communicator();
    record.what = what;
    watch_->begin(record, how.where, how.label);
    ended const at_end{*this};
    if (watch_->revoked()) fail(watch_->why());
    patience_ = how.timeout.count() > 0 ? how.timeout : timeout_;
    try {
      std::forward<Body>(body)();
    } catch (std::exception const& problem) {
      if (!watch_->revoked())
        (void)referee_->judge(*watch_, {error_kind::resource,
                                        world(streams_.rank()),
                                        {},
                                        std::string("the call failed on this rank: ") + problem.what()});
      throw;
    }
  }
  void exchange(std::span<outgoing> out, std::span<incoming> in) {
    exchange_until(out, in, [this] { return unfinished_ == 0; });
  }
  /// The same until done() says so. It is asked at first and whenever something has moved, and may let messages that
  /// are finished() go once more: again().
  template <class Done>
  void exchange_until(std::span<outgoing> out, std::span<incoming> in, Done done) {
    out_ = out;
    in_ = in;
    unfinished_ = out.size() + in.size();
    told_ = -1;
    for (peer& p : peers_) p.expected = 0;
    for (incoming& m : in) {
      ++peer_of(m.peer).expected;
      take_from_queue(m);
    }
    for (outgoing& m : out)
      if (m.peer == streams_.rank()) keep(m);
    clock::time_point last = transport::now(streams_);
    bool over = done();
    while (!over) {
      bool const any = pass();
      if (any && done()) return;
      if (watch_->revoked()) fail(watch_->why());
      clock::time_point const now = transport::now(streams_);
      if (any || drain()) {
        waiting_.moved();
        if (told_ >= 0) watch_->waiting_for(told_ = -1);
        last = now;
        over = !any && done();
        continue;
      }
      wait(now, last);
    }
  }
  /// Of those given to exchange_until(), with another rank.
  void again(outgoing& m) {
    m.done = 0;
    ++unfinished_;
  }
  void again(incoming& m) {
    if (m.grow != nullptr) m.into = {};
    m.matched = false;
    m.done = 0;
    ++unfinished_;
    ++peer_of(m.peer).expected;
    take_from_queue(m);
  }
  [[nodiscard]] static bool finished(incoming const& m) { return m.matched && m.done == m.size; }
  [[nodiscard]] static bool finished(outgoing const& m) { return m.done == sizeof(frame) + m.data.size(); }
  /// A message to be sent not now, but again().
  static void hold(outgoing& m) { m.done = sizeof(frame) + m.data.size(); }

  /// Whether a message from `source` with `tag` is here, whole. Takes in what has come, and never waits.
  [[nodiscard]] bool arrived(int source, int tag) {
    exclusive const guard(busy_);
    if (watch_->revoked()) fail(watch_->why());
    out_ = {};
    in_ = {};
    (void)drain();
    parcel const* const first = unasked_.find(source, tag);
    return first != nullptr && first->done == first->size;
  }

 private:
  struct peer {
    // receiving
    std::vector<later<std::byte, T>> stash;  // read ahead of need: headers, and small messages with them
    std::size_t stash_begin = 0, stash_end = 0;
    bool open = false;  // a header has come; its message is under way to `target`, to `kept`, or has no place yet
    call what;
    std::uint64_t left = 0;
    incoming* target = nullptr;
    parcel* kept = nullptr;
    std::size_t expected = 0;  // messages the call under way still wants from here
    std::uint64_t received = 0;
    bool ended = false;
    // sending
    outgoing* writing = nullptr;
    std::uint64_t sent = 0;
  };
  struct ended {
    explicit ended(messages& m) : of(m) {}
    ended(ended const&) = delete;
    ended& operator=(ended const&) = delete;
    ~ended() {
      of.watch_->end();
      of.in_calls_ += transport::now(of.streams_) - begin;
    }
    messages& of;
    clock::time_point begin = transport::now(of.streams_);
  };

  static constexpr std::size_t stash_size = 4096;
  static constexpr std::size_t longest = std::size_t{256} << 10U;  // in one system call

  [[nodiscard]] peer& peer_of(int rank) { return peers_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] int world(int rank) const { return watch_->members()[static_cast<std::size_t>(rank)]; }

  bool pass() {
    bool any = false;
    for (outgoing& m : out_)
      if (m.peer != streams_.rank()) any |= send(m);
    for (incoming& m : in_)
      if (!finished(m) && m.peer != streams_.rank()) any |= receive(m.peer, false);
    return any;
  }
  /// Takes in what nobody here waits for, so that its senders can go on.
  bool drain() {
    bool any = false;
    for (int r = 0; r < streams_.size(); ++r)
      if (r != streams_.rank()) any |= receive(r, true);
    return any;
  }

  // --- sending
  bool send(outgoing& m) {
    peer& to = peer_of(m.peer);
    std::size_t const whole = sizeof(frame) + m.data.size();
    if (m.done == whole || (to.writing != nullptr && to.writing != &m)) return false;
    if (to.writing == nullptr) {
      m.header = encode(describe_letter(m, ++to.sent, m.data.size() / m.element_size));
      to.writing = &m;
    }
    bool any = false;
    while (m.done < whole) {
      std::size_t const of_header = (std::min)(m.done, sizeof(frame));
      const_bytes const body = m.data.subspan(m.done - of_header);
      auto const [n, lost] = streams_.write_some(m.peer, const_bytes(m.header).subspan(of_header),
                                                 body.first((std::min)(body.size(), longest)));
      if (lost) fail_lost(m.peer);
      if (n == 0) return any;
      counters_.bytes_sent += n;
      m.done += n;
      any = true;
    }
    to.writing = nullptr;
    ++counters_.messages_sent;
    --unfinished_;
    return true;
  }
  [[nodiscard]] call describe_letter(letter const& m, std::uint64_t number, std::uint64_t count) const {
    call c;
    c.communicator = watch_->communicator();
    c.sequence = number;
    c.what = plan::message::send;
    c.element = m.element;
    c.root = m.tag;
    c.count = count;
    c.stage = m.object ? 1 : 0;
    return c;
  }
  /// A message to oneself goes to whom it is for, or into the queue.
  void keep(outgoing& m) {
    peer& self = peer_of(m.peer);
    self.what = describe_letter(m, ++self.sent, m.data.size() / m.element_size);
    self.left = m.data.size();
    if (!place(self, m.peer))
      throw error(error_kind::resource,
                  "a message of rank " + std::to_string(m.peer) + " to itself finds the queue full; receive it first");
    for (std::size_t at = 0; self.left > 0;) {
      bytes const room = room_of(self);
      if (room.empty())
        throw error(error_kind::resource, "a message of rank " + std::to_string(m.peer) +
                                              " to itself is too long for the queue; receive it in the same call");
      std::size_t const n = (std::min)(room.size(), m.data.size() - at);
      std::memcpy(room.data(), m.data.data() + at, n);
      at += n;
      advance(self, n);
    }
    finish(self);
    --unfinished_;
  }

  // --- receiving
  bool receive(int from, bool everything) {
    peer& p = peer_of(from);
    bool any = false;
    while (everything || p.expected > 0) {
      std::size_t const ahead = p.stash_end - p.stash_begin;
      if (!p.open) {
        if (ahead < sizeof(frame)) {
          if (!read(p, from, {})) return any;
        } else {
          open(p, from);
        }
        any = true;
        continue;
      }
      if (p.target == nullptr && p.kept == nullptr && !place(p, from)) return any;
      if (p.left == 0) {
        finish(p);
        any = true;
        continue;
      }
      bytes const room = room_of(p);
      if (room.empty()) return any;
      if (ahead > 0) {
        std::size_t const n = (std::min)(ahead, room.size());
        std::memcpy(room.data(), p.stash.data() + p.stash_begin, n);
        p.stash_begin += n;
        advance(p, n);
      } else if (!read(p, from, room)) {
        return any;
      }
      any = true;
    }
    return any;
  }
  /// One read: into `room`, and what comes behind it into the stash. False if nothing came.
  bool read(peer& p, int from, bytes room) {
    if (p.ended) return lost(p, from);
    p.stash.resize(stash_size);
    std::copy(p.stash.begin() + static_cast<std::ptrdiff_t>(p.stash_begin),
              p.stash.begin() + static_cast<std::ptrdiff_t>(p.stash_end), p.stash.begin());
    p.stash_end -= std::exchange(p.stash_begin, 0);
    bytes const rest = bytes(p.stash).subspan(p.stash_end);
    bool const last_piece = room.size() == p.left;  // only then does what follows belong behind it
    auto const [n, gone] = streams_.read_some(from, room, room.empty() || last_piece ? rest : bytes{});
    if (gone) {
      p.ended = true;
      return lost(p, from);
    }
    counters_.bytes_received += n;
    std::size_t const of_room = (std::min)(n, room.size());
    p.stash_end += n - of_room;
    if (of_room > 0) advance(p, of_room);
    return n > 0;
  }
  bool lost(peer const& p, int from) {
    if (p.expected > 0) fail_lost(from);
    return false;
  }
  void open(peer& p, int from) {
    frame header;
    std::copy_n(p.stash.begin() + static_cast<std::ptrdiff_t>(p.stash_begin), sizeof(frame), header.begin());
    p.stash_begin += sizeof(frame);
    std::uint64_t const size_of_element = load_little<std::uint32_t>(header.data() + 24) & 0xffffffU;
    if (!decode(header, p.what) || p.what.communicator != watch_->communicator() ||
        p.what.what != plan::message::send || p.what.sequence != ++p.received || size_of_element == 0 ||
        p.what.count > static_cast<std::uint64_t>(PTRDIFF_MAX) / size_of_element)
      fail_as(error_kind::protocol, from,
              "rank " + std::to_string(world(from)) + " sent bytes that are no message of this version of tutti");
    p.left = p.what.count * size_of_element;
    p.open = true;
  }
  /// Finds whom the message is for; else a place in the queue. False: the queue is full.
  bool place(peer& p, int from) {
    for (incoming& m : in_) {
      if (m.matched || m.peer != from || m.tag != p.what.root) continue;
      match(m, p.what, p.left);
      p.target = &m;
      return true;
    }
    p.kept = unasked_.keep(from, p.what, p.left);
    return p.kept != nullptr;
  }
  void match(incoming& m, call const& theirs, std::uint64_t size) {
    bool const fits = m.grow != nullptr || size == m.into.size();
    if (theirs.element != m.element || (theirs.stage == 1) != m.object || !fits) {
      auto const text = [](bool object, std::uint64_t count, std::uint32_t element) {
        return object ? "an object" : std::to_string(count) + " x " + element_name(element);
      };
      fail_as(error_kind::mismatch, m.peer,
              "rank " + std::to_string(world(m.peer)) + " sent rank " + std::to_string(world(streams_.rank())) + " " +
                  text(theirs.stage == 1, theirs.count, theirs.element) + " with tag " + std::to_string(m.tag) +
                  ", but rank " + std::to_string(world(streams_.rank())) + " receives " +
                  (m.grow != nullptr && !m.object ? "any number of " + element_name(m.element)
                                                  : text(m.object, m.into.size() / m.element_size, m.element)));
    }
    m.matched = true;
    m.size = size;
  }
  /// Where the next bytes of the open message go.
  bytes room_of(peer& p) {
    bytes const room = p.target != nullptr ? room_for(*p.target) : unasked_.room(*p.kept, longest / 4);
    return room.first((std::min)({room.size(), longest, static_cast<std::size_t>(p.left)}));
  }
  static void advance(peer& p, std::size_t n) {
    p.left -= n;
    (p.target != nullptr ? p.target->done : p.kept->done) += n;
  }
  void finish(peer& p) {
    if (p.target != nullptr) {
      --p.expected;
      --unfinished_;
    }
    p.target = nullptr;
    p.kept = nullptr;
    p.open = false;
  }
  /// Gives `m` the oldest message of the queue that it can have, as far as it has come.
  void take_from_queue(incoming& m) {
    peer& p = peer_of(m.peer);
    parcel* const found = unasked_.find(m.peer, m.tag);
    if (found == nullptr) return;
    match(m, found->what, found->size);
    bool const under_way = p.kept == found;
    unasked_.hand_over(m.peer, found, m);
    if (under_way) {
      p.kept = nullptr;
      p.target = &m;
    } else {
      --p.expected;
      --unfinished_;
    }
  }

  // --- waiting and failing
  void wait(clock::time_point now, clock::time_point last) {
    interests_.clear();
    int awaited = -1;
    for (incoming const& m : in_)
      if (!finished(m) && awaited < 0) awaited = m.peer;
    for (int r = 0; r < streams_.size(); ++r) {
      peer const& p = peer_of(r);
      if (r == streams_.rank()) continue;
      bool const stuck =
          p.open && p.target == nullptr && (p.kept == nullptr ? unasked_.full() : unasked_.full(*p.kept));
      bool const writes = p.writing != nullptr;
      if (writes && awaited < 0) awaited = r;
      if (writes || (!p.ended && !stuck)) interests_.push_back({r, !p.ended && !stuck, writes});
    }
    if (now - last >= patience_) fail_late(awaited);
    if (now - last > telling && awaited != told_) watch_->waiting_for(world(told_ = awaited), last);
    clock::time_point const until = (std::min)(last + patience_, now + slice);
    bool const suspended = background_ != nullptr && background_->suspend(streams_, interests_, until);
    if (!suspended && !waiting_.idle(streams_, interests_, now, until)) return;
    if (clock::time_point const slept = transport::now(streams_); slept - (std::max)(last, ticked_) >= slice) {
      ticked_ = slept;
      referee_->tick(*watch_);
    }
  }

  static constexpr std::chrono::milliseconds slice{100};
  static constexpr std::chrono::microseconds telling{200};

  [[noreturn]] void fail_late(int awaited) {
    auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience_).count();
    watch_->waiting_for(world(awaited));
    std::string text =
        "nothing moved for " + std::to_string(ms) + " ms: rank " + std::to_string(world(streams_.rank()));
    auto const from = std::find_if(in_.begin(), in_.end(), [](incoming const& m) { return !finished(m); });
    if (from != in_.end())
      text += " waits for a message from rank " + std::to_string(world(from->peer)) + " with tag " +
              std::to_string(from->tag);
    else
      text += " waits for rank " + std::to_string(world(awaited)) + " to take its message";
    if (unasked_.left() < longest)
      text += "; its queue of messages that nobody has received is full (" + std::to_string(unasked::most >> 20U) +
              " MiB), so receive earlier, or use sendrecv";
    else if (parcel const* other = from == in_.end() ? nullptr : unasked_.oldest(from->peer))
      text += "; from there came a message with tag " + std::to_string(other->what.root) +
              ", for which no receive was made";
    fail_as(error_kind::timeout, awaited, std::move(text));
  }
  [[noreturn]] void fail_lost(int from) {
    fail_as(error_kind::peer_lost, from, "rank " + std::to_string(world(from)) + " was lost: its connection closed");
  }
  [[noreturn]] void fail_as(error_kind kind, int blamed, std::string text) {
    fail(referee_->judge(*watch_, {kind, world(blamed), {}, std::move(text)}));
  }
  [[noreturn]] void fail(failure verdict) {
    verdict.operation = describe_operation(watch_->latest());
    throw error(std::move(verdict));
  }

  T streams_;
  std::shared_ptr<watch> watch_;
  std::shared_ptr<referee> referee_;
  std::chrono::nanoseconds timeout_;
  std::chrono::nanoseconds patience_{0};
  std::chrono::nanoseconds in_calls_{0};
  background<T>* background_ = nullptr;
  waiting waiting_;
  counters counters_;
  std::vector<peer> peers_;
  unasked unasked_;
  std::vector<later<transport::interest, T>> interests_;
  std::span<outgoing> out_;
  std::span<incoming> in_;
  std::size_t unfinished_ = 0;
  int told_ = -1;
  clock::time_point ticked_{};
  arena spare_;
  std::atomic<bool> busy_{false};
};

}  // namespace tutti::inline TUTTI_ABI::engine
