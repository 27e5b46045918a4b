// SPDX-License-Identifier: BSL-1.0
// A network and its hosts as arithmetic: when what was sent arrives, and when work on a shared core is done. Knows no
// ranks' programs, no plans, no threads: who simulates brings those, and asks in the order of time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>

namespace tutti::inline TUTTI_ABI {

/// A world on a virtual clock, after LogGP. A message of n bytes from one host to another takes a core of the sender
/// for `overhead`, then the sender's link for n / beta; its first byte is at the receiver's link after `alpha` more, it
/// takes that link for n / beta, and a core of the receiver for `overhead`. Within a host there is no link: it takes a
/// core for overhead + n / copy on both sides, with host_alpha between. Links carry both directions at once. Rates are
/// in bytes per second; 0: takes no time. The defaults are a 10 Gbit/s Ethernet.
struct sim {
  std::chrono::nanoseconds alpha = std::chrono::microseconds(20);
  std::chrono::nanoseconds overhead = std::chrono::microseconds(2);
  double beta = 1.25e9;
  std::chrono::nanoseconds host_alpha = std::chrono::microseconds(2);
  double copy = 8e9;
  double fold = 8e9;                 ///< of bytes read beside the first operand's
  std::chrono::nanoseconds wake{0};  ///< of a core, when a rank goes on after it had nothing to do
  int hosts = 0;                     ///< ranks are dealt out in blocks of equal size; 0: every rank has its own
  int cores = 0;                     ///< of a host, first come, first served; 0: every rank has its own
  std::size_t segment = std::size_t{64} << 10U;  ///< longest message; more bytes are several
  std::size_t buffer = std::size_t{4} << 20U;    ///< bytes of one stream that are sent and not yet received
  double jitter = 0;                             ///< alpha of a message grows by a random part of at most this
  std::uint64_t seed = 1;                        ///< of the jitter
};

namespace detail {

using virtual_time = std::chrono::nanoseconds;
inline constexpr virtual_time never = (virtual_time::max)();

template <class = on_use>
class basic_network {
 public:
  basic_network(sim const& model, int ranks) : model_(model), ranks_(ranks), hosts_(model.hosts) {
    if (hosts_ <= 0 || hosts_ > ranks) hosts_ = ranks;
    if (model_.segment == 0 || model_.buffer == 0 || model_.beta < 0 || model_.copy < 0 || model_.fold < 0 ||
        model_.jitter < 0 || (std::min)({model_.alpha, model_.overhead, model_.host_alpha, model_.wake}) < never * 0)
      throw error(error_kind::config,
                  "a simulated network needs segment and buffer of at least one byte, and no time, "
                  "rate or jitter below zero");
    auto const hosts = static_cast<std::size_t>(hosts_);
    out_free_.resize(hosts);
    in_free_.resize(hosts);
    posted_.resize(static_cast<std::size_t>(ranks));
    shared_ = model_.cores > 0 && model_.cores < (ranks + hosts_ - 1) / hosts_;
    if (shared_) core_free_.resize(hosts * static_cast<std::size_t>(model_.cores));
  }

  [[nodiscard]] sim const& model() const noexcept { return model_; }
  [[nodiscard]] int host(int rank) const noexcept {
    return static_cast<int>(static_cast<std::int64_t>(rank) * hosts_ / ranks_);
  }

  /// When `rank` is done that wants a core for `duration` from `at` on.
  virtual_time work(int rank, virtual_time at, virtual_time duration) {
    worked_ += duration;
    if (!shared_ || duration == virtual_time{}) return at + duration;
    auto const first = core_free_.begin() + static_cast<std::ptrdiff_t>(host(rank)) * model_.cores;
    auto const core = std::min_element(first, first + model_.cores);
    return *core = (std::max)(*core, at) + duration;
  }
  /// What a message costs either side's core.
  [[nodiscard]] virtual_time handling(int from, int to, std::uint64_t bytes) const {
    return model_.overhead + (host(from) == host(to) ? time_of(bytes, model_.copy) : virtual_time{});
  }
  [[nodiscard]] virtual_time folding(std::uint64_t copied, std::uint64_t folded) const {
    return time_of(copied, model_.copy) + time_of(folded, model_.fold);
  }

  /// Hands a message over at `at`, not before the latest of `from`. `stream` comes back with its delivery.
  void post(int from, int to, std::uint32_t stream, std::uint64_t bytes, virtual_time at) {
    event e{at, leaves, from, to, stream, bytes, ++count_};
    if (host(from) == host(to)) {
      e.at += model_.host_alpha;
      e.what = arrived;
    } else if (hosts_ == ranks_) {
      depart(e);  // no one else is on this link
    }
    push(e);
  }
  /// When something next happens in the network, or never.
  [[nodiscard]] virtual_time next() const noexcept { return events_.empty() ? never : events_.front().at; }
  /// Lets it happen. `deliver(to, stream, bytes, at)` is told of what becomes receivable.
  template <class Deliver>
  void step(Deliver deliver) {
    std::pop_heap(events_.begin(), events_.end(), later);
    event e = events_.back();
    events_.pop_back();
    if (e.what == arrived) return deliver(e.to, e.stream, e.bytes, e.at);
    if (e.what == leaves) {
      depart(e);
    } else {
      auto& link = in_free_[static_cast<std::size_t>(host(e.to))];
      e.at = link = (std::max)(link, e.at) + time_of(e.bytes, model_.beta);
      e.what = arrived;
    }
    push(e);
  }
  /// How long the links have carried bytes out, and how long the cores have worked, each summed up.
  [[nodiscard]] virtual_time sent_for() const noexcept { return sent_; }
  [[nodiscard]] virtual_time worked_for() const noexcept { return worked_; }
  [[nodiscard]] int hosts() const noexcept { return hosts_; }
  [[nodiscard]] int cores() const noexcept { return shared_ ? hosts_ * model_.cores : ranks_; }

 private:
  enum what : std::uint8_t { leaves, reaches, arrived };
  struct event {
    virtual_time at;
    enum what what;
    int from;
    int to;
    std::uint32_t stream;
    std::uint64_t bytes;
    std::uint64_t number;
  };
  static bool later(event const& a, event const& b) noexcept {
    if (a.at != b.at) return a.at > b.at;
    if (a.what != b.what) return a.what > b.what;
    if (a.from != b.from) return a.from > b.from;
    return a.number > b.number;
  }
  void push(event const& e) {
    events_.push_back(e);
    std::push_heap(events_.begin(), events_.end(), later);
  }
  void depart(event& e) {
    auto& link = out_free_[static_cast<std::size_t>(host(e.from))];
    virtual_time const carried = time_of(e.bytes, model_.beta);
    sent_ += carried;
    e.at = (std::max)(link, e.at);
    link = e.at + carried;
    e.at += model_.alpha;
    e.what = reaches;
    if (model_.jitter > 0) {
      auto const drawn = static_cast<double>(mixed(e.from) >> 11U) * 0x1p-53;
      e.at +=
          virtual_time(static_cast<std::int64_t>(static_cast<double>(model_.alpha.count()) * model_.jitter * drawn));
      auto& before = latest_[{e.from, e.to}];  // a stream keeps its order
      before = e.at = (std::max)(before, e.at);
    }
  }
  /// The next random number of one sender (splitmix64).
  [[nodiscard]] std::uint64_t mixed(int from) {
    std::uint64_t z = model_.seed * 0x2545f4914f6cdd1dU + static_cast<std::uint64_t>(from) * 0xd1342543de82ef95U +
                      ++posted_[static_cast<std::size_t>(from)] * 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  [[nodiscard]] static virtual_time time_of(std::uint64_t bytes, double rate) {
    if (rate <= 0) return {};
    return virtual_time(static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 / rate + 0.5));
  }

  sim model_;
  int ranks_;
  int hosts_;
  bool shared_ = false;  // more ranks on a host than cores
  std::vector<virtual_time> core_free_;
  std::vector<virtual_time> out_free_;  // by host: when its link is free again
  std::vector<virtual_time> in_free_;
  std::vector<std::uint64_t> posted_;  // by rank
  std::map<std::pair<int, int>, virtual_time> latest_;
  std::vector<event> events_;  // a heap, the earliest first
  std::uint64_t count_ = 0;
  virtual_time sent_{};
  virtual_time worked_{};
};
using network = basic_network<>;

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
