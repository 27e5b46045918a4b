// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <tutti/group/control.hpp>

#if defined(__linux__)
#include <sys/resource.h>
#endif

#include "worlds.hpp"

using namespace worlds;
using tutti::plan::collective;

namespace {

/// n ranks, each in call 5 of one communicator of all, waiting for its right neighbour.
struct gang {
  explicit gang(int n) : worlds(join_all(n)) {
    for (auto const& w : worlds) callers.push_back(std::make_unique<caller>(*w->referee, 7, everyone(n)));
    for (int r = 0; r < n; ++r) at(r).begin(5, (r + 1) % n);
  }
  caller& at(int r) { return *callers[static_cast<std::size_t>(r)]; }
  group::control& referee(int r) { return *worlds[static_cast<std::size_t>(r)]->referee; }
  /// The verdict of all ranks but `dead`, which must agree.
  tutti::failure agreed(int dead) {
    std::optional<tutti::failure> first;
    for (int r = 0; r < static_cast<int>(callers.size()); ++r) {
      if (r == dead) continue;
      auto const v = at(r).verdict();
      if (!first) first = v;
      CHECK(v.kind == first->kind);
      CHECK(v.rank == first->rank);
      CHECK(v.cause == first->cause);
    }
    return *first;
  }
  ~gang() {  // as processes that end at the same time
    on_threads(static_cast<int>(worlds.size()), [&](int r) { referee(r).leave(); });
    callers.clear();
  }
  std::vector<std::shared_ptr<group::tcp_world>> worlds;
  std::vector<std::unique_ptr<caller>> callers;
};

net::ip::tcp::socket connect(net::io_context& io, net::ip::tcp::endpoint const& to) {
  net::ip::tcp::socket s(io);
  s.connect(to);
  return s;
}
template <class Text>
void say(net::ip::tcp::socket& s, Text const& text) {
  tutti::net_error ignored;
  net::write(s, net::buffer(text), ignored);
}
/// True once the other side has closed.
bool closed(net::ip::tcp::socket& s) {
  tutti::net_error problem;
  char c = 0;
  while (!problem) s.read_some(net::buffer(&c, 1), problem);
  return true;
}
transport::hello lane_hello(group::tcp_world const& w, std::uint64_t communicator) {
  transport::hello h;
  h.kind = transport::connection::lane;
  h.job = w.job;
  h.run = w.run;
  h.communicator = communicator;
  h.rank = static_cast<std::uint32_t>(w.rank);
  h.size = static_cast<std::uint32_t>(w.size);
  return h;
}

}  // namespace

TEST_CASE("every survivor names a lost rank, whichever it is") {
  for (int victim = 0; victim < 4; ++victim) {
    gang g(4);
    g.referee(victim).sever();
    auto const v = g.agreed(victim);
    CHECK(v.kind == error_kind::peer_lost);
    CHECK(v.rank == victim);
    CHECK(has(v.cause, "rank " + std::to_string(victim) + " is gone"));
  }
}

TEST_CASE("every survivor names a hung rank, whichever it is, within three heartbeats and a little") {
  for (int victim : {0, 2}) {
    gang g(3);
    auto const before = steady::now();
    g.referee(victim).freeze();
    auto const v = g.agreed(victim);
    CHECK(v.kind == error_kind::peer_hung);
    CHECK(v.rank == victim);
    CHECK(steady::now() - before > 190ms);
    CHECK(steady::now() - before < 5s);
  }
}

TEST_CASE("a rank that only computes is not dead") {
  gang g(3);
  CHECK(g.at(1).verdict(700ms).kind == error_kind::revoked);
}

TEST_CASE("an abort reaches every rank with its text, whoever aborts") {
  for (int who : {0, 2}) {
    gang g(3);
    g.referee(who).abort("no such file: data.bin");
    auto const v = g.agreed(-1);
    CHECK(v.kind == error_kind::aborted);
    CHECK(v.rank == who);
    CHECK(v.cause == "rank " + std::to_string(who) + " gave up: no such file: data.bin");
  }
}

TEST_CASE("a rank that left is blamed by whoever waits for it, with or without a stream to it") {
  for (int who : {0, 2})
    for (bool const stream : {true, false}) {
      gang g(3);
      g.at(who).seen->end();
      int const waiter = (who + 2) % 3;
      std::thread leaving([&] { g.referee(who).leave(); });
      auto const deadline = steady::now() + 10s;
      if (stream)
        (void)g.referee(waiter).judge(*g.at(waiter).seen, {error_kind::peer_lost, who, "op", "end of stream"});
      while (!g.at(waiter).seen->revoked() && steady::now() < deadline) {
        g.referee(waiter).tick(*g.at(waiter).seen);
        (void)g.at(waiter).verdict(20ms);
      }
      leaving.join();
      auto const v = g.at(waiter).verdict();
      CHECK(v.rank == who);
      CHECK(v.kind == error_kind::peer_left);
      CHECK(has(v.cause, "left in good order"));
    }
}

TEST_CASE("a mismatch names both ranks, calls and lines, the same on all, and ends that communicator alone") {
  gang g(4);
  std::vector<std::unique_ptr<caller>> others;
  for (auto const& w : g.worlds) others.push_back(std::make_unique<caller>(*w->referee, 8, everyone(4)));
  engine::call theirs;
  theirs.communicator = 7;
  theirs.sequence = 5;
  theirs.what = collective::broadcast;
  theirs.count = 3;
  g.at(2).begin(5, 3, collective::broadcast, 3);
  SUBCASE("reported") {
    auto const frame = engine::encode(theirs);
    auto const mine = g.referee(1).judge(*g.at(1).seen, {error_kind::mismatch, 2, "my op", "differs"}, &frame);
    CHECK(mine.operation == "my op");
    CHECK(mine.kind == error_kind::mismatch);
  }
  SUBCASE("seen in the heartbeats") {}
  auto const v = g.agreed(-1);
  CHECK(v.kind == error_kind::mismatch);
  CHECK(v.rank == 2);
  CHECK(has(v.cause, "rank 2 called broadcast as call 5 'grads' at train.cpp:5, but rank "));
  CHECK(has(v.cause, " called allreduce as call 5 'grads' at train.cpp:5"));
  for (auto const& o : others) CHECK_FALSE(o->seen->revoked());
}

TEST_CASE("a mismatch with rank 0 itself is seen in the heartbeats too") {
  gang g(2);
  g.at(1).begin(5, 0, collective::broadcast, 3);
  auto const v = g.agreed(-1);
  CHECK(v.kind == error_kind::mismatch);
  CHECK(v.rank == 1);
}

TEST_CASE("a deadline blames the rank that is in its own code, the same on all") {
  gang g(4);
  g.at(2).seen->end();
  for (int r : {0, 1, 3}) g.at(r).begin(6, (r + 1) % 4);
  auto const mine = g.referee(3).judge(*g.at(3).seen, {error_kind::timeout, 0, "my op", "no progress for 2 s"});
  CHECK(mine.operation == "my op");
  auto const v = g.agreed(-1);
  CHECK(v.kind == error_kind::timeout);
  CHECK(v.rank == 2);
  CHECK(has(v.cause, "rank 2 has not arrived: it is in its own code since"));
  CHECK(has(v.cause, "last call allreduce #5 'grads' (train.cpp:5)"));
}

TEST_CASE("a lost rank ends the communicators it is in, present and future, and no others") {
  gang g(4);
  caller with(*g.worlds[1]->referee, 8, {1, 3});
  caller without(*g.worlds[1]->referee, 9, {0, 1, 2});
  g.referee(3).sever();
  CHECK(with.verdict().rank == 3);
  CHECK(g.agreed(3).rank == 3);
  CHECK_FALSE(without.seen->revoked());
  caller later(*g.worlds[1]->referee, 10, {1, 3});
  CHECK(later.verdict(0ms).kind == error_kind::peer_lost);
}

TEST_CASE("the first failure stands: the ends that it causes are not blamed") {
  gang g(4);
  g.referee(1).abort("first");
  CHECK(g.agreed(-1).rank == 1);
  g.referee(2).sever();
  g.referee(3).sever();
  (void)g.at(0).verdict(200ms);
  CHECK(g.at(0).seen->why().rank == 1);
}

TEST_CASE("a lane arrives in the mailbox and rings its communicator") {
  gang g(3);
  net::io_context io;
  auto lane = connect(io, g.worlds[2]->peers[1]);
  say(lane, lane_hello(*g.worlds[2], 7).encode());
  say(lane, std::array<char, 3>{'a', 'b', 'c'});
  std::unique_lock hold(g.at(1).guard);
  CHECK(g.at(1).bell.wait_for(hold, 10s, [&] { return g.at(1).rings > 1; }));
  hold.unlock();
  auto taken = g.worlds[1]->mail->take(7, 2);
  REQUIRE(taken);
  std::array<std::byte, 8> got{};
  std::size_t n = 0;
  for (auto const end = steady::now() + 10s; n < 3 && steady::now() < end;)
    n += taken.read_some({}, tutti::bytes(got).subspan(n)).bytes;
  CHECK(n == 3);
  CHECK(got[2] == std::byte{'c'});
  CHECK_FALSE(g.worlds[1]->mail->take(7, 2));
}

TEST_CASE("strangers are closed and counted, and cost nobody a lane") {
  gang g(2);
  net::io_context io;
  auto const door = g.worlds[1]->peers[1];
  auto const& w = *g.worlds[0];
  std::vector<net::ip::tcp::socket> silent;
  for (int i = 0; i < 80; ++i) silent.push_back(connect(io, door));
  std::mt19937 random(1);
  std::size_t expected = 80 - 64;
  auto const is_turned_away = [&](auto const& text, bool end) {
    auto s = connect(io, door);
    say(s, text);
    if (end) s.shutdown(net::ip::tcp::socket::shutdown_send);
    CHECK(closed(s));
    ++expected;
  };
  is_turned_away(std::string("x"), true);
  is_turned_away(std::string("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"),
                 false);
  std::string noise(64, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  is_turned_away(noise, false);
  auto const good = lane_hello(w, 7).encode();
  is_turned_away(std::vector<std::byte>(good.begin(), good.begin() + 40), true);
  for (int what = 0; what < 5; ++what) {
    auto h = lane_hello(w, 7);
    if (what == 0) h.job[0] ^= std::byte{1};
    if (what == 1) h.run[0] ^= std::byte{1};
    if (what == 2) h.version += 1;
    if (what == 3) h.rank = 2;
    if (what == 4) h.size = 3;
    is_turned_away(h.encode(), false);
  }
  auto lane = connect(io, door);
  say(lane, good);
  auto const end = steady::now() + 10s;
  transport::stream_socket taken;
  while (!taken && steady::now() < end) taken = g.worlds[1]->mail->take(7, 0);
  CHECK(taken);
  CHECK(g.referee(1).strangers() >= expected);
  CHECK_FALSE(g.at(0).seen->revoked());
}

#if defined(__linux__)
TEST_CASE("a process out of descriptors takes its lanes as soon as it has some again") {
  gang g(2);
  net::io_context io;
  net::ip::tcp::socket lane(io, net::ip::tcp::v4());
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  int const next = ::dup(0);
  REQUIRE(::close(next) == 0);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  lane.connect(g.worlds[1]->peers[1]);
  say(lane, lane_hello(*g.worlds[0], 7).encode());
  CHECK(g.at(1).verdict(300ms).kind == error_kind::revoked);  // it lives on, and the lane is still outside
  CHECK_FALSE(g.worlds[1]->mail->take(7, 0));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  transport::stream_socket taken;
  for (auto const end = steady::now() + 10s; !taken && steady::now() < end;) taken = g.worlds[1]->mail->take(7, 0);
  CHECK(taken);
}
#endif

/// A thread that has been joined may be listed for a moment longer.
bool lists_threads(std::ptrdiff_t n) {
  for (auto const end = steady::now() + 2s; entries("task") != n && steady::now() < end;)
    std::this_thread::sleep_for(1ms);
  return entries("task") == n;
}

TEST_CASE("leaving takes less than a second, and leaves no thread and no descriptor") {
  { gang warm(2); }
  std::this_thread::sleep_for(50ms);
  auto const threads = entries("task");
  auto const descriptors = entries("fd");
  for (int n : {1, 2, 5}) {
    auto g = std::make_unique<gang>(n);
    CHECK(lists_threads(threads + n));
    auto const before = steady::now();
    g.reset();
    CHECK(steady::now() - before < 1s);
  }
  CHECK(lists_threads(threads));
  CHECK(entries("fd") == descriptors);
}
