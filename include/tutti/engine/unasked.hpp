// SPDX-License-Identifier: BSL-1.0
// Messages that have come before anybody asked for them: kept, in the order of their arrival, up to a bound.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/engine/frame.hpp>
#include <tutti/engine/letter.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// One of them, as far as it has come.
template <class Use = on_use>
struct basic_parcel {
  call what;
  std::uint64_t size = 0;
  std::uint64_t done = 0;
  std::vector<later<std::byte, Use>> data{};
};
using parcel = basic_parcel<>;

template <class Use = on_use>
class basic_unasked {
  using parcel = basic_parcel<Use>;

 public:
  /// Of all peers of a communicator together; the rest stays with its senders, who wait.
  static constexpr std::size_t most = std::size_t{64} << 20U;

  explicit basic_unasked(std::size_t peers) : from_(peers) {}

  /// A place for a message that begins; null: the queue is full.
  parcel* keep(int peer, call const& what, std::uint64_t size) {
    if (full()) return nullptr;
    held_ += overhead;
    auto& parcels = from(peer).parcels;
    parcels.push_back(std::make_unique<parcel>(parcel{what, size}));
    return parcels.back().get();
  }
  /// Where its next bytes go, at most `step` of them at first; empty: the queue is full.
  bytes room(parcel& p, std::size_t step) {
    auto const here = static_cast<std::size_t>(p.done);
    if (here == p.data.size()) {
      std::size_t const more = (std::min)({static_cast<std::size_t>(p.size - p.done), (std::max)(here, step), left()});
      held_ += more;
      p.data.resize(here + more);
    }
    return bytes(p.data).subspan(here);
  }
  /// Whether no message can begin.
  [[nodiscard]] bool full() const noexcept { return held_ + overhead > most; }
  /// Whether this one cannot go on.
  [[nodiscard]] bool full(parcel const& p) const noexcept { return left() == 0 && p.data.size() == p.done; }
  [[nodiscard]] std::size_t left() const noexcept { return most - (std::min)(held_, most); }

  /// The oldest from this peer with this tag; null: there is none.
  [[nodiscard]] parcel* find(int peer, int tag) {
    queue& q = from(peer);
    for (std::size_t i = q.first; i < q.parcels.size(); ++i)
      if (q.parcels[i] && q.parcels[i]->what.root == tag) return q.parcels[i].get();
    return nullptr;
  }
  [[nodiscard]] parcel const* oldest(int peer) {
    queue& q = from(peer);
    return q.parcels.empty() ? nullptr : q.parcels[q.first].get();
  }
  /// Copies what has come of it to where it belongs, and forgets it.
  void hand_over(int peer, parcel const* p, incoming& to) {
    while (to.done < p->done) {
      bytes const place = room_for(to);
      std::size_t const n = (std::min)(place.size(), static_cast<std::size_t>(p->done - to.done));
      std::memcpy(place.data(), p->data.data() + to.done, n);
      to.done += n;
    }
    held_ -= p->data.size() + overhead;
    queue& q = from(peer);
    for (std::size_t i = q.first; i < q.parcels.size(); ++i)
      if (q.parcels[i].get() == p) {
        q.parcels[i].reset();
        break;
      }
    while (q.first < q.parcels.size() && !q.parcels[q.first]) ++q.first;
    if (2 * ++q.gaps < q.parcels.size()) return;
    std::erase(q.parcels, nullptr);
    q.first = q.gaps = 0;
  }

 private:
  static constexpr std::size_t overhead = 128;  // of a parcel, against `most`

  /// What is handed over leaves a gap. Gaps are closed together, when they are half of all: a long queue empties fast.
  struct queue {
    std::vector<std::unique_ptr<parcel>> parcels;
    std::size_t first = 0;  // that is no gap
    std::size_t gaps = 0;
  };
  [[nodiscard]] queue& from(int peer) { return from_[static_cast<std::size_t>(peer)]; }

  std::vector<queue> from_;
  std::size_t held_ = 0;
};
using unasked = basic_unasked<>;

}  // namespace tutti::inline TUTTI_ABI::engine
