// SPDX-License-Identifier: BSL-1.0
// A kv_store that one process holds in memory and serves to the others over TCP.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <tutti/collective/broadcast.hpp>
#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/kv_store.hpp>
#include <tutti/group/address.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/group/join_options.hpp>
#include <tutti/group/threads.hpp>
#include <tutti/transport/asio.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

enum class store_call : std::uint8_t { set, get, wait, add, cas, cas_absent };
enum class store_answer : std::uint8_t { nothing, value, refused };

/// In front of every request, little-endian: call u8, 3 zero bytes, key u32, expected u32, value u32 (lengths), number
/// i64 (what to add; or how many milliseconds to wait). Then key, expected, value. In front of every answer: the same
/// with only `value` and `number`.
struct store_frame {
  static constexpr std::size_t wire_size = 24;
  static constexpr std::uint32_t longest = std::uint32_t{256} << 20U;  ///< of key, expected and value together

  std::uint8_t what = 0;
  std::uint32_t key = 0, expected = 0, value = 0;
  std::int64_t number = 0;

  [[nodiscard]] std::uint64_t body() const noexcept { return std::uint64_t{key} + expected + value; }
  [[nodiscard]] std::string encode() const {
    std::array<std::byte, wire_size> w{};
    w[0] = static_cast<std::byte>(what);
    store_little(w.data() + 4, key);
    store_little(w.data() + 8, expected);
    store_little(w.data() + 12, value);
    store_little(w.data() + 16, static_cast<std::uint64_t>(number));
    return {reinterpret_cast<char const*>(w.data()), w.size()};
  }
  [[nodiscard]] static store_frame decode(std::array<std::byte, wire_size> const& w) noexcept {
    return {std::to_integer<std::uint8_t>(w[0]), load_little<std::uint32_t>(w.data() + 4),
            load_little<std::uint32_t>(w.data() + 8), load_little<std::uint32_t>(w.data() + 12),
            static_cast<std::int64_t>(load_little<std::uint64_t>(w.data() + 16))};
  }
};

}  // namespace detail

/// Holds the values, and answers from one thread of its own until it is destroyed. A client that does not begin with
/// the secret is closed unheard.
template <class = on_use>
class basic_tcp_store_server {
 public:
  /// `at`: "host:port" to listen at; port 0: a free one. The network must be trusted unless that is loopback.
  explicit basic_tcp_store_server(std::string const& at = "127.0.0.1:0", bool trusted_network = false)
      : listener_(io_), pause_(io_) {
    std::size_t const colon = at.rfind(':');
    net_error problem;
    auto const host = net::ip::make_address(at.substr(0, colon), problem);
    if (problem || colon == at.npos || at.find_first_not_of("0123456789", colon + 1) != at.npos ||
        at.size() - colon > 6)
      throw error(error_kind::config,
                  "the store cannot listen at \"" + at + "\": give an address and a port, like 10.0.0.4:0");
    if (!host.is_loopback() && !trusted_network)
      throw error(error_kind::config, "the store would listen at " + at +
                                          ", and nothing that is sent would be encrypted: set trusted_network if you "
                                          "trust everyone on that network");
    listener_ = group::listen_at(io_, {host, static_cast<unsigned short>(std::stoul("0" + at.substr(colon + 1)))});
    std::random_device random;
    for (int i = 0; i < 32; ++i) secret_ += "0123456789abcdef"[random() % 16];
    accept();
    thread_ = group::start_thread([this] { io_.run(); });
  }
  basic_tcp_store_server(basic_tcp_store_server const&) = delete;
  basic_tcp_store_server& operator=(basic_tcp_store_server const&) = delete;
  ~basic_tcp_store_server() {
    io_.stop();
    thread_.join();
  }

  [[nodiscard]] std::string address() const { return group::text_of(listener_.local_endpoint()); }
  /// 32 characters that its clients must know.
  [[nodiscard]] std::string const& secret() const noexcept { return secret_; }

 private:
  struct session : std::enable_shared_from_this<session> {
    basic_tcp_store_server& server;
    net::ip::tcp::socket socket;
    net::steady_timer patience;
    std::array<char, 32> secret{};
    std::array<std::byte, detail::store_frame::wire_size> head{};
    std::string body, answer;
    std::string awaited;  // the key of a wait() that has not been answered
    bool waits = false;

    session(basic_tcp_store_server& s, net::ip::tcp::socket connected)
        : server(s), socket(std::move(connected)), patience(s.io_) {}

    void begin() {
      net_error ignored;
      socket.set_option(net::ip::tcp::no_delay(true), ignored);
      net::async_read(socket, net::buffer(secret), [self = this->shared_from_this()](net_error problem, std::size_t) {
        if (!problem && std::string_view(self->secret.data(), self->secret.size()) == self->server.secret_)
          self->next();
      });
    }
    void next() {
      net::async_read(socket, net::buffer(head), [self = this->shared_from_this()](net_error problem, std::size_t) {
        if (problem) return;
        auto const frame = detail::store_frame::decode(self->head);
        if (frame.body() > detail::store_frame::longest) return;
        self->body.resize(static_cast<std::size_t>(frame.body()));
        net::async_read(self->socket, net::buffer(self->body), [self, frame](net_error failed, std::size_t) {
          if (!failed) self->serve(frame);
        });
      });
    }
    void serve(detail::store_frame const& frame) {
      std::string_view const key = std::string_view(body).substr(0, frame.key);
      std::string_view const expected = std::string_view(body).substr(frame.key, frame.expected);
      std::string_view const value = std::string_view(body).substr(frame.key + frame.expected);
      try {
        switch (static_cast<detail::store_call>(frame.what)) {
          case detail::store_call::set:
            server.values_.set(key, value);
            reply(detail::store_answer::value);
            return server.notice(key);
          case detail::store_call::get:
            return reply_with(server.values_.get(key));
          case detail::store_call::wait:
            if (auto found = server.values_.get(key)) return reply_with(std::move(found));
            return park(std::string(key), frame.number);
          case detail::store_call::add:
            reply(detail::store_answer::value, server.values_.add(key, frame.number));
            return server.notice(key);
          case detail::store_call::cas:
          case detail::store_call::cas_absent: {
            bool const absent = static_cast<detail::store_call>(frame.what) == detail::store_call::cas_absent;
            bool const done = server.values_.cas(key, absent ? std::nullopt : std::optional(expected), value);
            reply(detail::store_answer::value, done ? 1 : 0);
            return done ? server.notice(key) : void();
          }
        }
      } catch (std::exception const& problem) {
        reply(detail::store_answer::refused, 0, problem.what());
      }
    }
    void park(std::string key, std::int64_t milliseconds) {
      waits = true;
      awaited = std::move(key);
      server.parked_.push_back(this->weak_from_this());
      patience.expires_after(std::chrono::milliseconds(milliseconds));
      patience.async_wait([self = this->shared_from_this()](net_error) {
        if (std::exchange(self->waits, false)) self->reply(detail::store_answer::nothing);
      });
    }
    void reply_with(std::optional<std::string> found) {
      if (found)
        reply(detail::store_answer::value, 0, *found);
      else
        reply(detail::store_answer::nothing);
    }
    void reply(detail::store_answer how, std::int64_t number = 0, std::string_view value = {}) {
      answer =
          detail::store_frame{static_cast<std::uint8_t>(how), 0, 0, static_cast<std::uint32_t>(value.size()), number}
              .encode();
      answer.append(value);
      net::async_write(socket, net::buffer(answer), [self = this->shared_from_this()](net_error problem, std::size_t) {
        if (!problem) self->next();
      });
    }
  };

  void accept() {
    listener_.async_accept([this](net_error problem, net::ip::tcp::socket connected) {
      if (!problem) {
        std::make_shared<session>(*this, std::move(connected))->begin();
        return accept();
      }
      pause_.expires_after(std::chrono::milliseconds(50));  // no descriptor left: one may become free
      pause_.async_wait([this](net_error) { accept(); });
    });
  }
  /// Answers those who wait for `key`.
  void notice(std::string_view key) {
    std::vector<std::weak_ptr<session>> still;
    for (auto const& parked : std::exchange(parked_, {})) {
      auto const s = parked.lock();
      if (!s || !s->waits) continue;
      if (s->awaited != key) {
        still.push_back(parked);
        continue;
      }
      s->waits = false;
      s->patience.cancel();
      s->reply_with(values_.get(key));
    }
    parked_.insert(parked_.end(), still.begin(), still.end());
  }

  net::io_context io_;
  net::ip::tcp::acceptor listener_;
  net::steady_timer pause_;
  std::string secret_;
  memory_store values_;
  std::vector<std::weak_ptr<session>> parked_;
  std::thread thread_;
};
using tcp_store_server = basic_tcp_store_server<>;

/// Beside the communicator of `serve_store`.
struct serve_options {
  std::string listen = "127.0.0.1:0";  ///< where rank 0 listens; a world of several hosts needs an address they reach
  bool trusted_network = false;        ///< needed unless that is loopback: nothing is encrypted
};

/// A client of a `tcp_store_server`. One thread at a time.
template <class = on_use>
class basic_tcp_store {
 public:
  basic_tcp_store(std::string const& address, std::string const& secret)
      : io_(std::make_unique<net::io_context>()), socket_(*io_) {
    auto const where = group::parse_root(address);
    auto const deadline = clock::now() + std::chrono::seconds(10);
    net_error problem;
    net::connect(socket_, group::resolve(*io_, where, deadline), problem);
    if (!problem) socket_.set_option(net::ip::tcp::no_delay(true), problem);
    if (!problem) net::write(socket_, net::buffer(secret), problem);
    if (problem) throw error(error_kind::config, "no store answers at " + address + ": " + group::text_of(problem));
  }

  void set(std::string_view key, std::string_view value) { (void)ask(detail::store_call::set, key, {}, value); }
  [[nodiscard]] std::optional<std::string> get(std::string_view key) { return ask(detail::store_call::get, key).text; }
  [[nodiscard]] std::string wait(std::string_view key, std::chrono::nanoseconds timeout) {
    auto const patience = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    auto found = ask(detail::store_call::wait, key, {}, {}, patience).text;
    if (!found) detail::throw_not_there(key, timeout);
    return *std::move(found);
  }
  std::int64_t add(std::string_view key, std::int64_t n) { return ask(detail::store_call::add, key, {}, {}, n).number; }
  bool cas(std::string_view key, std::optional<std::string_view> expected, std::string_view value) {
    return ask(expected ? detail::store_call::cas : detail::store_call::cas_absent, key, expected.value_or(""), value)
               .number != 0;
  }

  /// Keeps the server for as long as this client lives.
  void keep(std::shared_ptr<tcp_store_server> server) { server_ = std::move(server); }

 private:
  struct reply {
    std::int64_t number = 0;
    std::optional<std::string> text;
  };

  reply ask(detail::store_call what, std::string_view key, std::string_view expected = {}, std::string_view value = {},
            std::int64_t number = 0) {
    if (key.size() + expected.size() + value.size() > detail::store_frame::longest)
      throw error(error_kind::config, "a key and its value in a tcp_store have at most 256 MiB together");
    std::string request = detail::store_frame{static_cast<std::uint8_t>(what), static_cast<std::uint32_t>(key.size()),
                                              static_cast<std::uint32_t>(expected.size()),
                                              static_cast<std::uint32_t>(value.size()), number}
                              .encode();
    request.append(key).append(expected).append(value);
    net_error problem;
    net::write(socket_, net::buffer(request), problem);
    std::array<std::byte, detail::store_frame::wire_size> head{};
    if (!problem) net::read(socket_, net::buffer(head), problem);
    auto const frame = detail::store_frame::decode(head);
    std::string text;
    if (!problem && frame.body() <= detail::store_frame::longest) {
      text.resize(static_cast<std::size_t>(frame.body()));
      net::read(socket_, net::buffer(text), problem);
    }
    if (problem)
      throw error(error_kind::peer_lost, "the store does not answer any more (" + group::text_of(problem) +
                                             "): its server has ended, or does not know our secret");
    auto const how = static_cast<detail::store_answer>(frame.what);
    if (how == detail::store_answer::refused) throw error(error_kind::config, text);
    if (how == detail::store_answer::nothing) return {};
    return {frame.number, std::move(text)};
  }

  std::shared_ptr<tcp_store_server> server_;
  std::unique_ptr<net::io_context> io_;
  net::ip::tcp::socket socket_;
};
using tcp_store = basic_tcp_store<>;
static_assert(kv_store<tcp_store>);

/// Collective. A store for all ranks, held by rank 0 in memory for as long as its own client lives.
template <transport::streams S>
[[nodiscard]] tcp_store serve_store(basic_communicator<S>& comm, serve_options how = {}) {
  std::shared_ptr<tcp_store_server> server;
  std::string where, problem;
  if (comm.rank() == 0) {
    try {
      if (comm.host_size() != comm.size() && how.listen.rfind("127.", 0) == 0)
        throw error(error_kind::config,
                    "this world spans hosts, and its store would listen on loopback only: give "
                    "listen an address of rank 0 that the others reach");
      server = std::make_shared<tcp_store_server>(how.listen, how.trusted_network);
      where = server->secret() + server->address();
    } catch (error const& refused) {
      problem = refused.what();
    }
  }
  std::vector<std::string> said{where, problem};
  tutti::TUTTI_ABI::broadcast(comm, said);
  if (!said[1].empty()) throw error(error_kind::config, said[1]);
  tcp_store client(said[0].substr(32), said[0].substr(0, 32));
  client.keep(std::move(server));
  return client;
}

}  // namespace tutti::inline TUTTI_ABI
