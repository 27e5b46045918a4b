// SPDX-License-Identifier: BSL-1.0
// Promises of engine/timed_strand.hpp: asynchronous calls on a virtual clock.
#include <tutti/async.hpp>

#include <doctest/doctest.h>

#include <tutti/sim.hpp>
#include <tutti/train/overlapped.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using tutti::sim_communicator;
using tutti::testing::run_ranks;

tutti::sim gigabit() {
  tutti::sim net;
  net.alpha = 50us;
  net.beta = 1.25e8;
  return net;
}
double ms(nanoseconds t) { return std::chrono::duration<double, std::milli>(t).count(); }

struct layers {
  std::vector<std::vector<float>> layer = std::vector<std::vector<float>>(8, std::vector<float>(40'000));
};
layers ones() {
  layers all;
  for (auto& l : all.layer) l.assign(l.size(), 1);
  return all;
}

}  // namespace

TEST_CASE("a started call goes on while its rank computes, and gives what the blocking call gives") {
  for (int const p : {1, 2, 3, 5}) {
    INFO("ranks " << p);
    std::size_t const n = 250'000;  // 1 MB
    auto const call = [&](auto body) {
      return run_ranks(
                 p,
                 [&](sim_communicator& world) {
                   std::vector<float> x(n, static_cast<float>(world.rank() + 1));
                   body(world, x);
                   CHECK(x.front() == static_cast<float>(p * (p + 1) / 2));
                   CHECK(x.back() == x.front());
                 },
                 gigabit())
          .time();
    };
    auto const alone = call([](auto& world, auto& x) { allreduce(world, x); });
    auto const one_by_one = call([](auto& world, auto& x) {
      allreduce(world, x);
      world.compute(30ms);
    });
    auto const at_once = call([](auto& world, auto& x) {
      auto sum = async_allreduce(world, x);
      world.compute(30ms);
      sum.get();
    });
    auto const again = call([](auto& world, auto& x) {
      auto sum = async_allreduce(world, x);
      world.compute(30ms);
      sum.get();
    });
    CHECK(at_once == again);  // the same nanosecond in every run
    if (p == 1) continue;
    REQUIRE(ms(alone) > 8);
    CHECK(ms(one_by_one) > ms(alone) + 29.9);
    // What is not hidden is what the rank's own core does: it copies and folds.
    CHECK(ms(one_by_one - at_once) >= 0.8 * ms(alone));
    CHECK(ms(at_once) >= 30);
  }
}

TEST_CASE("calls on two communicators go on side by side, whichever a rank waits for first") {
  run_ranks(
      4,
      [](sim_communicator& world) {
        auto other = world.dup();
        std::vector<float> a(50'000, 1), b(50'000, 2);
        auto first = async_allreduce(world, a);
        auto second = async_allreduce(other, b);
        if (world.rank() % 2 == 0) {
          first.get();
          second.get();
        } else {
          second.get();
          first.get();
        }
        CHECK(a[0] == 4);
        CHECK(b[0] == 8);
        // A blocking call on one while the other is under way.
        auto third = async_allreduce(other, b);
        if (world.rank() == 3) third.wait();
        barrier(world);
        third.get();
        CHECK(b[0] == 32);
      },
      gigabit());
}

TEST_CASE("a gradient that travels during the backward pass: at least 60 % of its way costs no time") {
  for (int const p : {2, 4}) {
    INFO("ranks " << p);
    auto const piece = p == 2 ? 1600us : 2500us;  // of the pass: all of it is a little more than the way
    auto const step = [&](bool compute, bool overlap) {
      return run_ranks(
                 p,
                 [&](sim_communicator& world) {
                   layers gradient = ones();
                   tutti::overlapped_data_parallel dp{world, gradient, {.slots = p, .bucket_bytes = 200'000}};
                   dp.begin(world.rank(), gradient, 1);
                   for (std::size_t l = 8; l-- > 0;) {
                     if (compute) world.compute(piece);
                     if (overlap) dp.ready("layer." + std::to_string(l));
                   }
                   dp.end();
                   dp.sync(gradient);
                   CHECK(gradient.layer[3][7] == 1);
                 },
                 gigabit())
          .time();
    };
    auto const way = step(false, false), apart = step(true, false), together = step(true, true);
    REQUIRE(ms(apart) >= ms(way) + 8 * ms(piece) - 0.1);
    double const hidden = ms(apart - together) / ms(way);
    INFO("of " << ms(way) << " ms " << hidden << " are hidden");
    CHECK(hidden >= 0.6);
  }
}
