// SPDX-License-Identifier: BSL-1.0
// The one listening port of a process: strangers get 64 bytes and five seconds to prove that they belong to this job.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/group/control_link.hpp>
#include <tutti/transport/asio.hpp>
#include <tutti/transport/hello.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// Used by the thread that runs its io_context; strangers() from any.
template <class = on_use>
class basic_door {
 public:
  static constexpr std::size_t most_pending = 64;
  static constexpr std::chrono::seconds hello_deadline{5};
  static constexpr std::chrono::milliseconds back_off{200};

  /// `on_hello` gets each connection whose hello has the right magic and job, and says whether it took the socket.
  std::function<bool(transport::hello const&, net::ip::tcp::socket&)> on_hello;

  basic_door(net::io_context& io, net::ip::tcp::acceptor listening, transport::job_key job)
      : io_(io), acceptor_(std::move(listening)), pause_(io), job_(job) {
    keep_from_children(acceptor_.native_handle());
  }
  basic_door(basic_door const&) = delete;
  basic_door& operator=(basic_door const&) = delete;

  void open() { accept(); }
  void close() {
    net_error ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (auto& s : pending_) s->drop();
    pending_.clear();
  }
  [[nodiscard]] net::ip::tcp::endpoint local() const {
    net_error ignored;
    return acceptor_.local_endpoint(ignored);
  }
  /// How many connections were closed because they did not belong here.
  [[nodiscard]] std::size_t strangers() const noexcept { return strangers_.load(std::memory_order_relaxed); }

 private:
  struct stranger {
    explicit stranger(net::ip::tcp::socket s, net::io_context& io) : socket(std::move(s)), patience(io) {}
    void drop() {
      net_error ignored;
      socket.close(ignored);
      patience.cancel();
    }
    net::ip::tcp::socket socket;
    net::steady_timer patience;
    std::array<std::byte, transport::hello::wire_size> said{};
  };

  void accept() {
    acceptor_.async_accept([this](net_error problem, net::ip::tcp::socket s) {
      if (!acceptor_.is_open()) return;
      if (!problem) {
        greet(std::move(s));
        accept();
      } else {  // mostly: no descriptor left. Whoever knocks stays in the kernel's queue meanwhile.
        pause_.expires_after(back_off);
        pause_.async_wait([this](net_error) {
          if (acceptor_.is_open()) accept();
        });
      }
    });
  }

  void greet(net::ip::tcp::socket s) {
    keep_from_children(s.native_handle());
    if (pending_.size() == most_pending) turn_away(pending_.front());  // a rank speaks at once: the oldest is none
    pending_.push_back(std::make_shared<stranger>(std::move(s), io_));
    auto const one = pending_.back();
    one->patience.expires_after(hello_deadline);
    one->patience.async_wait([this, one](net_error problem) {
      if (!problem) turn_away(one);
    });
    net::async_read(one->socket, net::buffer(one->said.data(), one->said.size()),
                    [this, one](net_error problem, std::size_t) {
                      if (!one->socket.is_open()) return;
                      transport::hello h;
                      bool const ours = !problem && transport::hello::decode(one->said, h) && h.job == job_;
                      if (!ours || !on_hello || !on_hello(h, one->socket)) return turn_away(one);
                      one->patience.cancel();
                      std::erase(pending_, one);
                    });
  }
  void turn_away(std::shared_ptr<stranger> one) {
    strangers_.fetch_add(1, std::memory_order_relaxed);
    one->drop();
    std::erase(pending_, one);
  }

  net::io_context& io_;
  net::ip::tcp::acceptor acceptor_;
  net::steady_timer pause_;
  transport::job_key job_;
  std::vector<std::shared_ptr<stranger>> pending_;
  std::atomic<std::size_t> strangers_{0};
};
using door = basic_door<>;

}  // namespace tutti::inline TUTTI_ABI::group
