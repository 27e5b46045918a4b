// SPDX-License-Identifier: BSL-1.0
#include <tutti/transport/socket.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <thread>
#include <utility>

#include "pair_of_streams.hpp"
#include "sockets.hpp"

namespace {

namespace tt = tutti::transport;

TEST_CASE("socket: head and body leave in one call and arrive in one, the head first") {
  auto [a, b] = sockets::connected();
  std::array<std::byte, 4> const head{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  std::array<std::byte, 3> const body{std::byte{5}, std::byte{6}, std::byte{7}};
  CHECK(a.write_some(head, body).bytes == 7);
  std::array<std::byte, 5> first{};
  std::array<std::byte, 9> second{};
  sockets::readable(b);
  CHECK(b.read_some(first, second).bytes == 7);
  CHECK(first == std::array<std::byte, 5>{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}});
  CHECK(second[0] == std::byte{6});
  CHECK(second[1] == std::byte{7});
  CHECK(a.write_some(head, {}).bytes == 4);
  CHECK(a.write_some({}, body).bytes == 3);
}

TEST_CASE("socket: nothing there and no room left are no loss, and do not block") {
  auto [a, b] = sockets::connected();
  std::array<std::byte, 8> room{};
  CHECK(b.read_some({}, room).bytes == 0);
  CHECK_FALSE(b.read_some(room, {}).lost);
  std::vector<std::byte> const much(std::size_t{1} << 20U);
  tt::moved m{1, false};
  for (int i = 0; i < 1000 && m.bytes > 0; ++i) m = a.write_some({}, much);
  CHECK(m.bytes == 0);
  CHECK_FALSE(m.lost);
}

TEST_CASE(
    "socket: when the other side has closed, reading and in the end writing are lost; no signal ends the process") {
  auto [a, b] = sockets::connected();
  b.reset();
  CHECK_FALSE(b);
  std::byte one{};
  sockets::readable(a);
  CHECK(a.read_some({}, {&one, 1}).lost);
  bool lost = false;
  for (int i = 0; i < 1000 && !lost; ++i) lost = a.write_some({}, {&one, 1}).lost;
  CHECK(lost);
}

TEST_CASE("socket: one that may hold back little takes less than one that holds what the system likes") {
  std::vector<std::byte> const much(std::size_t{1} << 20U);
  auto const taken_unread = [&](std::size_t unsent) {
    auto [a, b] = sockets::connected();
    if (unsent > 0) a.hold(unsent);
    std::size_t taken = 0;
    for (tt::moved m{1, false}; m.bytes > 0; taken += m.bytes) m = a.write_some({}, much);
    return taken;
  };
  CHECK(taken_unread(65536) < taken_unread(0) / 2);
}

TEST_CASE("socket: moved from, it owns nothing") {
  auto [a, b] = sockets::connected();
  tt::stream_socket c = std::move(a);
  CHECK(c);
  std::byte const one{9};
  CHECK(c.write_some({}, {&one, 1}).bytes == 1);
  std::byte got{};
  sockets::readable(b);
  CHECK(b.read_some({}, {&got, 1}).bytes == 1);
  CHECK(got == one);
}

TEST_CASE("socket: a poller wakes for bytes, for its bell, and at its time") {
  auto [a, b] = sockets::connected();
  tt::poller p;
  std::byte const one{9};
  CHECK(a.write_some({}, {&one, 1}).bytes == 1);
  p.add(b.native(), true, false);
  p.sleep(streams::soon());
  p.clear();
  p.ring();
  p.ring();
  p.sleep(streams::soon());
  p.clear();
  std::thread other([&] { p.ring(); });
  p.sleep(streams::soon());
  other.join();
  p.clear();
  auto const until = tutti::clock::now() + std::chrono::milliseconds(5);
  p.sleep(until);
  CHECK(tutti::clock::now() >= until);
}

}  // namespace
