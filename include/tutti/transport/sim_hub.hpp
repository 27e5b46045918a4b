// SPDX-License-Identifier: BSL-1.0
// What the ranks of one simulated world share: their clocks, whose turn it is, and the bytes under way.
//
// Ranks are threads of which exactly one runs: the one whose clock is earliest, ties by rank. A rank's clock moves only
// by what it is charged for. Before it looks at anything shared it lets all run that come before it, so what it sees
// is all that was there at its time; hence the same order, times and results in every run. The thread whose turn it is
// owns everything here; handing the turn over is the only synchronisation.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/network.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::transport {

/// One direction of one pair. The first `arrived` of `bytes` can be received, the rest is under way.
template <class = on_use>
struct basic_sim_stream {
  int from = 0;  ///< world ranks
  int to = 0;
  std::uint32_t id = 0;
  std::vector<std::byte> bytes{};
  std::size_t taken = 0;  ///< of `bytes`, at the front
  std::size_t arrived = 0;
  std::size_t under_way = 0;  ///< messages
  bool closing = false;
  bool ended = false;  ///< closed, and the receiver knows
  bool reader_waits = false;
  bool writer_waits = false;

  [[nodiscard]] std::size_t held() const noexcept { return bytes.size() - taken; }
  void put(const_bytes data) { bytes.insert(bytes.end(), data.begin(), data.end()); }
  void get(tutti::TUTTI_ABI::bytes into) {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(taken), into.size(), into.begin());
    taken += into.size();
    arrived -= into.size();
    if (taken < bytes.size() / 2) return;
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    taken = 0;
  }
};
using sim_stream = basic_sim_stream<>;

/// What a simulated world has done so far.
struct sim_traffic {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

template <class = on_use>
class basic_sim_hub {
 public:
  using time = tutti::TUTTI_ABI::detail::virtual_time;

  basic_sim_hub(sim const& model, int ranks) : network_(model, ranks), seats_(static_cast<std::size_t>(ranks)) {}

  // --- a rank's thread begins and ends
  void enter(int rank) {
    std::unique_lock hold(guard_);
    seats_[index(rank)].thread = std::this_thread::get_id();
    seats_[index(rank)].turn.wait(hold, [&] { return turn_ == rank; });
  }
  void leave(int rank) {
    seat& mine = seats_[index(rank)];
    mine.finished = mine.clock;
    mine.next = never;
    int const other = earliest();
    if (other >= 0) give_turn(other);
  }
  [[nodiscard]] time finished(int rank) const { return seats_[index(rank)].finished; }
  [[nodiscard]] sim_traffic traffic() const noexcept { return traffic_; }

  // --- time
  [[nodiscard]] time now(int rank) const { return seats_[index(rank)].clock; }
  /// The time of the rank whose turn it is.
  [[nodiscard]] time now() const { return now(turn_); }
  void compute(int rank, time duration) {
    settle(rank);
    for (time left = duration;;) {
      time const piece = attended(rank) ? (std::min)(left, grain) : left;
      charge(rank, piece);
      settle(rank);  // what the rank does next, it does when the others have come so far
      if ((left -= piece) <= time{}) return;
      tell(rank);
    }
  }
  /// What else a rank does while it computes or waits: `whom` is told each grain of time, or no longer.
  void attend(int rank, listener& whom, bool from_now_on) {
    auto& all = seats_[index(rank)].attending;
    if (from_now_on)
      all.push_back(&whom);
    else
      std::erase(all, &whom);
  }
  [[nodiscard]] bool attended(int rank) const { return !seats_[index(rank)].attending.empty(); }
  void tell(int rank) {
    auto const all = seats_[index(rank)].attending;  // it changes meanwhile
    for (listener* whom : all) whom->ready();
  }
  static constexpr time grain = std::chrono::microseconds(10);
  void work(int rank, std::uint64_t copied, std::uint64_t folded) {
    settle(rank);
    charge(rank, network_.folding(copied, folded));
  }

  // --- streams
  [[nodiscard]] std::shared_ptr<sim_stream> between(std::uint64_t communicator, int from, int to) {
    auto const [found, fresh] =
        named_.try_emplace({communicator, (std::min)(from, to), (std::max)(from, to)}, streams_.size());
    if (fresh)
      for (bool const up : {true, false}) {
        auto const s = std::make_shared<sim_stream>();
        s->from = up ? (std::min)(from, to) : (std::max)(from, to);
        s->to = up ? (std::max)(from, to) : (std::min)(from, to);
        s->id = static_cast<std::uint32_t>(streams_.size());
        streams_.push_back(s);
      }
    return streams_[found->second + (from < to ? 0 : 1)];
  }
  [[nodiscard]] sim_stream& back(sim_stream const& s) const { return *streams_[s.id ^ 1U]; }
  /// As much of both as one message and the stream's buffer hold.
  std::size_t send(sim_stream& s, const_bytes head, const_bytes body) {
    settle(s.from);
    if (back(s).ended) return 0;
    std::size_t const room = (std::min)(network_.model().segment, network_.model().buffer - s.held());
    head = head.first((std::min)(head.size(), room));
    body = body.first((std::min)(body.size(), room - head.size()));
    std::size_t const n = head.size() + body.size();
    if (n == 0) return 0;
    s.put(head);
    s.put(body);
    charge(s.from, network_.handling(s.from, s.to, n));
    post(s, n);
    ++traffic_.messages;
    traffic_.bytes += n;
    return n;
  }
  std::size_t receive(sim_stream& s, bytes head, bytes body) {
    settle(s.to);
    head = head.first((std::min)(head.size(), s.arrived));
    body = body.first((std::min)(body.size(), s.arrived - head.size()));
    std::size_t const n = head.size() + body.size();
    if (n == 0) return 0;
    s.get(head);
    s.get(body);
    charge(s.to, network_.handling(s.from, s.to, n));
    if (s.writer_waits) rouse(s.from, now(s.to));
    return n;
  }
  [[nodiscard]] bool can_send(sim_stream const& s) const { return s.held() < network_.model().buffer; }
  void close(sim_stream& s) {
    if (std::exchange(s.closing, true)) return;
    post(s, 0);
  }

  // --- waiting
  /// Until rouse(), or a stream that is marked for it moves, or `until`; then charges for waking up, if roused.
  void sleep(int rank, time until) {
    seat& mine = seats_[index(rank)];
    mine.asleep = true;
    mine.roused = false;
    mine.next = (std::max)(until, mine.clock);
    pass_turn(rank);
    mine.asleep = false;
    mine.clock = mine.next;
    if (mine.roused) charge(rank, network_.model().wake);
  }
  void rouse(int rank, time at) {
    seat& other = seats_[index(rank)];
    if (!other.asleep) return;
    other.roused = true;
    other.next = (std::max)(other.clock, (std::min)(other.next, at));
  }
  /// Lets everyone run who comes before this rank: what it sees next is all there was at its time.
  void settle(int rank) {
    seat& mine = seats_[index(rank)];
    if (mine.thread != std::this_thread::get_id())
      throw error(error_kind::config, "rank " + std::to_string(rank) +
                                          " of a simulated world was called from a second thread; a simulated rank "
                                          "has one thread");
    if (mine.settled == mine.clock) return;
    mine.next = mine.clock;
    pass_turn(rank);
    mine.settled = mine.clock;
  }

 private:
  static constexpr time never = tutti::TUTTI_ABI::detail::never;

  struct seat {
    time clock{};
    time next{};       // when it goes on
    time settled{-1};  // everyone has run until here
    time finished{};
    bool asleep = false;
    bool roused = false;
    std::thread::id thread{};
    std::condition_variable turn{};
    std::vector<listener*> attending{};
  };

  static std::size_t index(int rank) noexcept { return static_cast<std::size_t>(rank); }

  void charge(int rank, time duration) {
    seat& mine = seats_[index(rank)];
    mine.clock = mine.next = network_.work(rank, mine.clock, (std::max)(duration, time{}));
  }
  void post(sim_stream& s, std::size_t n) {
    ++s.under_way;
    network_.post(s.from, s.to, s.id, n, now(s.from));
  }
  void deliver(std::uint32_t id, std::size_t n, time at) {
    sim_stream& s = *streams_[id];
    s.arrived += n;
    --s.under_way;
    s.ended = s.closing && s.under_way == 0;
    if (s.reader_waits || (s.ended && back(s).writer_waits)) rouse(s.to, at);
  }
  /// Lets the network run up to the rank that is next, and names it; -1: all have left.
  int earliest() {
    for (;;) {
      auto const first =
          std::min_element(seats_.begin(), seats_.end(), [](seat const& a, seat const& b) { return a.next < b.next; });
      if (network_.next() <= first->next && first->next != never) {
        network_.step([this](int, std::uint32_t stream, std::uint64_t n, time at) {
          deliver(stream, static_cast<std::size_t>(n), at);
        });
        continue;
      }
      return first->next == never ? -1 : static_cast<int>(first - seats_.begin());
    }
  }
  void give_turn(int rank) {
    {
      std::lock_guard const hold(guard_);
      turn_ = rank;
    }
    seats_[index(rank)].turn.notify_one();
  }
  void pass_turn(int rank) {
    int const other = earliest();
    if (other == rank) return;
    give_turn(other);
    std::unique_lock hold(guard_);
    seats_[index(rank)].turn.wait(hold, [&] { return turn_ == rank; });
  }

  tutti::TUTTI_ABI::detail::network network_;
  std::vector<seat> seats_;
  std::map<std::tuple<std::uint64_t, int, int>, std::size_t> named_;  // the lower rank's stream to the higher
  std::vector<std::shared_ptr<sim_stream>> streams_;                  // by id; ^ 1 is the way back
  sim_traffic traffic_;
  std::mutex guard_;
  int turn_ = 0;  // guarded, so that a hand-over carries everything else with it
};
using sim_hub = basic_sim_hub<>;

}  // namespace tutti::inline TUTTI_ABI::transport
