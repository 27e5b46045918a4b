// SPDX-License-Identifier: BSL-1.0
// What this host allows two processes over one loopback TCP socket, and one core in memory. Prints one line of JSON.
// What the bytes of a whole call need is in raw.cpp.

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <stdexcept>
#include <vector>

#include "harness.hpp"
#include "sockets.hpp"

namespace {

void sleep_until_readable(int socket) {
  pollfd p{socket, POLLIN, 0};
  bench::require(::poll(&p, 1, -1) == 1, "poll");
}

/// Runs `body(socket, first)` here and in a child on the two ends of a new connection.
template <class Body>
void in_two_processes(bench::style const& with, Body body) {
  auto const [mine, other] = bench::connect_pair(with);
  pid_t const parent = ::getpid();
  pid_t const child = ::fork();
  bench::require(child >= 0, "fork");
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
  bench::require(::waitpid(child, &status, 0) == child && status == 0, "child failed");
}

/// One-way microseconds of a 4-byte message, half the median round trip.
double ping(bool spin, int rounds) {
  std::vector<double> times;
  in_two_processes(bench::styles[0], [&](int socket, bool first) {
    char word[4] = {};
    auto const receive = [&] {
      if (!spin) sleep_until_readable(socket);
      while (bench::moved(::recv(socket, word, 4, MSG_DONTWAIT), "recv") == 0) {
      }
    };
    for (int i = 0; i < rounds; ++i) {
      auto const start = bench::now();
      if (first) bench::moved(::send(socket, word, 4, MSG_NOSIGNAL), "send");
      receive();
      if (first) times.push_back(static_cast<double>(bench::now() - start) / 2e3);
      if (!first) bench::moved(::send(socket, word, 4, MSG_NOSIGNAL), "send");
    }
  });
  return bench::percentile(times, 0.5);
}

/// Bytes per nanosecond (GB/s) of one side sending and the other receiving, best style.
double stream(std::size_t bytes) {
  double best = 0;
  for (bench::style const& with : bench::styles) {
    in_two_processes(with, [&](int socket, bool first) {
      std::vector<char> piece(std::size_t{1} << 20U, 'a');
      auto const start = bench::now();
      for (std::size_t done = 0; done < bytes;) {
        auto const n = (std::min)({bytes - done, piece.size(), first ? with.write : with.read});
        done += first ? bench::moved(::send(socket, piece.data(), n, MSG_NOSIGNAL), "send")
                      : bench::moved(::recv(socket, piece.data(), n, 0), "recv");
      }
      char end = 0;
      if (!first) (void)!::send(socket, &end, 1, MSG_NOSIGNAL);
      if (first) {
        bench::require(::recv(socket, &end, 1, 0) == 1, "recv");
        best = (std::max)(best, static_cast<double>(bytes) / static_cast<double>(bench::now() - start));
      }
    });
  }
  return best;
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

int main() try {
  std::printf("{\"ping_spin_us\": %.2f, \"ping_block_us\": %.2f, \"stream_GBps\": %.2f, ", ping(true, 5000),
              ping(false, 1000), stream(std::size_t{256} << 20U));
  std::vector<float> from(16U << 20U, 1.0F), to(16U << 20U, 2.0F);
  auto const bytes = from.size() * sizeof(float);
  double const copy = rate(bytes, [&] { std::memcpy(to.data(), from.data(), bytes); });
  double const sum = rate(bytes, [&] {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  });
  std::printf("\"memcpy_GBps\": %.2f, \"sum_into_GBps\": %.2f, \"check\": %g}\n", copy, sum,
              static_cast<double>(to[0]));
  return 0;
} catch (std::exception const& e) {
  std::fprintf(stderr, "limits: %s\n", e.what());
  return 1;
}
