// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <tuple>
#include <vector>

#include <tutti/core/network.hpp>

using namespace std::chrono_literals;
using tutti::sim;
using tutti::detail::network;
using tutti::detail::virtual_time;

namespace {

using arrival = std::tuple<int, std::uint32_t, std::uint64_t, virtual_time>;  // to, stream, bytes, when

std::vector<arrival> run(network& n) {
  std::vector<arrival> all;
  while (n.next() != tutti::detail::never)
    n.step([&](int to, std::uint32_t stream, std::uint64_t bytes, virtual_time at) {
      all.emplace_back(to, stream, bytes, at);
    });
  return all;
}

constexpr sim wire{.alpha = 100ns, .overhead = 10ns, .beta = 1e9, .host_alpha = 5ns, .copy = 2e9};  // 1 ns a byte

}  // namespace

TEST_CASE("a message takes the sender's link, alpha, and nothing more where no one else is") {
  network n(wire, 2);
  n.post(0, 1, 7, 1000, 50ns);
  CHECK(run(n) == std::vector<arrival>{{1, 7, 1000, 50ns + 100ns + 1000ns}});
  CHECK(n.sent_for() == 1000ns);
}

TEST_CASE("a link carries one message after another, out and in") {
  network n(wire, 3);
  SUBCASE("of one sender") {
    n.post(0, 1, 1, 1000, 0ns);
    n.post(0, 2, 2, 1000, 0ns);
    CHECK(run(n) == std::vector<arrival>{{1, 1, 1000, 1100ns}, {2, 2, 1000, 2100ns}});
  }
  SUBCASE("to one receiver, in the order in which they reach its link") {
    n.post(1, 0, 1, 1000, 1ns);
    n.post(2, 0, 2, 1000, 0ns);
    CHECK(run(n) == std::vector<arrival>{{0, 2, 1000, 1100ns}, {0, 1, 1000, 2100ns}});
  }
  SUBCASE("both directions at once") {
    n.post(0, 1, 1, 1000, 0ns);
    n.post(1, 0, 2, 1000, 0ns);
    CHECK(run(n) == std::vector<arrival>{{1, 1, 1000, 1100ns}, {0, 2, 1000, 1100ns}});
  }
}

TEST_CASE("ranks of one host share its link and its cores, and reach each other through memory") {
  sim two_hosts = wire;
  two_hosts.hosts = 2;
  two_hosts.cores = 1;
  network n(two_hosts, 4);
  CHECK(n.host(0) == 0);
  CHECK(n.host(1) == 0);
  CHECK(n.host(2) == 1);
  CHECK(n.host(3) == 1);
  SUBCASE("the link") {
    n.post(1, 2, 1, 1000, 0ns);
    n.post(0, 3, 2, 1000, 1ns);
    CHECK(run(n) == std::vector<arrival>{{2, 1, 1000, 1100ns}, {3, 2, 1000, 2100ns}});
  }
  SUBCASE("memory: the copies are the cores' work") {
    n.post(0, 1, 1, 1000, 0ns);
    CHECK(run(n) == std::vector<arrival>{{1, 1, 1000, 5ns}});
    CHECK(n.handling(0, 1, 1000) == 10ns + 500ns);
    CHECK(n.handling(0, 2, 1000) == 10ns);
  }
  SUBCASE("the core: first come, first served") {
    CHECK(n.work(0, 0ns, 20ns) == 20ns);
    CHECK(n.work(1, 5ns, 20ns) == 40ns);
    CHECK(n.work(2, 5ns, 20ns) == 25ns);
    CHECK(n.work(0, 100ns, 20ns) == 120ns);
  }
}

TEST_CASE("jitter only delays, keeps the order of a stream, and is the same for the same seed") {
  auto const times = [](std::uint64_t seed, double jitter) {
    sim shaky = wire;
    shaky.jitter = jitter;
    shaky.seed = seed;
    network n(shaky, 2);
    for (std::uint32_t i = 0; i < 50; ++i) n.post(0, 1, i, 1, virtual_time(i * 10));
    return run(n);
  };
  auto const calm = times(1, 0);
  auto const first = times(1, 3);
  CHECK(first == times(1, 3));
  CHECK(first != times(2, 3));
  for (std::size_t i = 0; i < calm.size(); ++i) {
    CHECK(std::get<1>(first[i]) == i);
    CHECK(std::get<3>(first[i]) >= std::get<3>(calm[i]));
    CHECK(std::get<3>(first[i]) <= std::get<3>(calm[i]) + 300ns + 50ns);
  }
}

TEST_CASE("a model that makes no sense is refused") {
  CHECK_THROWS_AS(network(sim{.segment = 0}, 2), tutti::error);
  CHECK_THROWS_AS(network(sim{.beta = -1}, 2), tutti::error);
  CHECK_THROWS_AS(network(sim{.alpha = -1ns}, 2), tutti::error);
}
