// SPDX-License-Identifier: BSL-1.0
// Rank 0's side of the join: listens at the root until every rank has come, then tells all of them about each other.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if defined(_WIN32)
#include <random>
#else
#include <sys/random.h>
#include <unistd.h>
#endif

#include <tutti/core/on_use.hpp>
#include <tutti/group/address.hpp>
#include <tutti/group/control_link.hpp>
#include <tutti/group/door.hpp>
#include <tutti/group/join_options.hpp>
#include <tutti/plan/settings.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// What the join found out, on any rank.
template <class Use = on_use>
struct basic_gathered {
  std::vector<basic_seat_entry<Use>> seats;  ///< by rank
  transport::job_key run{};
  std::unique_ptr<basic_door<Use>> door;
  std::vector<std::shared_ptr<basic_control_link<Use>>> links;
  machine costs{};  ///< as rank 0 knows it
};

/// What must be said alike on every rank, since all choose alike; as much of it as travels.
template <class = on_use>
[[nodiscard]] std::string wishes_of(join_options const& o) {
  return ("algorithm \"" + o.algorithm + "\", machine \"" + o.machine + "\"").substr(0, control_frame::most_text);
}

/// "0, 2, 3".
template <class = on_use>
[[nodiscard]] std::string list_of(std::vector<int> const& ranks) {
  std::string text;
  for (int r : ranks) text += (text.empty() ? "" : ", ") + std::to_string(r);
  return text;
}

template <class Use = on_use>
class basic_gathering {
  using gathered = basic_gathered<Use>;
  using door = basic_door<Use>;
  using control_link = basic_control_link<Use>;
  using control_frame = basic_control_frame<Use>;

 public:
  basic_gathering(net::io_context& io, join_options const& o, clock::time_point deadline)
      : io_(io), options_(o), deadline_(deadline), seats_(static_cast<std::size_t>(o.size)) {}

  /// Blocks until all are there. At the deadline (the earliest of all ranks) throws timeout, here and on every rank
  /// that is present, with a list of who is and who is not.
  [[nodiscard]] gathered run() {
    auto listening = open_port();
    host_ = host_identity();
    auto entrance = std::make_unique<door>(io_, std::move(listening), key_of(options_.job));
    entrance->on_hello = [this](transport::hello const& h, net::ip::tcp::socket& s) { return welcome(h, s); };
    entrance->open();
    while (!complete()) {
      if (clock::now() >= deadline_) give_up();
      io_.restart();
      (void)io_.run_one_until(deadline_);
    }
    for (auto& l : refused_) l->close();
    return begin(std::move(entrance));
  }

 private:
  struct guest {
    std::shared_ptr<control_link> link;
    std::uint16_t port = 0;
    bool present = false;
    std::uint64_t host = 0;
  };

  [[nodiscard]] net::ip::tcp::acceptor open_port() {
    if (options_.listener != transport::no_socket) {
      sockaddr_storage name{};
      auto length = static_cast<socklen_t>(sizeof name);
      bool const known = ::getsockname(options_.listener, reinterpret_cast<sockaddr*>(&name), &length) == 0;
      net::ip::tcp::acceptor a(io_);
      net_error problem;
      a.assign(known && name.ss_family == AF_INET6 ? net::ip::tcp::v6() : net::ip::tcp::v4(), options_.listener,
               problem);
      if (!known || problem) throw error(error_kind::config, "the inherited listener is no listening TCP socket");
      check_trust({a.local_endpoint()}, options_);
      return a;
    }
    auto const at = resolve(io_, parse_root(options_.root), deadline_);
    check_trust(at, options_);
    return listen_at(io_, at.front());
  }

  [[nodiscard]] bool complete() const {
    for (std::size_t k = 1; k < seats_.size(); ++k)
      if (!seats_[k].present) return false;
    return true;
  }

  bool welcome(transport::hello const& h, net::ip::tcp::socket& s) {
    if (h.kind != transport::connection::control) return false;
    auto const link = std::make_shared<control_link>(std::move(s));
    if (std::string const why = objection(h); !why.empty()) {
      refuse(link, why + " (it came from " + text_of(link->remote()) + ")");
    } else {
      guest& g = seats_[h.rank];
      g = {link, h.port, false, 0};
      link->on_frame = [this, &g](control_frame const& f) {
        if (f.what != message::present || g.present) return;
        if (f.text != wishes_of(options_)) return turn_away(*g.link, f.text);
        g.present = true;
        g.host = f.token;
        deadline_ = (std::min)(deadline_, clock::now() + f.elapsed);
      };
      link->on_end = [&g] { g = {}; };  // the seat is free again
    }
    link->start();
    return true;
  }

  /// Why it cannot come in; empty if it can.
  [[nodiscard]] std::string objection(transport::hello const& h) const {
    std::string const who = "rank " + std::to_string(h.rank);
    if (h.version != wire_version)
      return who + " speaks version " + std::to_string(h.version) + " of the wire format, but rank 0 speaks version " +
             std::to_string(wire_version) + ": start all ranks with the same tutti";
    if (h.size != static_cast<std::uint32_t>(options_.size))
      return who + " says the world has " + std::to_string(h.size) + " ranks, but rank 0 says " +
             std::to_string(options_.size) + ": start all ranks with the same size";
    if (h.rank >= h.size)
      return who + " is not between 0 and " + std::to_string(options_.size - 1) + ", the ranks of this world";
    if (h.rank == 0) return "two processes claim to be rank 0: the first one listens here";
    if (seats_[h.rank].link)
      return "two processes claim to be " + who + ": the first one came from " + text_of(seats_[h.rank].link->remote());
    return {};
  }

  /// The refused rank is heard first, so that its unread bytes do not cut off what it is told.
  void refuse(std::shared_ptr<control_link> const& link, std::string const& why) {
    std::fprintf(stderr, "tutti: refused: %s\n", why.c_str());
    link->on_frame = [link = link.get(), why](control_frame const&) {
      control_frame f;
      f.what = message::refuse;
      f.kind = error_kind::config;
      f.text = why;
      link->send(f);
      link->finish();
    };
    if (refused_.size() == door::most_pending) {
      refused_.front()->close();
      refused_.erase(refused_.begin());
    }
    refused_.push_back(link);
  }

  void turn_away(control_link& link, std::string const& wishes) const {
    control_frame f;
    f.what = message::refuse;
    f.kind = error_kind::config;
    f.text = "this rank was started with " + wishes + ", but rank 0 with " + wishes_of(options_) +
             ": start all ranks with the same TUTTI_ALGORITHM and TUTTI_MACHINE";
    f.text.resize((std::min)(f.text.size(), control_frame::most_text));
    std::fprintf(stderr, "tutti: refused: %s (it came from %s)\n", f.text.c_str(), text_of(link.remote()).c_str());
    link.send(f);
    link.finish();
  }

  /// What is known before anything is measured. Who has an address of its own has a wire of its own, and so is a host,
  /// with its share of the cores if several addresses are on one machine.
  [[nodiscard]] machine costs(std::vector<seat_entry> const& all) const {
    std::ptrdiff_t at_address = 1, on_machine = 1;
    for (auto const& seat : all) {
      auto const most = [&](std::ptrdiff_t so_far, auto same) {
        return (std::max)(so_far, std::count_if(all.begin(), all.end(), same));
      };
      at_address = most(at_address, [&](auto const& s) { return s.where.address() == seat.where.address(); });
      on_machine = most(on_machine, [&](auto const& s) { return s.host == seat.host; });
    }
    machine here;
    here.per_host = static_cast<double>(at_address);
    here.cores = (std::max)(1U, std::thread::hardware_concurrency());
    here.cores *= (std::min)(1.0, here.per_host / static_cast<double>(on_machine));
    return plan::parse_machine(options_.machine, here);
  }

  [[noreturn]] void give_up() {
    std::vector<int> present{0};
    std::vector<int> missing;
    for (std::size_t k = 1; k < seats_.size(); ++k)
      (seats_[k].present ? present : missing).push_back(static_cast<int>(k));
    std::string const why = "only " + std::to_string(present.size()) + " of " + std::to_string(options_.size) +
                            " ranks joined in time: present " + list_of(present) + "; missing " + list_of(missing);
    control_frame f;
    f.what = message::refuse;
    f.kind = error_kind::timeout;
    f.rank = missing.empty() ? -1 : missing.front();
    f.text = why;
    for (auto& s : seats_)
      if (s.link) {
        s.link->send(f);
        s.link->finish();
        s.link->close();
      }
    throw error(failure{error_kind::timeout, f.rank, "join", why});
  }

  [[nodiscard]] gathered begin(std::unique_ptr<door> entrance) {
    gathered g;
    g.run = random_key();
    g.seats = addresses(entrance->local());
    g.links.resize(seats_.size());
    std::vector<control_frame> table;
    constexpr std::size_t per_frame = control_frame::most_text / seat_entry::wire_size;
    for (std::size_t k = 0; k < g.seats.size(); ++k) {
      if (k % per_frame == 0) {
        table.emplace_back();
        table.back().what = message::seats;
        table.back().rank = static_cast<int>(k);
      }
      g.seats[k].append_to(table.back().text);
    }
    table.emplace_back();
    table.back().what = message::begin;
    table.back().key = g.run;
    g.costs = costs(g.seats);
    table.back().text = plan::to_text(g.costs);
    for (std::size_t k = 1; k < seats_.size(); ++k) {
      g.links[k] = seats_[k].link;
      for (auto const& f : table) g.links[k]->send(f);
    }
    g.door = std::move(entrance);
    return g;
  }

  /// Every rank where its connection came from. One that came over loopback while others did not is where rank 0 is, as
  /// the others know it.
  [[nodiscard]] std::vector<seat_entry> addresses(endpoint const& own) const {
    std::vector<seat_entry> all(seats_.size());
    net::ip::address outside;  // unspecified: none
    net::ip::address mine = plain(own.address());
    for (std::size_t k = 1; k < seats_.size(); ++k) {
      all[k] = {endpoint(plain(seats_[k].link->remote().address()), seats_[k].port), seats_[k].host};
      auto const reached = plain(seats_[k].link->local().address());
      if (!all[k].where.address().is_loopback()) outside = reached;
      if (mine.is_unspecified()) mine = reached;
    }
    if (!outside.is_unspecified()) mine = outside;
    all[0] = {endpoint(mine, own.port()), host_};
    for (auto& e : all)
      if (!outside.is_unspecified() && e.where.address().is_loopback()) e.where.address(outside);
    return all;
  }

  [[nodiscard]] static transport::job_key random_key() {
    transport::job_key key{};
#if defined(_WIN32)
    std::random_device source;
    for (auto& b : key) b = static_cast<std::byte>(source() & 0xffU);
#else  // <random> would be a tenth of what all of Asio costs to include
    if (::getentropy(key.data(), key.size()) != 0)
      throw error(error_kind::resource, "the system has no random numbers");
#endif
    return key;
  }

  net::io_context& io_;
  join_options const& options_;
  clock::time_point deadline_;
  std::vector<guest> seats_;
  std::vector<std::shared_ptr<control_link>> refused_;
  std::uint64_t host_ = 0;
};
using gathering = basic_gathering<>;

}  // namespace tutti::inline TUTTI_ABI::group
