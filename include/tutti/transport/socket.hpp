// SPDX-License-Identifier: BSL-1.0
// The one platform file of the data path: a connected stream socket that moves two pieces in one system call, and a
// poll that another thread can end.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/transport/asio.hpp>
#include <tutti/transport/transport.hpp>

#if defined(_WIN32)
#include <winsock2.h>
#else
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#endif
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

namespace tutti::inline TUTTI_ABI::transport {

#if defined(_WIN32)
using native_socket = SOCKET;
inline constexpr native_socket no_socket = INVALID_SOCKET;
inline void close_socket(native_socket s) noexcept { ::closesocket(s); }
#else
using native_socket = int;
inline constexpr native_socket no_socket = -1;
inline void close_socket(native_socket s) noexcept { ::close(s); }
#endif

/// Owns a connected, non-blocking stream socket that Asio no longer watches: no reactor runs when bytes arrive.
class stream_socket {
 public:
  stream_socket() = default;
  explicit stream_socket(native_socket owned) : socket_(owned) {}
  stream_socket(stream_socket&& other) noexcept : socket_(std::exchange(other.socket_, no_socket)) {}
  stream_socket& operator=(stream_socket&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }
  ~stream_socket() { reset(); }

  [[nodiscard]] explicit operator bool() const noexcept { return socket_ != no_socket; }
  [[nodiscard]] native_socket native() const noexcept { return socket_; }
  void reset() noexcept {
    if (socket_ != no_socket) close_socket(std::exchange(socket_, no_socket));
  }

  /// No Nagle delay; and where the system allows it, no congestion control that paces by timers: on loopback and in one
  /// rack these cost more than they save.
  void tune() const noexcept {
#if !defined(_WIN32)
    int const on = 1;
    (void)::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#if defined(TCP_CONGESTION)
    if (::setsockopt(socket_, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) != 0)
      (void)::setsockopt(socket_, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
#endif
#else
    BOOL const on = TRUE;
    (void)::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<char const*>(&on), sizeof on);
#endif
  }

  /// Not more than this of what is sent waits in the system, up to a factor of two.
  void hold(std::size_t unsent) const noexcept {
    int const n = static_cast<int>(unsent);
    (void)::setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, reinterpret_cast<char const*>(&n), sizeof n);
  }

  moved write_some(const_bytes head, const_bytes body) const noexcept {
#if defined(_WIN32)
    WSABUF pieces[2] = {piece(head), piece(body)};
    DWORD n = 0;
    if (::WSASend(socket_, pieces, 2, &n, 0, nullptr, nullptr) == 0) return {n, false};
    return {0, ::WSAGetLastError() != WSAEWOULDBLOCK};
#else
    if (head.empty()) return sent(::send(socket_, body.data(), body.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    iovec pieces[2] = {piece(head), piece(body)};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = body.empty() ? 1 : 2;
    return sent(::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
#endif
  }

  moved read_some(bytes head, bytes body) const noexcept {
#if defined(_WIN32)
    WSABUF pieces[2] = {piece(head), piece(body)};
    DWORD n = 0;
    DWORD flags = 0;
    if (::WSARecv(socket_, pieces, 2, &n, &flags, nullptr, nullptr) == 0) return {n, n == 0};
    return {0, ::WSAGetLastError() != WSAEWOULDBLOCK};
#else
    if (head.empty()) return received(::recv(socket_, body.data(), body.size(), MSG_DONTWAIT));
    iovec pieces[2] = {piece(head), piece(body)};
    msghdr message{};
    message.msg_iov = pieces;
    message.msg_iovlen = body.empty() ? 1 : 2;
    return received(::recvmsg(socket_, &message, MSG_DONTWAIT));
#endif
  }

 private:
#if defined(_WIN32)
  template <class Bytes>
  static WSABUF piece(Bytes b) noexcept {
    return {static_cast<ULONG>(b.size()), const_cast<char*>(reinterpret_cast<char const*>(b.data()))};
  }
#else
  template <class Bytes>
  static iovec piece(Bytes b) noexcept {
    return {const_cast<void*>(static_cast<void const*>(b.data())), b.size()};
  }
  // Not inline: a call may go on in another thread after waiting, where errno is elsewhere.
  [[gnu::noinline]] static bool would_block() noexcept {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  }
  static moved sent(ssize_t n) noexcept {
    return n >= 0 ? moved{static_cast<std::size_t>(n), false} : moved{0, !would_block()};
  }
  static moved received(ssize_t n) noexcept {
    return n > 0 ? moved{static_cast<std::size_t>(n), false} : moved{0, n == 0 || !would_block()};
  }
#endif
  native_socket socket_ = no_socket;
};

/// One sleeping place: poll on sockets, and a doorbell that any thread may ring.
template <class Use = on_use>
class basic_poller {
 public:
  basic_poller() {
#if defined(__linux__)
    bell_[0] = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bell_[0] < 0)
      throw error(error_kind::resource, "no descriptor left for a doorbell; raise the limit (ulimit -n)");
#elif !defined(_WIN32)
    if (::pipe(bell_) != 0)
      throw error(error_kind::resource, "no descriptor left for a doorbell; raise the limit (ulimit -n)");
    for (int end : bell_) ::fcntl(end, F_SETFL, O_NONBLOCK);
#endif
  }
  basic_poller(basic_poller const&) = delete;
  basic_poller& operator=(basic_poller const&) = delete;
  ~basic_poller() {
#if !defined(_WIN32)
    for (int end : bell_)
      if (end >= 0) ::close(end);
#endif
  }

  void ring() noexcept {
#if defined(__linux__)
    (void)!::eventfd_write(bell_[0], 1);
#elif !defined(_WIN32)
    (void)!::write(bell_[1], "", 1);
#endif
  }

  /// Room for so many sockets: no more memory is asked for later.
  void reserve(std::size_t most) { sockets_.reserve(most + 1); }
  void clear() noexcept { sockets_.clear(); }
  void add(native_socket s, bool read, bool write) {
    sockets_.push_back({s, static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0)), 0});
  }

  void sleep(clock::time_point until) {
    auto const left = until - clock::now();
    auto const whole = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
    int const ms = left <= clock::duration::zero() ? 0 : static_cast<int>(whole < 60'000 ? whole : 60'000);
#if defined(_WIN32)  // no doorbell here: a short sleep bounds how late a verdict can come
    if (sockets_.empty())
      ::Sleep(static_cast<DWORD>(ms < 10 ? ms : 10));
    else
      (void)::WSAPoll(sockets_.data(), static_cast<ULONG>(sockets_.size()), ms < 10 ? ms : 10);
#else
    add(bell_[0], true, false);
    (void)::poll(sockets_.data(), static_cast<nfds_t>(sockets_.size()), ms);
    if ((sockets_.back().revents & POLLIN) != 0) {
      char rung[64];
      while (::read(bell_[0], rung, sizeof rung) == static_cast<ssize_t>(sizeof rung)) {
      }
    }
#endif
  }

 private:
  std::vector<later<pollfd, Use>> sockets_;
  int bell_[2] = {-1, -1};
};
using poller = basic_poller<>;

}  // namespace tutti::inline TUTTI_ABI::transport
