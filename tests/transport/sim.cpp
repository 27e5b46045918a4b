// SPDX-License-Identifier: BSL-1.0
// Two rank threads on one hub; what the engine needs of streams.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <tutti/transport/sim.hpp>

using namespace std::chrono_literals;
namespace tt = tutti::transport;

namespace {

void on_two(tutti::sim const& model, std::function<void(tt::sim&, tt::sim_hub&)> const& fn) {
  auto const hub = std::make_shared<tt::sim_hub>(model, 2);
  std::vector<std::exception_ptr> thrown(2);
  auto const body = [&](int rank) {
    hub->enter(rank);
    try {
      tt::sim s(hub, 1, {0, 1}, rank);
      fn(s, *hub);
      s.close();
    } catch (...) {
      thrown[static_cast<std::size_t>(rank)] = std::current_exception();
    }
    hub->leave(rank);
  };
  std::thread first(body, 0), second(body, 1);
  first.join();
  second.join();
  for (auto const& t : thrown)
    if (t) std::rethrow_exception(t);
}

void wait(tt::sim& s, bool read, bool write) {
  std::array const wanted{tt::interest{1 - s.rank(), read, write}};
  s.wait(wanted, s.now() + 1h);
}

constexpr tutti::sim model{.alpha = 100ns, .overhead = 10ns, .beta = 1e9, .segment = 1000, .buffer = 3000};

}  // namespace

TEST_CASE("bytes come in order, not before their time, and the end of the stream after them") {
  on_two(model, [](tt::sim& s, tt::sim_hub&) {
    std::vector<std::byte> data(10'000);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i % 251);
    if (s.rank() == 0) {
      for (std::size_t done = 0; done < data.size();) {
        auto const [n, lost] = s.write_some(1, {}, tutti::const_bytes(data).subspan(done));
        REQUIRE_FALSE(lost);
        REQUIRE(n <= 1000);
        done += n;
        if (n == 0) wait(s, false, true);
      }
      return;
    }
    std::vector<std::byte> got(data.size());
    std::size_t done = 0;
    for (;;) {
      auto const [n, lost] =
          s.read_some(0, {}, tutti::bytes(got).subspan(done, (std::min)(got.size() - done, std::size_t{777})));
      if (lost) break;
      if (n > 0) CHECK(s.now().time_since_epoch() >= std::chrono::nanoseconds(100 + 10 + done + n));
      done += n;
      if (done == got.size()) wait(s, true, false);
      if (n == 0) wait(s, true, false);
      if (done == got.size()) {
        std::byte more{};
        CHECK(s.read_some(0, {}, {&more, 1}).lost);
        break;
      }
    }
    CHECK(got == data);
  });
}

TEST_CASE("a stream holds no more than its buffer") {
  on_two(model, [](tt::sim& s, tt::sim_hub& hub) {
    if (s.rank() == 1) return hub.compute(1, 1ms);
    std::vector<std::byte> const data(10'000);
    std::size_t done = 0;
    while (std::size_t const n = s.write_some(1, {}, data).bytes) done += n;
    CHECK(done == 3000);
  });
}

TEST_CASE("a wait ends at its time, or when it is woken, also before it began") {
  on_two(model, [](tt::sim& s, tt::sim_hub&) {
    if (s.rank() == 1) return;
    s.wait({}, s.now() + 5us);
    CHECK(s.now().time_since_epoch() == 5us);
    s.wake();
    s.wait({}, s.now() + 5us);
    CHECK(s.now().time_since_epoch() == 5us);
  });
}

TEST_CASE("a rank that waited pays for waking up") {
  tutti::sim slow = model;
  slow.wake = 1us;
  on_two(slow, [](tt::sim& s, tt::sim_hub& hub) {
    std::byte one{};
    if (s.rank() == 0) {
      (void)s.write_some(1, {}, {&one, 1});
      hub.compute(0, 1ms);
    } else {
      wait(s, true, false);
      CHECK(s.now().time_since_epoch() == 10ns + 100ns + 1ns + 1us);
    }
  });
}
