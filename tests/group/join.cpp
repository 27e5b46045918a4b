// SPDX-License-Identifier: BSL-1.0
// join_world: who is present, who is missing, who is refused. (The join of group/join.hpp adds only the environment.)
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tutti/group/rendezvous.hpp>

#include "worlds.hpp"

using namespace worlds;

namespace {

/// The sentence with which these options are refused.
tutti::failure refusal(tutti::join_options const& o) {
  auto const a = try_join(o);
  REQUIRE(a.failed);
  return *a.failed;
}

/// Runs the ranks of a world, and whatever else `others` does meanwhile; all ranks must join.
template <class Others>
void with_disturbance(int n, Others others) {
  root_port port;
  auto const name = port.name;
  auto const listener = port.release();
  std::vector<attempt> got(static_cast<std::size_t>(n));
  std::thread first([&] {
    auto o = options_of(name, 0, n);
    o.listener = listener;
    got[0] = try_join(o);
  });
  others(name);  // rank 0 alone is there
  on_threads(n - 1, [&](int r) { got[static_cast<std::size_t>(r + 1)] = try_join(options_of(name, r + 1, n)); });
  first.join();
  for (auto const& a : got) CHECK_MESSAGE(a.world, (a.failed ? a.failed->cause : std::string()));
  on_threads(n, [&](int r) { got[static_cast<std::size_t>(r)].world.reset(); });
}

net::ip::tcp::endpoint endpoint_of(std::string const& name) {
  return {net::ip::address_v4::loopback(), static_cast<unsigned short>(std::stoi(name.substr(name.find(':') + 1)))};
}

}  // namespace

TEST_CASE("ranks find each other, whatever their number and order") {
  for (int n : {1, 2, 3, 5}) {
    auto const all = join_all(n);
    for (int r = 0; r < n; ++r) {
      auto const& w = *all[static_cast<std::size_t>(r)];
      CHECK(w.rank == r);
      CHECK(w.size == n);
      CHECK(w.host_rank == r);
      CHECK(w.host_size == n);
      CHECK(w.run == all[0]->run);
      CHECK(w.run != transport::job_key{});
      REQUIRE(w.peers.size() == static_cast<std::size_t>(n));
      for (int p = 0; p < n; ++p)
        CHECK(w.peers[static_cast<std::size_t>(p)].port() == all[0]->peers[static_cast<std::size_t>(p)].port());
    }
    on_threads(n, [&](int r) { all[static_cast<std::size_t>(r)]->referee->leave(); });
  }
}

TEST_CASE("rank 0 may come last") {
  auto const root = free_root();
  std::vector<attempt> got(3);
  on_threads(3, [&](int r) {
    if (r == 0) std::this_thread::sleep_for(150ms);  // late on purpose
    got[static_cast<std::size_t>(r)] = try_join(options_of(root, r, 3));
  });
  for (auto const& a : got) CHECK_MESSAGE(a.world, (a.failed ? a.failed->cause : std::string()));
  on_threads(3, [&](int r) { got[static_cast<std::size_t>(r)].world.reset(); });
}

TEST_CASE("options that cannot work get one clear sentence") {
  auto const with = [](auto change) {
    auto o = options_of("127.0.0.1:7000", 1, 2);
    o.timeout = 300ms;
    change(o);
    auto const f = refusal(o);
    CHECK(f.kind == error_kind::config);
    return f.cause;
  };
  CHECK(has(with([](auto& o) { o.secret = "s3cret"; }), "a secret was given, but TLS is not built in"));
  CHECK(has(with([](auto& o) { o.rank = 2; }), "rank 2 is not between 0 and 1"));
  CHECK(has(with([](auto& o) { o.rank = -1; }), "rank -1 is not between 0 and 1"));
  CHECK(has(with([](auto& o) { o.size = 0; }), "size of the world must be at least 1"));
  CHECK(has(with([](auto& o) { o.root.clear(); }), "no root was given"));
  CHECK(has(with([](auto& o) { o.timeout = std::chrono::nanoseconds::max(); }), "timeout of the join"));
  CHECK(has(with([](auto& o) { o.heartbeat = 1ms; }), "heartbeat must be between"));
  for (char const* bad :
       {"localhost", "localhost:", ":7000", "localhost:0", "localhost:65536", "localhost:7x", "::1:7000"})
    CHECK(has(with([&](auto& o) { o.root = bad; }), "root \"" + std::string(bad) + "\""));
  CHECK(has(with([](auto& o) { o.root = "192.0.2.1:7000"; }), "set trusted_network"));
  CHECK(has(with([](auto& o) { o.root = "no-such-host.invalid:7000"; }),
            "the host of root no-such-host.invalid:7000 cannot be resolved"));
}

TEST_CASE("a port in use is named") {
  root_port taken;
  auto const f = refusal(options_of(taken.name, 0, 2));
  CHECK(f.kind == error_kind::config);
  CHECK(has(f.cause, "port " + taken.name.substr(10) + " at 127.0.0.1 is in use"));
}

TEST_CASE("a rank 0 that is not there: the link and the reason are named, at the deadline") {
  auto o = options_of(free_root(), 2, 4);
  o.timeout = 200ms;
  auto const before = steady::now();
  auto const f = refusal(o);
  CHECK(f.kind == error_kind::timeout);
  CHECK(has(f.cause, "link rank 2 -> rank 0 at " + o.root + ": connection refused (tried for 0.2 s)"));
  CHECK(steady::now() - before >= 200ms);
  CHECK(steady::now() - before < 2s);
}

TEST_CASE("missing ranks: all present ranks throw the same list at the earliest deadline") {
  auto const root = free_root();
  std::vector<attempt> got(5);
  auto const before = steady::now();
  on_threads(5, [&](int r) {
    if (r == 1 || r == 3) return;
    auto o = options_of(root, r, 5);
    o.timeout = r == 2 ? 400ms : 20000ms;
    got[static_cast<std::size_t>(r)] = try_join(o);
  });
  for (std::size_t r : {0U, 2U, 4U}) {
    REQUIRE(got[r].failed);
    CHECK(got[r].failed->kind == error_kind::timeout);
    CHECK(got[r].failed->cause == "only 3 of 5 ranks joined in time: present 0, 2, 4; missing 1, 3");
  }
  CHECK(steady::now() - before < 10s);
}

TEST_CASE("a duplicate, a wrong size, a rank 0 too many: refused with the conflict; the others join") {
  with_disturbance(3, [](std::string const& root) {
    auto f = refusal(options_of(root, 1, 4));
    CHECK(f.kind == error_kind::config);
    CHECK(has(f.cause, "rank 1 says the world has 4 ranks, but rank 0 says 3"));
    f = refusal(options_of(root, 3, 4));
    CHECK(has(f.cause, "rank 3 says the world has 4 ranks, but rank 0 says 3"));
    // A rank 1 that is there, but not for good: its seat is free again after it ended.
    auto const o = options_of(root, 1, 3);
    net::io_context io;
    {
      net::ip::tcp::socket s(io);
      s.connect(endpoint_of(root));
      transport::hello h;
      h.job = group::key_of(o.job);
      h.rank = 1;
      h.size = 3;
      net::write(s, net::buffer(h.encode()));
      f = refusal(o);
      CHECK(f.kind == error_kind::config);
      CHECK(has(f.cause, "two processes claim to be rank 1"));
    }
  });
}

TEST_CASE("a rank that comes when all are there is told so, and harms nobody") {
  auto const all = join_all(2);
  caller zero(*all[0]->referee, 7, {0, 1});
  auto o = options_of("127.0.0.1:" + std::to_string(all[0]->peers[0].port()), 1, 2);
  auto const f = refusal(o);
  CHECK(f.kind == error_kind::config);
  CHECK(has(f.cause, "all 2 ranks of this world have joined already"));
  CHECK(zero.verdict(300ms).kind == error_kind::revoked);
  on_threads(2, [&](int r) { all[static_cast<std::size_t>(r)]->referee->leave(); });
}

TEST_CASE("another version is refused, naming both; another job is not answered") {
  with_disturbance(2, [](std::string const& root) {
    net::io_context io;
    transport::hello h;
    h.job = group::key_of("tests");
    h.rank = 1;
    h.size = 2;
    h.version = tutti::wire_version + 1;
    net::ip::tcp::socket s(io);
    s.connect(endpoint_of(root));
    net::write(s, net::buffer(h.encode()));
    group::control_frame present;
    present.what = group::message::present;
    net::write(s, net::buffer(present.encode()));
    group::control_frame::wire w{};
    net::read(s, net::buffer(w));
    group::control_frame answer;
    REQUIRE(group::control_frame::decode(w, answer));
    CHECK(answer.what == group::message::refuse);
    CHECK(has(answer.text, "rank 1 speaks version 2 of the wire format, but rank 0 speaks version 1"));

    auto o = options_of(root, 1, 2);
    o.job = "another";
    o.timeout = 300ms;
    CHECK(has(refusal(o).cause, "rank 0 closed the connection"));
  });
}

TEST_CASE("strangers during the join cost no rank its seat") {
  net::io_context io;
  std::vector<net::ip::tcp::socket> strangers;
  with_disturbance(4, [&](std::string const& root) {
    auto const knock = [&](std::string const& text) {
      strangers.emplace_back(io);
      strangers.back().connect(endpoint_of(root));
      tutti::net_error ignored;
      net::write(strangers.back(), net::buffer(text), ignored);
    };
    for (int i = 0; i < 100; ++i) knock("");
    transport::hello h;
    auto const prefix = h.encode();
    std::string valid_prefix;
    for (int i = 0; i < 40; ++i) valid_prefix.push_back(static_cast<char>(prefix[static_cast<std::size_t>(i)]));
    for (std::string const& text : {std::string("x"), std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), valid_prefix,
                                    std::string(1000, '\x16'), std::string(64, '\0')})
      knock(text);
  });
}

TEST_CASE("an inherited listener needs no root") {
  root_port port;
  auto const name = port.name;
  auto const listener = port.release();
  std::vector<attempt> got(2);
  on_threads(2, [&](int r) {
    auto o = options_of(r == 0 ? "" : name, r, 2);
    if (r == 0) o.listener = listener;
    got[static_cast<std::size_t>(r)] = try_join(o);
  });
  for (auto const& a : got) CHECK_MESSAGE(a.world, (a.failed ? a.failed->cause : std::string()));
  on_threads(2, [&](int r) { got[static_cast<std::size_t>(r)].world.reset(); });
}

TEST_CASE("failed joins leave no descriptor") {
  auto o = options_of(free_root(), 1, 2);
  o.timeout = 50ms;
  (void)try_join(o);
  auto const before = entries("fd");
  (void)try_join(o);
  o.rank = 0;
  (void)try_join(o);
  CHECK(entries("fd") == before);
}
