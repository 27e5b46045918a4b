// SPDX-License-Identifier: BSL-1.0
// Where the control thread leaves accepted lanes until the communicator they belong to takes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <tutti/core/on_use.hpp>
#include <tutti/transport/socket.hpp>

namespace tutti::inline TUTTI_ABI::transport {

/// Safe from any thread. Lanes nobody takes are closed with the mailbox.
template <class = on_use>
class basic_mailbox {
 public:
  /// Leaves the lane on which world rank `peer` speaks for `communicator`. A second one for the same pair replaces the
  /// first, which closes.
  void deliver(std::uint64_t communicator, int peer, stream_socket lane) {
    std::lock_guard const hold(guard_);
    lanes_[{communicator, peer}] = std::move(lane);
  }
  /// The lane, or an empty one if it has not come yet.
  [[nodiscard]] stream_socket take(std::uint64_t communicator, int peer) {
    std::lock_guard const hold(guard_);
    auto const found = lanes_.find({communicator, peer});
    if (found == lanes_.end()) return {};
    stream_socket lane = std::move(found->second);
    lanes_.erase(found);
    return lane;
  }

 private:
  struct sender {
    std::uint64_t communicator;
    int peer;
    friend bool operator==(sender const&, sender const&) = default;
  };
  struct hash {
    std::size_t operator()(sender const& s) const noexcept {
      return static_cast<std::size_t>(s.communicator) + static_cast<std::size_t>(s.peer);  // the first is a hash itself
    }
  };

  std::mutex guard_;
  std::unordered_map<sender, stream_socket, hash> lanes_;
};
using mailbox = basic_mailbox<>;

}  // namespace tutti::inline TUTTI_ABI::transport
