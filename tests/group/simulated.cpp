// SPDX-License-Identifier: BSL-1.0
// Finish times are compared with LogGP times worked out by hand: a byte takes 1 ns of a link and 1 ns to fold.
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/barrier.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/collective/send.hpp>
#include <tutti/collective/shift.hpp>
#include <tutti/group/simulated.hpp>

using namespace std::chrono_literals;
using tutti::algorithm;
using tutti::error_kind;
using tutti::sim;
using tutti::sim_communicator;
using tutti::testing::run_ranks;
using tutti::testing::try_ranks;
using nanoseconds = std::chrono::nanoseconds;

namespace {

constexpr std::int64_t alpha = 50'000, overhead = 700, header = 48;
constexpr sim wire{.alpha = nanoseconds(alpha), .overhead = nanoseconds(overhead), .beta = 1e9, .fold = 1e9};

/// An allreduce of ones, `elements` of 4 bytes.
std::int64_t allreduce_time(int ranks, std::size_t elements, algorithm how) {
  auto const report = run_ranks(
      ranks,
      [&](sim_communicator& c) {
        std::vector<std::int32_t> ones(elements, 1);
        allreduce(c, ones, {.algorithm = how});
        for (std::int32_t sum : ones) REQUIRE(sum == ranks);
      },
      wire);
  return report.time().count();
}

/// Kinds and blamed ranks, by rank; none where the function returned.
struct ending {
  bool thrown = false;
  error_kind kind{};
  int blamed = -1;
  std::string text{};
};
template <class Function>
std::vector<ending> endings(int ranks, Function fn, tutti::join_options how = {}) {
  std::vector<tutti::testing::outcome> ended;
  (void)try_ranks(ranks, fn, wire, ended, how);
  std::vector<ending> all;
  for (auto const& o : ended) {
    ending e;
    try {
      if (o.thrown) std::rethrow_exception(o.thrown);
    } catch (tutti::error const& problem) {
      e = {true, problem.kind(), problem.rank(), problem.what()};
    } catch (std::exception const& problem) {
      e = {true, {}, -1, problem.what()};
    }
    all.push_back(e);
  }
  return all;
}

}  // namespace

TEST_CASE("the star allreduce takes its LogGP time: bound by the link of rank 0, or by its core") {
  for (int p : {2, 3, 4, 5, 8, 13}) {
    for (std::int64_t elements : {std::int64_t{1}, std::int64_t{500}}) {
      std::int64_t const n = 4 * elements, k = n + header, others = p - 1;
      std::int64_t const link = 4 * overhead + 2 * others * k;
      std::int64_t const core = 2 * p * overhead + 2 * k;
      CAPTURE(p);
      CAPTURE(n);
      CHECK(allreduce_time(p, static_cast<std::size_t>(elements), algorithm::star) ==
            (k >= overhead ? link : core) + 2 * alpha + others * n);
    }
  }
}

TEST_CASE("the direct allreduce takes its LogGP time") {
  for (std::int64_t p : {2, 3, 4, 5, 8, 13}) {
    std::int64_t const part = 4 * 300, k = part + header, others = p - 1;
    CAPTURE(p);
    CHECK(allreduce_time(static_cast<int>(p), static_cast<std::size_t>(300 * p), algorithm::direct) ==
          4 * overhead + 2 * alpha + others * (k + part) + others * part);
  }
}

TEST_CASE("the exchange of two takes its LogGP time") {
  for (std::int64_t n : {4, 400, 4000})
    CHECK(allreduce_time(2, static_cast<std::size_t>(n / 4), algorithm::exchange) ==
          2 * overhead + alpha + n + header + n);
}

TEST_CASE("a long message is sent piece by piece: its bytes cross the link once, at full rate") {
  for (std::int64_t p : {2, 3, 8}) {
    std::int64_t const n = 3'000'000;
    auto const report = run_ranks(
        static_cast<int>(p),
        [&](sim_communicator& c) {
          std::vector<std::byte> data(static_cast<std::size_t>(n), std::byte(c.rank() == 0 ? 1 : 0));
          broadcast(c, data, 0, {.algorithm = algorithm::star});
          REQUIRE(data.back() == std::byte(1));
        },
        wire);
    auto const expected = 2 * overhead + alpha + (p - 1) * (n + header);
    CHECK(report.time().count() == expected);
    CHECK(report.bytes == static_cast<std::uint64_t>((p - 1) * (n + header)));
  }
}

TEST_CASE("the same model and seed give the same times, results and order; another seed other times") {
  auto const trial = [](std::uint64_t seed) {
    std::vector<int> order;  // only one rank runs at a time
    auto const report = run_ranks(
        13,
        [&](sim_communicator& c) {
          std::vector<double> x(1000, 1.0 / (c.rank() + 1));
          for (int i = 0; i < 5; ++i) {
            c.compute(std::chrono::microseconds(c.rank() * 7 % 5));
            allreduce(c, x);
            order.push_back(c.rank());
          }
        },
        sim{.hosts = 5, .cores = 2, .jitter = 0.5, .seed = seed});
    return std::pair(report.finished, order);
  };
  auto const first = trial(1);
  CHECK(trial(1) == first);
  CHECK(trial(2).first != first.first);
}

TEST_CASE("sixty-four ranks, and communicators of their own") {
  (void)run_ranks(
      64,
      [](sim_communicator& c) {
        auto row = c.split(c.rank() / 8, c.rank());
        std::vector<int> x(100, c.rank());
        allreduce(row, x);
        allreduce(c, x);
        int const all = 63 * 64 / 2;
        CHECK(x[99] == 8 * all);
      },
      sim{.hosts = 8, .cores = 4});
}

TEST_CASE("messages take their time too, and a message nobody sends is an error in no time") {
  auto const report = run_ranks(
      5,
      [](sim_communicator& c) {
        std::vector<int> token(25, c.rank());
        for (int i = 0; i < 10; ++i) shift(c, token, 1);
        CHECK(token[24] == c.rank());
      },
      wire);
  CHECK(report.time() >= 10 * nanoseconds(alpha + 2 * overhead + 100));
  CHECK(report.time() <= 10 * nanoseconds(alpha + 4 * overhead + 300));
  auto const ended = endings(2, [](sim_communicator& c) {
    int x = 0;
    if (c.rank() == 0) recv(c, x, 1);
    barrier(c);
  });
  CHECK(ended[0].kind == error_kind::timeout);
}

TEST_CASE("compute moves the clock, and ranks of one host share its cores") {
  auto const compute = [](sim_communicator& c) {
    auto const before = c.now();
    c.compute(2ms);
    CHECK(c.now() - before >= 2ms);
  };
  CHECK(run_ranks(4, compute, sim{}).finished == std::vector<nanoseconds>(4, 2ms));
  CHECK(run_ranks(4, compute, sim{.hosts = 1, .cores = 2}).finished == std::vector<nanoseconds>{2ms, 2ms, 4ms, 4ms});
}

TEST_CASE("a sender that is far ahead waits for room in the stream") {
  sim narrow = wire;
  narrow.buffer = 1000;
  std::vector<nanoseconds> finished;
  finished = run_ranks(
                 2,
                 [](sim_communicator& c) {
                   if (c.rank() == 1) c.compute(1s);
                   std::vector<std::byte> data(100'000);
                   broadcast(c, data, 0, {.algorithm = algorithm::star});
                 },
                 narrow)
                 .finished;
  CHECK(finished[0] > 1s);
}

TEST_CASE("a deadline passes in virtual time, and names the rank that did not come") {
  auto const begun = std::chrono::steady_clock::now();
  nanoseconds when{};
  auto const ended = endings(3, [&](sim_communicator& c) {
    if (c.rank() == 1) c.compute(1h);
    try {
      barrier(c, {.timeout = 5min});
    } catch (...) {
      if (c.rank() == 0) when = c.now().time_since_epoch();
      throw;
    }
  });
  for (auto const& e : ended) {
    CHECK(e.kind == error_kind::timeout);
    CHECK(e.blamed == 1);
  }
  CHECK(when >= 5min);
  CHECK(when < 5min + 1s);
  CHECK(std::chrono::steady_clock::now() - begun < 1min);
}

TEST_CASE("ranks that wait for each other for ever end with the deadline's error, not with a hang") {
  auto const ended = endings(4, [](sim_communicator& c) {
    auto other = c.dup();
    c.rank() < 2 ? barrier(c) : barrier(other);
  });
  for (auto const& e : ended) CHECK(e.thrown);
  CHECK(ended[0].kind == error_kind::timeout);
}

TEST_CASE("a rank that throws ends the others, who name it") {
  auto const ended = endings(5, [](sim_communicator& c) {
    barrier(c);
    if (c.rank() == 3) throw std::runtime_error("index 7 is out of range");
    barrier(c);
  });
  for (std::size_t r = 0; r < 5; ++r) {
    CAPTURE(ended[r].text);
    CHECK(ended[r].text.find("index 7 is out of range") != std::string::npos);
    if (r == 3) continue;
    CHECK(ended[r].kind == error_kind::aborted);
    CHECK(ended[r].blamed == 3);
  }
}

TEST_CASE("a rank that returns early has left in good order, and is named by whoever waits for it") {
  auto const ended = endings(3, [](sim_communicator& c) {
    barrier(c);
    if (c.rank() != 2) barrier(c);
  });
  for (std::size_t r : {0U, 1U}) {
    CHECK(ended[r].kind == error_kind::peer_left);
    CHECK(ended[r].blamed == 2);
  }
  CHECK_FALSE(ended[2].thrown);
}

TEST_CASE("a simulated rank has one thread") {
  auto const ended = endings(1, [](sim_communicator& c) {
    std::exception_ptr seen;
    std::thread([&] {
      try {
        c.compute(1ms);
      } catch (...) {
        seen = std::current_exception();
      }
    }).join();
    REQUIRE(seen);
    std::rethrow_exception(seen);
  });
  CHECK(ended[0].kind == error_kind::config);
  CHECK(ended[0].text.find("one thread") != std::string::npos);
}

TEST_CASE("elsewhere compute sleeps") {
  run_ranks(1, [](tutti::communicator& c) {
    auto const before = c.now();
    c.compute(20ms);
    CHECK(c.now() - before >= 20ms);
  });
}
