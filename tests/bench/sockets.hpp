// SPDX-License-Identifier: BSL-1.0
// Bare loopback connections, and how the limits treat them.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {

inline constexpr std::size_t whole = ~std::size_t{0};

/// Zero or null leaves the system's default.
struct style {
  char const* name;
  char const* congestion = nullptr;
  int buffer = 0;
  std::size_t write = std::size_t{1} << 20U;
  std::size_t read = std::size_t{1} << 20U;
};

/// Every combination that has been the best somewhere.
inline constexpr style styles[] = {{"best", "reno"},
                                   {"default", nullptr, 0, whole, whole},
                                   {"whole", "reno", 0, whole, whole},
                                   {"pieces", "reno", 0, std::size_t{256} << 10U, std::size_t{64} << 10U},
                                   {"big_buffers", "reno", 1 << 20}};

inline void require(bool ok, char const* what) {
  if (!ok) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

/// Two connected ends of a loopback connection.
inline std::pair<int, int> connect_pair(style const& with) {
  int const listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const where = reinterpret_cast<sockaddr*>(&address);
  require(::bind(listener, where, length) == 0 && ::listen(listener, 1) == 0, "listen");
  require(::getsockname(listener, where, &length) == 0, "getsockname");
  int const a = ::socket(AF_INET, SOCK_STREAM, 0);
  require(::connect(a, where, length) == 0, "connect");
  int const b = ::accept(listener, nullptr, nullptr);
  require(b >= 0, "accept");
  ::close(listener);
  for (int const s : {a, b}) {
    int const on = 1;
    ::setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (with.congestion != nullptr) {
      auto const size = static_cast<socklen_t>(std::strlen(with.congestion));
      require(::setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, with.congestion, size) == 0, "TCP_CONGESTION");
    }
    if (with.buffer != 0) {
      ::setsockopt(s, SOL_SOCKET, SO_SNDBUF, &with.buffer, sizeof with.buffer);
      ::setsockopt(s, SOL_SOCKET, SO_RCVBUF, &with.buffer, sizeof with.buffer);
    }
  }
  return {a, b};
}

/// Bytes moved by a call that may have found nothing to do.
inline std::size_t moved(ssize_t result, char const* what) {
  if (result > 0) return static_cast<std::size_t>(result);
  require(result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK), what);
  return 0;
}

}  // namespace bench
