// SPDX-License-Identifier: BSL-1.0
#include <tutti/engine/waiting.hpp>

#include <doctest/doctest.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;
using tutti::clock;
namespace tt = tutti::transport;

/// Counts how often it is asked to sleep.
struct sleeper {
  int slept = 0;
  clock::time_point until{};
  [[nodiscard]] int rank() const noexcept { return 0; }
  [[nodiscard]] int size() const noexcept { return 1; }
  tt::moved write_some(int, tutti::const_bytes, tutti::const_bytes) { return {}; }
  tt::moved read_some(int, tutti::bytes, tutti::bytes) { return {}; }
  void wait(std::span<tt::interest const>, clock::time_point to) {
    ++slept;
    until = to;
  }
  void wake() noexcept {}
  void close() noexcept {}
};

TEST_CASE("waiting: tries again for a moment, then sleeps until the time it was given") {
  for (bool const crowded : {false, true}) {
    tutti::engine::waiting w(crowded);
    sleeper s;
    clock::time_point const begin{1h};
    CHECK_FALSE(w.idle(s, {}, begin, begin + 1s));
    CHECK_FALSE(w.idle(s, {}, begin + 1us, begin + 1s));
    CHECK(s.slept == 0);
    CHECK(w.idle(s, {}, begin + 1ms, begin + 1s));
    CHECK(s.slept == 1);
    CHECK(s.until == begin + 1s);
    CHECK(w.idle(s, {}, begin + 2ms, begin + 1s));
    CHECK(s.slept == 2);
  }
}

TEST_CASE("waiting: when something moved, it starts afresh") {
  tutti::engine::waiting w(true);
  sleeper s;
  clock::time_point const begin{1h};
  CHECK_FALSE(w.idle(s, {}, begin, begin + 1s));
  CHECK(w.idle(s, {}, begin + 1ms, begin + 1s));
  w.moved();
  CHECK_FALSE(w.idle(s, {}, begin + 2ms, begin + 1s));
  CHECK(s.slept == 1);
}

}  // namespace
