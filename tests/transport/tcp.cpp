// SPDX-License-Identifier: BSL-1.0
#include <tutti/transport/tcp.hpp>

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include <tutti/transport/any.hpp>

#include "pair_of_streams.hpp"
#include "sockets.hpp"

static_assert(tutti::transport::streams<tutti::transport::tcp>);
static_assert(tutti::transport::asynchronous<tutti::transport::tcp, tutti::net::io_context>);
static_assert(tutti::transport::streams<tutti::transport::any>);
static_assert(tutti::transport::asynchronous<tutti::transport::any, tutti::net::io_context>);

namespace {

namespace tt = tutti::transport;
namespace net = tutti::net;

/// Two nodes without a control thread: the test itself accepts rank 1's connection and puts it into rank 0's mailbox.
struct pair_of_tcp {
  net::io_context io;
  net::ip::tcp::acceptor door{io, {net::ip::address_v4::loopback(), 0}};
  std::shared_ptr<tt::tcp_node> node(int rank) {
    auto n = std::make_shared<tt::tcp_node>();
    n->rank = rank;
    n->peers.assign(2, door.local_endpoint());
    n->job.fill(std::byte{1});
    n->run.fill(std::byte{2});
    n->mail = std::make_shared<tt::mailbox>();
    return n;
  }
  std::shared_ptr<tt::tcp_node> first = node(0);
  std::shared_ptr<tt::tcp_node> second = node(1);
  tt::tcp zero{first, 99, {0, 1}, 0};
  tt::tcp one{second, 99, {0, 1}, 1};

  /// The hello that rank 1 said when it first had something to do with rank 0.
  tt::hello accept() {
    net::ip::tcp::socket s = door.accept();
    std::array<std::byte, tt::hello::wire_size> wire{};
    net::read(s, net::buffer(wire.data(), wire.size()));
    s.non_blocking(true);
    tt::hello h;
    REQUIRE(tt::hello::decode(wire, h));
    first->mail->deliver(h.communicator, static_cast<int>(h.rank), tt::stream_socket(s.release()));
    return h;
  }
  void open() {
    std::byte b{};
    tt::moved m = one.read_some(0, {}, {&b, 1});
    while (!m.lost && one.write_some(0, {}, {&b, 1}).bytes == 0) streams::wait(one, 0, false, true);
    (void)accept();
    streams::read_all(zero, 1, {}, {&b, 1});
  }
};

TEST_CASE_FIXTURE(pair_of_tcp, "tcp: the higher rank connects and says who it is and for which communicator") {
  std::byte b{};
  CHECK(zero.read_some(1, {}, {&b, 1}).bytes == 0);  // the lower one waits for its mail
  CHECK_FALSE(zero.write_some(1, {}, {&b, 1}).lost);
  (void)one.read_some(0, {}, {&b, 1});
  tt::hello const h = accept();
  CHECK(h.kind == tt::connection::lane);
  CHECK(h.version == tutti::wire_version);
  CHECK(h.job == first->job);
  CHECK(h.run == first->run);
  CHECK(h.communicator == 99);
  CHECK(h.rank == 1);
  CHECK(h.size == 2);
  std::byte const sent{7};
  CHECK(zero.write_some(1, {}, {&sent, 1}).bytes == 1);
  streams::read_all(one, 0, {}, {&b, 1});
  CHECK(b == sent);
}

TEST_CASE_FIXTURE(pair_of_tcp, "tcp: streams keep order and lose nothing") {
  open();
  streams::keep_order_and_lose_nothing(zero, one);
}

TEST_CASE_FIXTURE(pair_of_tcp, "tcp: a wait can be ended from another thread") { streams::wake(zero); }

TEST_CASE_FIXTURE(pair_of_tcp, "tcp: the last bytes arrive before the end") {
  open();
  streams::close_after_the_last_byte(zero, one);
}

TEST_CASE_FIXTURE(pair_of_tcp, "tcp: a lane that nobody answers is lost, not waited for") {
  door.close();
  std::byte b{};
  tt::moved m = one.write_some(0, {}, {&b, 1});
  for (int i = 0; i < 1000 && !m.lost; ++i) {
    streams::wait(one, 0, true, true);
    m = one.write_some(0, {}, {&b, 1});
  }
  CHECK(m.lost);
  CHECK(one.read_some(0, {}, {&b, 1}).lost);
}

TEST_CASE_FIXTURE(pair_of_tcp, "tcp: closed, it opens no lane any more") {
  one.close();
  std::byte b{};
  CHECK(one.write_some(0, {}, {&b, 1}).lost);
  CHECK(one.read_some(0, {}, {&b, 1}).lost);
}

}  // namespace
