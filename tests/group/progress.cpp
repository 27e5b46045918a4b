// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <tutti/group/progress.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <set>
#include <thread>

using namespace std::chrono_literals;
using tutti::group::progress;
namespace net = tutti::net;

namespace {

template <class Done>
bool within(std::chrono::milliseconds time, Done done) {
  for (auto const end = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < end;) {
    if (done()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return done();
}

}  // namespace

TEST_CASE("one thread serves all work, sleeps in between, and takes no signals") {
  progress one;
  std::atomic<int> served{0};
  std::set<std::thread::id> threads;
  std::atomic<bool> quiet{true};
  for (int i = 0; i < 50; ++i) {
    net::post(one.loop(), [&] {
      threads.insert(std::this_thread::get_id());
      sigset_t blocked;
      (void)::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      if (::sigismember(&blocked, SIGINT) != 1) quiet = false;
      ++served;
    });
    one.see_to_it();
    if (i % 10 == 0) std::this_thread::sleep_for(2ms);
  }
  REQUIRE(within(5s, [&] { return served == 50; }));
  CHECK(threads.size() == 1);
  CHECK(threads.count(std::this_thread::get_id()) == 0);
  CHECK(quiet);
}

TEST_CASE("the thread ends when nothing has been started for a while, and comes back") {
  progress one(1ms);
  for (int round = 0; round < 20; ++round) {
    std::atomic<bool> served{false};
    net::post(one.loop(), [&] { served = true; });
    one.see_to_it();
    CHECK(within(5s, [&] { return served.load(); }));
    if (round % 2 == 0) std::this_thread::sleep_for(5ms);
  }
}

TEST_CASE("the end does not wait for work that never comes") {
  progress one;
  {
    auto const never = std::make_shared<net::steady_timer>(one.loop(), 1h);
    never->async_wait([never](tutti::net_error) {});  // which alone keeps it
  }
  std::atomic<bool> inside{false};
  net::post(one.loop(), [&] { inside = true; });
  one.see_to_it();
  CHECK(within(5s, [&] { return inside.load(); }));  // now the thread waits for the timer
}
