// SPDX-License-Identifier: BSL-1.0
// TCP lanes: one stream per peer of one communicator, opened on first use through the peers' one port each.
//
// Of two ranks the higher one connects and says hello; the lower one finds the lane in its mailbox, where the control
// thread left it. For messages a lane has one direction and whoever sends opens it: nobody has to wait for a receiver
// that is elsewhere. Once a lane is open, Asio is out of the picture: bytes move by one system call from and to user
// memory.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/transport/asio.hpp>
#include <tutti/transport/hello.hpp>
#include <tutti/transport/mailbox.hpp>
#include <tutti/transport/socket.hpp>
#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::transport {

/// Who opens a lane, and whether it serves one direction or both.
enum class opening : std::uint8_t { higher_rank, sender };

/// What the lanes of one process share: who it is, where everyone accepts, and what proves that it belongs.
template <class Use = on_use>
struct basic_tcp_node {
  int rank = 0;
  std::vector<net::ip::tcp::endpoint> peers;  ///< by world rank
  job_key job{};
  job_key run{};
  std::shared_ptr<basic_mailbox<Use>> mail;
};
using tcp_node = basic_tcp_node<>;

template <class Use = on_use>
class basic_tcp {
  using tcp_node = basic_tcp_node<Use>;
  using poller = basic_poller<Use>;

 public:
  /// `members`: world ranks in the order of the communicator; this process is `members[rank]`. A lane to another host
  /// holds no more than `unsent` bytes back, if that is given.
  basic_tcp(std::shared_ptr<tcp_node const> node, std::uint64_t communicator, std::vector<int> members, int rank,
            opening by = opening::higher_rank, std::size_t unsent = 0)
      : node_(std::move(node)),
        communicator_(communicator),
        members_(std::move(members)),
        rank_(rank),
        by_(by),
        unsent_(unsent),
        lanes_(members_.size() * (by == opening::sender ? 2 : 1)),
        poller_(std::make_unique<poller>()) {
    poller_->reserve(lanes_.size());
  }

  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return static_cast<int>(members_.size()); }

  moved write_some(int peer, const_bytes head, const_bytes body) {
    lane& l = at(peer);
    if (!l.open && !open(peer, l, true)) return {0, l.refused};
    return l.socket.write_some(head, body);
  }
  moved read_some(int peer, bytes head, bytes body) {
    lane& l = incoming(peer);
    if (!l.open && !open(peer, l, false)) return {0, l.refused};
    return l.socket.read_some(head, body);
  }

  void wait(std::span<interest const> wanted, clock::time_point until) {
    if (connecting_ > 0) {
      // Rare: a lane is being opened. Asio runs the connect; slices keep verdicts and other lanes from waiting long.
      io_->restart();
      io_->run_one_until((std::min)(until, clock::now() + std::chrono::milliseconds(1)));
      if (connecting_ == 0) io_.reset();
      return;
    }
    poller_->clear();
    for (interest const& i : wanted) {
      lane const &out = at(i.peer), &in = incoming(i.peer);
      if (&out == &in) {
        if (in.open) poller_->add(in.socket.native(), i.read, i.write);
        continue;
      }
      if (i.read && in.open) poller_->add(in.socket.native(), true, false);
      if (i.write && out.open) poller_->add(out.socket.native(), false, true);
    }
    poller_->sleep(until);
  }

  void wake() noexcept { poller_->ring(); }

  clock::time_point async_wait(net::io_context& io, std::span<interest const> wanted, clock::time_point until,
                               std::shared_ptr<listener> const& whom) {
    if (connecting_ > 0) {  // rare, as in wait(): look again soon
      io_->restart();
      io_->poll();
      if (connecting_ == 0) io_.reset();
      return (std::min)(until, clock::now() + std::chrono::milliseconds(1));
    }
    for (interest const& i : wanted) {
      if (i.read) await(io, incoming(i.peer), net::ip::tcp::socket::wait_read, whom);
      if (i.write) await(io, at(i.peer), net::ip::tcp::socket::wait_write, whom);
    }
    return until;
  }
  void stop_waiting(bool for_good) noexcept {
    for (lane& l : lanes_) {
      if (!l.seen) continue;
      l.seen->cancel(for_good);
      if (for_good) l.seen.reset();
    }
  }

  void close() noexcept {
    stop_waiting(true);
    for (lane& l : lanes_) {
      l.socket.reset();
      l.open = false;
      l.refused = true;
    }
    io_.reset();
    connecting_ = 0;
  }

 private:
  /// A lane as a loop sees it: registered when first waited for, and kept. It borrows the socket, which closes after.
  struct watched {
    watched(net::io_context& io, native_socket s) : socket(io) { socket.assign(net::ip::tcp::v4(), s); }
    watched(watched const&) = delete;
    watched& operator=(watched const&) = delete;
    ~watched() { cancel(true); }
    void cancel(bool for_good) noexcept {
      net_error ignored;
      if (for_good && socket.is_open())
        (void)socket.release(ignored);
      else if (reading || writing)
        socket.cancel(ignored);
    }
    net::ip::tcp::socket socket;
    std::atomic<bool> reading{false};
    std::atomic<bool> writing{false};
  };
  struct lane {
    stream_socket socket;
    std::shared_ptr<watched> seen;  // before the socket closes
    bool open = false;
    bool connecting = false;
    bool refused = false;
  };

  /// At most one wait per lane and direction is under way; one more, if the last has ended.
  static void await(net::io_context& io, lane& l, net::ip::tcp::socket::wait_type direction,
                    std::shared_ptr<listener> const& whom) {
    if (!l.open) return;  // whoever brings it rings
    if (!l.seen) l.seen = std::make_shared<watched>(io, l.socket.native());
    auto& under_way = direction == net::ip::tcp::socket::wait_read ? l.seen->reading : l.seen->writing;
    if (under_way.exchange(true)) return;
    l.seen->socket.async_wait(direction, [one = l.seen, &under_way, whom](net_error) {
      under_way = false;
      whom->ready();
    });
  }

  lane& at(int peer) { return lanes_[static_cast<std::size_t>(peer)]; }
  [[nodiscard]] int world(int peer) const { return members_[static_cast<std::size_t>(peer)]; }

  [[nodiscard]] lane& incoming(int peer) { return by_ == opening::sender ? at(peer + size()) : at(peer); }

  bool open(int peer, lane& l, bool to_send) {
    if (l.refused || l.connecting) return false;
    if (by_ == opening::sender ? to_send : node_->rank > world(peer)) {
      connect(peer);
    } else if (stream_socket arrived = node_->mail->take(communicator_, world(peer))) {
      l.socket = std::move(arrived);
      opened(peer, l);
    }
    return l.open;
  }

  void opened(int peer, lane& l) {
    auto const address = [&](int r) { return node_->peers[static_cast<std::size_t>(r)].address(); };
    if (unsent_ > 0 && address(world(peer)) != address(node_->rank)) l.socket.hold(unsent_);
    l.open = true;
  }

  void connect(int peer) {
    if (!io_) io_ = std::make_shared<net::io_context>(1);
    auto owned = std::make_shared<net::ip::tcp::socket>(*io_);
    auto& connecting = *owned;  // the handler alone owns it: it may not outlive io_
    at(peer).connecting = true;
    ++connecting_;
    connecting.async_connect(node_->peers[static_cast<std::size_t>(world(peer))],
                             [this, peer, socket = std::move(owned)](net_error failed) {
                               lane& l = at(peer);
                               l.connecting = false;
                               --connecting_;
                               if (failed || !introduce(*socket)) {
                                 l.refused = true;
                                 return;
                               }
                               l.socket = stream_socket(socket->release());
                               l.socket.tune();
                               opened(peer, l);
                             });
    io_->restart();
    io_->poll();  // on one host the connect is done by now
    if (connecting_ == 0) io_.reset();
  }

  /// The hello fits the empty send buffer of a new connection, so this does not block.
  bool introduce(net::ip::tcp::socket& socket) const {
    hello h;
    h.kind = connection::lane;
    h.job = node_->job;
    h.run = node_->run;
    h.communicator = communicator_;
    h.rank = static_cast<std::uint32_t>(node_->rank);
    h.size = static_cast<std::uint32_t>(node_->peers.size());
    auto const bytes_out = h.encode();
    net_error failed;
    net::write(socket, net::buffer(bytes_out.data(), bytes_out.size()), failed);
    if (!failed) socket.non_blocking(true, failed);
    return !failed;
  }

  std::shared_ptr<tcp_node const> node_;
  std::uint64_t communicator_;
  std::vector<int> members_;
  int rank_;
  opening by_;
  std::size_t unsent_;
  std::vector<lane> lanes_;         // by peer; if senders open, those to send on and then those to receive on
  std::unique_ptr<poller> poller_;  // at a fixed address: wake() comes from other threads
  std::shared_ptr<net::io_context> io_;
  int connecting_ = 0;
};
using tcp = basic_tcp<>;

}  // namespace tutti::inline TUTTI_ABI::transport
