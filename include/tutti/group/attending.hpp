// SPDX-License-Identifier: BSL-1.0
// The other ranks' side of the join: find rank 0, say who we are, wait to be told who the others are.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/group/address.hpp>
#include <tutti/group/control_link.hpp>
#include <tutti/group/door.hpp>
#include <tutti/group/gathering.hpp>
#include <tutti/group/join_options.hpp>

namespace tutti::inline TUTTI_ABI::group {

template <class Use = on_use>
class basic_attending {
  using gathered = basic_gathered<Use>;
  using door = basic_door<Use>;
  using control_link = basic_control_link<Use>;
  using control_frame = basic_control_frame<Use>;

 public:
  basic_attending(net::io_context& io, join_options const& o, clock::time_point deadline)
      : io_(io), options_(o), deadline_(deadline), root_(parse_root(o.root)) {}

  /// Blocks until rank 0 says that all are there. Throws what rank 0 says if it refuses; timeout, naming the link, if
  /// it cannot be reached until the deadline.
  [[nodiscard]] gathered run() {
    auto const candidates = resolve(io_, root_, deadline_);
    check_trust(candidates, options_);
    for (auto pause = std::chrono::milliseconds(10);; pause = (std::min)(2 * pause, std::chrono::milliseconds(500))) {
      for (auto const& at : candidates)
        if (gathered found = attempt(at); found.door) return found;
      auto const until = (std::min)(clock::now() + pause, deadline_);
      io_.restart();
      net::steady_timer nap(io_, until);
      nap.async_wait([](net_error) {});
      (void)io_.run_until(until);
      if (clock::now() >= deadline_) give_up();
    }
  }

 private:
  [[noreturn]] void give_up() const {
    throw error(failure{error_kind::timeout, 0, "join",
                        "link rank " + std::to_string(options_.rank) + " -> rank 0 at " + root_.text() + ": " +
                            trouble_ + " (tried for " + in_seconds(options_.timeout) + ")"});
  }

  [[nodiscard]] gathered attempt(endpoint const& at) {
    net::ip::tcp::socket s(io_);
    bool ended = false;
    net_error result;
    s.async_connect(at, [&](net_error e) { result = e, ended = true; });
    drive(deadline_, [&] { return ended; });
    if (!ended) {
      net_error ignored;
      s.close(ignored);
      drive(clock::now() + std::chrono::seconds(1), [&] { return ended; });
      result = net_error(net::error::timed_out);
    }
    if (result) {
      trouble_ = text_of(result);
      return {};
    }
    if (s.local_endpoint() == s.remote_endpoint()) {  // an ephemeral port may meet itself
      trouble_ = "connection refused";
      return {};
    }
    return talk(std::move(s));
  }

  [[nodiscard]] gathered talk(net::ip::tcp::socket s) {
    // Where rank 0 was reached from, there others reach us. Over loopback to a world that also has other hosts, they
    // come to this host's other addresses; such a world is a trusted network.
    auto address = s.local_endpoint().address();
    bool const wide = plain(address).is_loopback() && options_.trusted_network;
    if (wide)
      address =
          address.is_v4() ? net::ip::address(net::ip::address_v4::any()) : net::ip::address(net::ip::address_v6::any());
    gathered g;
    g.door = std::make_unique<door>(io_, listen_at(io_, endpoint(address, 0)), key_of(options_.job));
    transport::hello h;
    h.job = key_of(options_.job);
    h.rank = static_cast<std::uint32_t>(options_.rank);
    h.size = static_cast<std::uint32_t>(options_.size);
    h.port = g.door->local().port();
    auto const first = h.encode();
    net_error problem;
    net::write(s, net::buffer(first.data(), first.size()), problem);
    auto const link = std::make_shared<control_link>(std::move(s));
    bool begun = false;
    bool refused = false;
    control_frame refusal;
    link->on_frame = [&](control_frame const& f) {
      if (f.what == message::refuse) refusal = f, refused = true;
      if (f.what == message::begin) g.run = f.key;
      if (f.what == message::begin) g.costs = plan::parse_machine(f.text);
      if (f.what == message::begin) begun = true;
      if (f.what == message::seats)
        for (std::size_t at = 0; at + seat_entry::wire_size <= f.text.size(); at += seat_entry::wire_size)
          g.seats.push_back(seat_entry::read(f.text, at));
    };
    control_frame present;
    present.what = message::present;
    present.token = host_identity();
    present.text = wishes_of(options_);
    present.elapsed = (std::max)(deadline_ - clock::now(), clock::duration::zero());
    link->send(present);
    link->start();
    // Rank 0 keeps to the earliest deadline of all and then says who is missing; a little patience for that.
    drive(deadline_ + std::chrono::milliseconds(500), [&] { return begun || refused || !link->open(); });
    if (begun && g.seats.size() == static_cast<std::size_t>(options_.size)) {
      link->on_frame = nullptr;
      g.seats[0].where = link->remote();  // where it was reached, whatever it calls itself
      g.links.push_back(link);
      g.door->open();
      return g;
    }
    link->on_frame = nullptr;
    bool const ended = !link->open();
    link->close();
    g.door->close();
    if (refused) throw error(failure{refusal.kind, refusal.rank, "join", refusal.text});
    trouble_ = ended ? "rank 0 closed the connection (it ended, or belongs to another job)"
                     : "connected, but rank 0 did not answer";
    return {};
  }

  /// Runs what is ready until `done` or `until`.
  template <class Done>
  void drive(clock::time_point until, Done done) {
    while (!done() && clock::now() < until) {
      io_.restart();
      (void)io_.run_one_until(until);
    }
  }

  net::io_context& io_;
  join_options const& options_;
  clock::time_point deadline_;
  root_address root_;
  std::string trouble_ = "no answer";
};
using attending = basic_attending<>;

}  // namespace tutti::inline TUTTI_ABI::group
