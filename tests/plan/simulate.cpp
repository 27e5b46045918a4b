// SPDX-License-Identifier: BSL-1.0
// Two oracles: LogGP times worked out by hand, and the real engine on a simulated world.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/alltoall.hpp>
#include <tutti/collective/barrier.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/collective/gather.hpp>
#include <tutti/collective/reduce.hpp>
#include <tutti/collective/reduce_scatter.hpp>
#include <tutti/collective/scan.hpp>
#include <tutti/collective/scatter.hpp>
#include <tutti/group/simulated.hpp>
#include <tutti/plan/simulate.hpp>

using namespace std::chrono_literals;
using tutti::algorithm;
using tutti::sim;
using tutti::sim_communicator;
using tutti::plan::collective;
using nanoseconds = std::chrono::nanoseconds;
namespace plan = tutti::plan;

namespace {

constexpr std::int64_t alpha = 50'000, overhead = 700, header = 48;
constexpr sim wire{.alpha = nanoseconds(alpha), .overhead = nanoseconds(overhead), .beta = 1e9, .fold = 1e9};

plan::row const& row(collective what, algorithm how) {
  for (plan::row const& r : plan::table())
    if (r.what == what && r.algorithm == how) return r;
  FAIL("no such row");
  return plan::table().front();
}
std::int64_t time_of(collective what, algorithm how, int ranks, std::int64_t bytes) {
  return plan::simulate(row(what, how), ranks, static_cast<std::uint64_t>(bytes), wire).time().count();
}

std::int32_t value(int r, std::size_t i) { return 1000 * (r + 1) + static_cast<std::int32_t>(7 * i); }
/// The sum of element i over the first `ranks` ranks.
std::int32_t sum(int ranks, std::size_t i) {
  return 500 * ranks * (ranks + 1) + ranks * static_cast<std::int32_t>(7 * i);
}

/// The calls of the library, `n` elements of 4 bytes for every rank; whether this rank ends with what it must (of long
/// buffers that is not looked at).
bool make(sim_communicator& c, collective what, std::size_t n, tutti::options const& how) {
  int const p = c.size(), me = c.rank();
  std::size_t const at = n * static_cast<std::size_t>(me);
  std::vector<std::int32_t> mine(n), all(n * static_cast<std::size_t>(p));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = value(me, i);
  std::copy_n(all.begin(), n, mine.begin());
  auto const is = [n](std::vector<std::int32_t> const& found, auto due) {
    for (std::size_t i = 0; i < found.size() && n <= 5'000; ++i)
      if (found[i] != due(i)) return false;
    return true;
  };
  auto const brought = [me](std::size_t i) { return value(me, i); };
  auto const joined = [n](std::size_t i) { return value(static_cast<int>(i / n), i % n); };
  auto const summed = [p](std::size_t i) { return sum(p, i); };
  switch (what) {
    case collective::broadcast:
      broadcast(c, all, how);
      return is(all, [&](std::size_t i) { return value(how.root, i); });
    case collective::reduce:
      reduce(c, all, how);
      return me == how.root ? is(all, summed) : is(all, brought);
    case collective::allreduce:
      allreduce(c, all, how);
      return is(all, summed);
    case collective::scatter:
      scatter(c, all, mine, how);
      return is(mine, [&](std::size_t i) { return value(how.root, at + i); });
    case collective::gather:
      gather(c, mine, all, how);
      return me == how.root ? is(all, joined) : is(all, brought);
    case collective::allgather:
      allgather(c, mine, all, how);
      return is(all, joined);
    case collective::reduce_scatter:
      reduce_scatter(c, all, mine, how);
      return is(mine, [&](std::size_t i) { return sum(p, at + i); });
    case collective::barrier:
      barrier(c, how);
      return true;
    case collective::alltoall: {
      auto in = all;
      alltoall(c, all, in, how);
      return is(in, [&](std::size_t i) { return value(static_cast<int>(i / n), at + i % n); });
    }
    case collective::scan:
      scan(c, all, how);
      return is(all, [me](std::size_t i) { return sum(me + 1, i); });
    case collective::exscan:
      exscan(c, all, how);
      return me == 0 ? is(all, brought) : is(all, [me](std::size_t i) { return sum(me, i); });
  }
  return false;
}

void agree(sim const& model, int ranks, std::size_t n) {
  for (plan::row const& r : plan::table()) {
    if (!r.serves(ranks)) continue;
    CAPTURE(plan::to_string(r.what));
    CAPTURE(tutti::to_string(r.algorithm));
    CAPTURE(ranks);
    CAPTURE(n);
    bool right = true;
    tutti::options how{.algorithm = r.algorithm, .root = ranks / 2};
    if (r.fold == plan::folds::any) how.order = tutti::order::any;
    auto const real = tutti::testing::run_ranks(
        ranks, [&](sim_communicator& c) { right = make(c, r.what, n, how) && right; }, model);
    CHECK(right);
    bool const barrier = r.what == collective::barrier;
    auto const data = plan::simulate(r, ranks, barrier ? 1 : 4 * n * static_cast<std::size_t>(ranks), model, how.root,
                                     barrier ? 1 : 4);
    CHECK(data.finished == real.finished);
    CHECK(data.messages == real.messages);
    CHECK(data.bytes == real.bytes);
  }
}

}  // namespace

TEST_CASE("star, direct and exchange take their LogGP times") {
  for (std::int64_t p : {2, 3, 4, 5, 8, 13, 100}) {
    CAPTURE(p);
    std::int64_t const part = 4 * 300, n = p * part, k = part + header, others = p - 1;
    int const ranks = static_cast<int>(p);
    CHECK(time_of(collective::broadcast, algorithm::star, ranks, 1200) ==
          2 * overhead + alpha + others * (1200 + header));
    CHECK(time_of(collective::broadcast, algorithm::star, ranks, 4) == p * overhead + alpha + 4 + header);
    CHECK(time_of(collective::allreduce, algorithm::star, ranks, 2000) ==
          4 * overhead + 2 * alpha + 2 * others * (2000 + header) + others * 2000);
    CHECK(time_of(collective::allreduce, algorithm::direct, ranks, n) ==
          4 * overhead + 2 * alpha + others * (k + part) + others * part);
    CHECK(time_of(collective::allgather, algorithm::direct, ranks, n) == 2 * overhead + alpha + others * k);
  }
  CHECK(time_of(collective::allreduce, algorithm::exchange, 2, 4000) == 2 * overhead + alpha + 4000 + header + 4000);
}

TEST_CASE("a binomial broadcast of a small message takes log2 p steps") {
  for (int steps : {1, 2, 3, 6, 10}) {
    // The last rank to know is the one that hears through the most links, each after its sender's earlier sends.
    auto const t = time_of(collective::broadcast, algorithm::binomial, 1 << steps, 4);
    CHECK(t >= steps * (2 * overhead + alpha + 4 + header));
    CHECK(t <= steps * (2 * overhead + alpha + 4 + header) + steps * steps * overhead);
  }
}

TEST_CASE("every call by every algorithm is right on a simulated world, at the nanosecond that plans as data say") {
  SUBCASE("small messages") {
    for (int ranks = 1; ranks <= 17; ++ranks) agree(wire, ranks, 3);
  }
  SUBCASE("nothing to move") { agree(wire, 3, 0); }
  SUBCASE("several granules and segments") {
    for (int ranks : {2, 3, 4}) agree(wire, ranks, 300'000);
  }
  SUBCASE("hosts of several ranks that share cores, and pay for waking up") {
    sim shared{.wake = 3us, .hosts = 2, .cores = 2};
    for (int ranks : {7, 16}) agree(shared, ranks, 5'000);
  }
  SUBCASE("streams that hold little, and jitter") {
    sim narrow = wire;
    narrow.segment = 1460;
    narrow.buffer = 10'000;
    narrow.jitter = 0.7;
    for (int ranks : {2, 5}) agree(narrow, ranks, 5'000);
  }
}

TEST_CASE("among 64 ranks every call by every algorithm is right") {
  std::vector<std::string> wrong;  // simulated ranks run one at a time
  (void)tutti::testing::run_ranks(
      64,
      [&](sim_communicator& c) {
        for (plan::row const& r : plan::table()) {
          tutti::options how{.algorithm = r.algorithm, .root = 40};
          if (r.fold == plan::folds::any) how.order = tutti::order::any;
          if (r.serves(64) && !make(c, r.what, 2, how))
            wrong.push_back(std::string(plan::to_string(r.what)) + " by " + std::string(tutti::to_string(r.algorithm)));
        }
      },
      sim{.hosts = 8, .cores = 4});
  CHECK(wrong == std::vector<std::string>{});
}

TEST_CASE("an alltoall of bytes that ranks do not divide is one of equal blocks") {
  for (plan::row const& r : plan::table())
    if (r.what == collective::alltoall)
      for (int ranks : {2, 3, 7})
        for (std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{4}, std::uint64_t{1000}}) {
          std::uint64_t const blocks =
              (bytes / 4 + static_cast<std::uint64_t>(ranks) - 1) / static_cast<std::uint64_t>(ranks);
          CHECK(plan::simulate(r, ranks, bytes, wire).finished ==
                plan::simulate(r, ranks, 4 * blocks * static_cast<std::uint64_t>(ranks), wire).finished);
        }
}

TEST_CASE("ten thousand ranks fit: a tree, in log2 p steps") {
  auto const t = plan::simulate(row(collective::broadcast, algorithm::binomial), 10'000, 1024, sim{});
  CHECK(t.finished.size() == 10'000);
  CHECK(t.messages == 9'999);
  CHECK(t.time() > 14 * 20us);
  CHECK(t.time() < 14 * 30us);
}

TEST_CASE("plans that wait for each other are refused, as is a send that nobody receives") {
  plan::plan first, second;
  first.size = second.size = 2;
  second.rank = 1;
  plan::block const all{plan::buffer::output, 0, 0, 2};
  std::vector<std::uint64_t> const offsets{0, 4, 8};
  SUBCASE("a circle") {
    first.steps = {{plan::verb::recv, 1, all, {}, {}}, {plan::verb::send, 1, all, {}, {0}}};
    second.steps = {{plan::verb::recv, 0, all, {}, {}}, {plan::verb::send, 0, all, {}, {0}}};
  }
  SUBCASE("no one listens") { first.steps = {{plan::verb::send, 1, all, {}, {}}}; }
  plan::detail::simulation<> s(2, offsets, 4, 48, wire);
  s.add(first);
  s.add(second);
  CHECK_THROWS_AS((void)s.run(), tutti::error);
}

TEST_CASE("a simulated world chooses for its own machine") {
  for (sim const& model : {sim{}, sim{.hosts = 1, .cores = 2}, sim{.alpha = 1ms}})
    for (std::size_t bytes : {std::size_t{64}, std::size_t{1} << 20U}) {
      auto const time = [&](algorithm how) {
        return tutti::testing::run_ranks(
                   16,
                   [&](sim_communicator& c) {
                     std::vector<float> x(bytes / sizeof(float));
                     allreduce(c, x, {.algorithm = how});
                   },
                   model)
            .time();
      };
      auto best = time(algorithm::star);
      for (auto how : {algorithm::direct, algorithm::binomial, algorithm::doubling, algorithm::halving})
        best = (std::min)(best, time(how));
      CHECK(time(algorithm::automatic) <= 2 * best);
    }
}

TEST_CASE("a machine and the network of it describe the same constants") {
  tutti::machine const m{.latency = 3,
                         .overhead = 4,
                         .wake = 5,
                         .copy = 0.25,
                         .fold = 0.5,
                         .uncached = 0,
                         .link = 8,
                         .distance = 40,
                         .cores = 2,
                         .per_host = 4};
  CHECK(plan::machine_of(plan::network_of(m, 16), 16) == m);
  sim const n = plan::network_of(m, 16);
  CHECK(n.hosts == 4);
  CHECK(n.cores == 2);
  CHECK(n.alpha == 43us);
  CHECK(n.beta == doctest::Approx(1.25e8));
}

TEST_CASE("on simulated networks of either kind the choice is rarely far from the fastest algorithm") {
  tutti::sim slow, fast, hybrid;
  slow.alpha = 50us;
  slow.beta = 1.25e8;
  fast.alpha = 2us;
  fast.overhead = 500ns;
  fast.beta = 1.25e10;
  hybrid.hosts = 2;
  hybrid.cores = 4;
  for (sim const& network : {slow, fast, hybrid}) {
    int cells = 0, near = 0;
    double worst = 0;
    for (int ranks : {2, 3, 4, 8, 13, 16})
      for (auto what : {collective::broadcast, collective::reduce, collective::allreduce, collective::scatter,
                        collective::gather, collective::allgather, collective::reduce_scatter, collective::alltoall})
        for (std::uint64_t bytes : {1024U, 16384U, 262144U, 4194304U}) {
          auto const chosen =
              plan::choose(what, ranks, bytes, algorithm::automatic, {}, plan::machine_of(network, ranks));
          double best = 0, ours = 0;
          for (plan::row const& r : plan::table()) {
            if (r.what != what || !r.obstacle(ranks, {}).empty()) continue;
            auto const time = static_cast<double>(plan::simulate(r, ranks, bytes, network, 0).time().count());
            if (best == 0 || time < best) best = time;
            if (r.algorithm == chosen) ours = time;
          }
          ++cells;
          near += ours <= 1.15 * best ? 1 : 0;
          worst = (std::max)(worst, ours / best);
        }
    CAPTURE(worst);
    CHECK(near >= cells * 88 / 100);
    CHECK(worst < 2.5);
  }
}
