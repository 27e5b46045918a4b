// SPDX-License-Identifier: BSL-1.0
// Two connected sockets on loopback.
#pragma once

#include <tutti/transport/asio.hpp>
#include <tutti/transport/socket.hpp>

#include <chrono>
#include <utility>

namespace sockets {

inline std::pair<tutti::transport::stream_socket, tutti::transport::stream_socket> connected() {
  namespace net = tutti::net;
  net::io_context io;
  net::ip::tcp::acceptor door(io, {net::ip::address_v4::loopback(), 0});
  net::ip::tcp::socket a(io);
  a.connect(door.local_endpoint());
  net::ip::tcp::socket b = door.accept();
  a.non_blocking(true);
  b.non_blocking(true);
  return {tutti::transport::stream_socket(a.release()), tutti::transport::stream_socket(b.release())};
}

inline void readable(tutti::transport::stream_socket const& s) {
  tutti::transport::poller p;
  p.add(s.native(), true, false);
  p.sleep(tutti::clock::now() + std::chrono::seconds(20));
}

}  // namespace sockets
