// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

#include <random>
#include <string>
#include <vector>

#include "workload.hpp"

using namespace faults;

namespace {

/// What somebody who does not belong here may say to a port.
struct stranger {
  char const* what;
  std::string says;
  bool hangs_up = false;
};

std::string bytes_of(tutti::transport::hello const& h) {
  auto const w = h.encode();
  return {reinterpret_cast<char const*>(w.data()), w.size()};
}
std::vector<stranger> strangers(std::string const& job_name, unsigned seed) {
  std::mt19937 random(seed);
  std::string noise(64, '\0');
  for (char& c : noise) c = static_cast<char>(random() & 0xffU);
  std::string much(100'000, '\0');
  for (char& c : much) c = static_cast<char>(random() & 0xffU);
  tutti::transport::hello right;
  right.job = tutti::group::key_of(job_name);
  right.size = 4;
  right.rank = 3;
  auto other_job = right;
  other_job.job = tutti::group::key_of("another job");
  auto other_run = right;  // as if left over from a run before
  other_run.kind = tutti::transport::connection::lane;
  other_run.communicator = 1;
  other_run.run = tutti::group::key_of("yesterday");
  auto impossible = other_run;
  impossible.rank = 0xffffffff;
  impossible.size = 0xffffffff;
  return {
      {"silent", ""},
      {"one byte", "t"},
      {"one byte and gone", "t", true},
      {"gone at once", "", true},
      {"64 random bytes", noise},
      {"100 kB of random bytes", much},
      {"HTTP", "GET / HTTP/1.1\r\nHost: localhost:8000\r\nUser-Agent: a scanner of ports\r\nAccept: */*\r\n\r\n"},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + noise},
      {"the first bytes of a hello", bytes_of(right).substr(0, 17)},
      {"the first bytes of a hello and gone", bytes_of(right).substr(0, 63), true},
      {"the hello of another job", bytes_of(other_job)},
      {"a lane of another run", bytes_of(other_run)},
      {"a lane of another run with impossible numbers", bytes_of(impossible)},
  };
}

/// Connects and speaks without ever waiting for the other side.
tutti::detail::unique_fd visit(std::uint16_t port, stranger const& who) {
  tutti::detail::unique_fd s(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(s.open());
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(s.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  tutti::detail::set_nonblocking(s.get());
  (void)!::send(s.get(), who.says.data(), who.says.size(), MSG_NOSIGNAL);
  if (who.hangs_up) s.reset();
  return s;
}

void quiet() { (void)!std::freopen("/dev/null", "w", stderr); }

/// Calls until rank 0 has seen the stop sign; every result is checked.
void until_stopped(tutti::communicator& world, seat& self) {
  workload work;
  self.ready();
  for (int more = 1; more == 1;) {
    for (auto const what : eight) work(world, what, self);
    more = self.rank == 0 && self.shared->stop ? 0 : 1;
    broadcast(world, std::span(&more, 1), 0);
  }
}

}  // namespace

TEST_CASE("strangers at the door of a join cost no rank its seat and no time") {
  for (bool silent : {false, true}) {
    CAPTURE(silent);
    job j(4);
    j.prelude = quiet;
    std::vector<tutti::detail::unique_fd> visitors;  // in the queue before any rank
    for (unsigned round = 0; round < 6 && !silent; ++round)
      for (auto const& who : strangers(j.how.job, round))
        if (auto s = visit(j.root_port(), who); s.open()) visitors.push_back(std::move(s));
    for (int i = 0; i < 100 && silent; ++i)  // more than may be pending at the door
      visitors.push_back(visit(j.root_port(), {"silent", ""}));
    auto const begin = now();
    j.start_all([](tutti::communicator& world, seat& self) {
      self.ready();
      workload work;
      for (int i = 0; i < 20; ++i) work(world, collective::allreduce, self);
    });
    for (int r : {0, 1, 2, 3}) CHECK(j.wait_ready(r));
    auto const joined_after = now() - begin;
    std::printf("  joined %.1f ms after the start, with %zu strangers in the queue\n",
                static_cast<double>(joined_after) * 1e-6, visitors.size());
    CHECK(joined_after < 2'000'000'000);
    CHECK(j.wait_all_end());
    CHECK(!j.strays);
    for (int r = 0; r < 4; ++r) check_unharmed(j, r);
  }
}

TEST_CASE("a stranger who speaks one byte at a time keeps nobody from joining") {
  job j(3);
  j.prelude = quiet;
  auto const slow = visit(j.root_port(), {"slow", ""});
  auto const program = [](tutti::communicator& world, seat& self) {
    workload work;
    for (int i = 0; i < 20; ++i) work(world, collective::allreduce, self);
  };
  j.start(0, program);
  j.start(1, program);
  tutti::transport::hello h;
  h.job = tutti::group::key_of(j.how.job);
  h.size = 3;
  h.rank = 2;  // with the right key, even
  std::string const says = bytes_of(h);
  for (std::size_t i = 0; i < 20; ++i) {
    (void)!::send(slow.get(), &says[i], 1, MSG_NOSIGNAL);
    pass_time(20ms);
  }
  j.start(2, program);
  j.close_listener();
  CHECK(j.wait_all_end());
  for (int r = 0; r < 3; ++r) check_unharmed(j, r);
}

TEST_CASE("strangers at every port of a running job change nothing, and are shown the door") {
  job j(4);
  j.prelude = quiet;
  j.how.heartbeat = 500ms;
  j.start_all(until_stopped);
  REQUIRE(j.wait_all_ready());
  std::vector<tutti::detail::unique_fd> visitors;
  std::vector<std::uint16_t> ports(j.first_news(0).ports, j.first_news(0).ports + 4);
  for (unsigned round = 0; round < 6; ++round)
    for (std::uint16_t const port : ports) {
      REQUIRE(port != 0);
      for (auto const& who : strangers(j.how.job, round))
        if (auto s = visit(port, who); s.open()) visitors.push_back(std::move(s));
    }
  // Whoever has said enough to be known as a stranger is turned away at once.
  int turned_away = 0;
  for (std::uint16_t const port : ports)
    for (auto const& who : strangers(j.how.job, 9)) {
      if (who.hangs_up || who.says.size() < 64) continue;
      auto const s = visit(port, who);
      pollfd closed{s.get(), POLLIN, 0};
      char c = 0;
      CAPTURE(who.what);
      CHECK(::poll(&closed, 1, 5000) == 1);
      CHECK(::recv(s.get(), &c, 1, 0) <= 0);
      ++turned_away;
    }
  j.shared->stop = true;
  CHECK(j.wait_all_end());
  CHECK(!j.strays);
  for (int r = 0; r < 4; ++r) check_unharmed(j, r);
  std::printf("  %zu strangers at 4 ports of a running job, %d turned away at once\n", visitors.size(), turned_away);
}
