// SPDX-License-Identifier: BSL-1.0
// What this host allows two processes over one loopback TCP socket, and one core in memory: the floor under every
// allreduce for two ranks. Prints one line of JSON.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness.hpp"

namespace {

/// How one exchange treats its socket. Zero or null leaves the system's default.
struct style {
  char const* congestion = nullptr;
  int buffer = 0;
  std::size_t write = std::size_t{256} << 10U;
  std::size_t read = std::size_t{64} << 10U;
};

constexpr std::size_t whole = ~std::size_t{0};

/// What "best" means: every combination that has won somewhere.
std::vector<std::pair<char const*, style>> const& styles() {
  static std::vector<std::pair<char const*, style>> const all = {
      {"default", {nullptr, 0, whole, whole}},
      {"reno", {"reno", 0, whole, whole}},
      {"reno pieces", {"reno"}},
      {"reno pieces, 64 KiB writes", {"reno", 0, std::size_t{64} << 10U}},
      {"reno pieces, 1 MiB buffers", {"reno", 1 << 20}}};
  return all;
}

void require(bool ok, char const* what) {
  if (!ok) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

/// Two connected, non-blocking ends of a loopback connection.
std::pair<int, int> connect_pair(style const& with) {
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
std::size_t moved(ssize_t result, char const* what) {
  if (result > 0) return static_cast<std::size_t>(result);
  require(result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK), what);
  return 0;
}

/// Sends all of `out` while receiving all of `in`, spinning.
void exchange(int socket, std::vector<char> const& out, std::vector<char>& in, style const& with) {
  std::size_t sent = 0, received = 0;
  while (sent < out.size() || received < in.size()) {
    if (sent < out.size()) {
      auto const piece = (std::min)(with.write, out.size() - sent);
      sent += moved(::send(socket, out.data() + sent, piece, MSG_DONTWAIT | MSG_NOSIGNAL), "send");
    }
    if (received < in.size()) {
      auto const piece = (std::min)(with.read, in.size() - received);
      received += moved(::recv(socket, in.data() + received, piece, MSG_DONTWAIT), "recv");
    }
  }
}

void sleep_until_readable(int socket) {
  pollfd p{socket, POLLIN, 0};
  require(::poll(&p, 1, -1) == 1, "poll");
}

/// Runs `body(socket, first)` here and in a child on the two ends of a new connection.
template <class Body>
void in_two_processes(style const& with, Body body) {
  auto const [mine, other] = connect_pair(with);
  pid_t const parent = ::getpid();
  pid_t const child = ::fork();
  require(child >= 0, "fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(mine);
    if (::getppid() != parent) ::_exit(3);
    try {
      body(other, false);
      ::_exit(0);
    } catch (std::exception const& e) {
      std::fprintf(stderr, "limits: %s\n", e.what());
      ::_exit(3);
    }
  }
  ::close(other);
  body(mine, true);
  ::close(mine);
  int status = 0;
  require(::waitpid(child, &status, 0) == child && status == 0, "child failed");
}

/// One-way microseconds of a 4-byte message, half the median round trip.
double ping(bool spin, int rounds) {
  std::vector<double> times;
  in_two_processes({"reno"}, [&](int socket, bool first) {
    char word[4] = {};
    auto const receive = [&] {
      if (!spin) sleep_until_readable(socket);
      while (moved(::recv(socket, word, 4, MSG_DONTWAIT), "recv") == 0) {
      }
    };
    for (int i = 0; i < rounds; ++i) {
      auto const start = bench::now();
      if (first) moved(::send(socket, word, 4, MSG_NOSIGNAL), "send");
      receive();
      if (first) times.push_back(static_cast<double>(bench::now() - start) / 2e3);
      if (!first) moved(::send(socket, word, 4, MSG_NOSIGNAL), "send");
    }
  });
  return bench::percentile(times, 0.5);
}

/// Microseconds until both sides have `bytes` from the other: median of the calls, which follow each other directly.
double full_duplex(std::size_t bytes, style const& with, double seconds) {
  std::vector<double> times;
  in_two_processes(with, [&](int socket, bool first) {
    std::vector<char> out(bytes, first ? 'a' : 'b'), in(bytes);
    auto const deadline = bench::now() + static_cast<std::int64_t>(seconds * 1e9);
    for (int i = 0;; ++i) {
      out[0] = first && i > 10 && bench::now() > deadline ? 'z' : 'a';
      auto const start = bench::now();
      exchange(socket, out, in, with);
      if (first) times.push_back(static_cast<double>(bench::now() - start) / 1e3);
      if ((first ? out[0] : in[0]) == 'z') break;
    }
    require(bytes < 2 || in[bytes - 1] == (first ? 'b' : 'a'), "wrong data");
  });
  return bench::percentile(times, 0.5);
}

/// Bytes per nanosecond (GB/s) of `pass` over buffers of `bytes`, best of several.
template <class Pass>
double rate(std::size_t bytes, Pass pass) {
  std::int64_t best = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < 7; ++i) {
    auto const start = bench::now();
    pass();
    best = (std::min)(best, bench::now() - start);
  }
  return static_cast<double>(bytes) / static_cast<double>(best);
}

}  // namespace

int main(int argc, char** argv) try {
  double const seconds = argc > 1 ? std::stod(argv[1]) : 0.05;
  std::vector<std::size_t> sizes;
  for (int i = 2; i < argc; ++i) sizes.push_back(std::stoull(argv[i]));
  if (sizes.empty()) sizes = {4, 16U << 10U, 256U << 10U, 4U << 20U};

  std::printf("{\"ping_spin_us\": %.3f, \"ping_block_us\": %.3f, ", ping(true, 5000), ping(false, 1000));
  std::printf("\"exchange\": [");
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    std::size_t best = 0;
    std::vector<double> us;
    for (auto const& [name, with] : styles()) us.push_back(full_duplex(sizes[s], with, seconds));
    for (std::size_t i = 1; i < us.size(); ++i) best = us[i] < us[best] ? i : best;
    std::printf("%s{\"bytes\": %zu, \"default_us\": %.3f, \"best_us\": %.3f, \"best\": \"%s\"}", s == 0 ? "" : ", ",
                sizes[s], us[0], us[best], styles()[best].first);
  }
  std::vector<float> from(16U << 20U, 1.0F), to(16U << 20U, 2.0F);
  auto const bytes = from.size() * sizeof(float);
  double const copy = rate(bytes, [&] { std::memcpy(to.data(), from.data(), bytes); });
  double const sum = rate(bytes, [&] {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  });
  std::printf("], \"memcpy_GBps\": %.2f, \"sum_into_GBps\": %.2f, \"check\": %g}\n", copy, sum,
              static_cast<double>(to[0]));
  return 0;
} catch (std::exception const& e) {
  std::fprintf(stderr, "limits: %s\n", e.what());
  return 1;
}
