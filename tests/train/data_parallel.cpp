// SPDX-License-Identifier: BSL-1.0
// Promises of train/data_parallel.hpp.
#include <tutti/train/data_parallel.hpp>

#include <doctest/doctest.h>

#include <tutti/collective/allreduce.hpp>
#include <tutti/data/sampler.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/train/clip.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;
using tutti::data_parallel;
using tutti::testing::over;
using tutti::testing::run_ranks;

struct net {
  std::vector<float> a;
  std::int32_t calls = 7;  // an integer: no part of a gradient
  std::vector<double> b;
};
net zeros(std::size_t n) { return {std::vector<float>(n), 7, std::vector<double>(n / 2)}; }
/// What slot `slot` contributes: numbers whose sum has other bits in any other order.
net wild(int slot, std::size_t n) {
  net g = zeros(n);
  for (std::size_t i = 0; i < n; ++i) g.a[i] = worlds::wild(slot, i);
  for (std::size_t i = 0; i < g.b.size(); ++i)
    g.b[i] =
        static_cast<double>(worlds::wild(slot, i + n)) * (1 + 0x1p-40 * static_cast<double>(worlds::wild(slot, i)));
  return g;
}
net plus(net x, net const& y) {
  for (std::size_t i = 0; i < x.a.size(); ++i) x.a[i] += y.a[i];
  for (std::size_t i = 0; i < x.b.size(); ++i) x.b[i] += y.b[i];
  return x;
}
net over_weight(net x, double weight) {
  for (float& v : x.a) v /= static_cast<float>(weight);
  for (double& v : x.b) v /= weight;
  return x;
}
bool same_bits(net const& x, net const& y) {
  return worlds::same_bits(x.a, y.a) && worlds::same_bits(x.b, y.b) && x.calls == y.calls;
}
template <class Call>
std::string sentence(Call call) {
  try {
    call();
  } catch (tutti::error const& e) {
    return std::string(to_string(e.kind())) + ": " + e.what();
  }
  return "";
}

/// Linear regression in double, by plain loops: the summed gradient over the samples [first, last).
constexpr std::size_t inputs = 6;
double input(std::size_t sample, std::size_t i) { return std::sin(static_cast<double>(sample * 17 + i * 5 + 1)); }
std::vector<double> summed_gradient(std::size_t first, std::size_t last) {
  std::vector<double> g(inputs);
  for (std::size_t s = first; s < last; ++s) {
    double wrong = -static_cast<double>(s % 4);  // the target
    for (std::size_t i = 0; i < inputs; ++i) wrong += 0.3 * static_cast<double>(i + 1) * input(s, i);
    for (std::size_t i = 0; i < inputs; ++i) g[i] += wrong * input(s, i);
  }
  return g;
}
std::vector<double> mean_gradient(std::size_t first, std::size_t last) {
  std::vector<double> g = summed_gradient(first, last);
  for (double& v : g) v /= static_cast<double>(last - first);
  return g;
}
template <class T>
double furthest(std::vector<T> const& a, std::vector<double> const& b) {
  double d = 0;
  for (std::size_t i = 0; i < b.size(); ++i) d = (std::max)(d, std::fabs(static_cast<double>(a.at(i)) - b[i]));
  return d;
}
template <class T>
std::vector<T> as(std::vector<double> const& v) {
  std::vector<T> all;
  for (double x : v) all.push_back(static_cast<T>(x));
  return all;
}

/// How often each sample was computed, over all ranks; each rank tells which ones it computes.
template <class Computes>
std::vector<int> times_computed(communicator& world, std::size_t n, Computes computes) {
  std::vector<int> times(n);
  computes([&](std::uint64_t sample) { ++times.at(static_cast<std::size_t>(sample)); });
  allreduce(world, times);
  return times;
}

}  // namespace

TEST_CASE("shards of 5, 3, 1 and 1 samples: the gradient is that of the full batch; a mean of means is not") {
  std::vector<std::size_t> const cuts{0, 5, 8, 9, 10};
  std::vector<double> const full = mean_gradient(0, 10);
  std::vector<double> mean_of_means(inputs);
  for (std::size_t r = 0; r < 4; ++r)
    for (std::size_t i = 0; i < inputs; ++i) mean_of_means[i] += mean_gradient(cuts[r], cuts[r + 1])[i] / 4;
  CHECK(furthest(mean_of_means, full) > 1e-2);  // control

  for (over const medium : {over::memory, over::sockets})
    run_ranks(
        4,
        [&](communicator& world) {
          auto const r = static_cast<std::size_t>(world.rank());
          double const samples = static_cast<double>(cuts[r + 1] - cuts[r]);
          auto floats = as<float>(summed_gradient(cuts[r], cuts[r + 1]));
          CHECK(data_parallel(world, floats).sync(floats, samples) == 10);
          CHECK(furthest(floats, full) <= 1e-6);
          auto doubles = summed_gradient(cuts[r], cuts[r + 1]);
          CHECK(data_parallel(world, doubles).sync(doubles, samples) == 10);
          CHECK(furthest(doubles, full) <= 1e-14);
          // Control: who divides before sync() and says "one contribution" gets the mean of means.
          auto wrong = mean_gradient(cuts[r], cuts[r + 1]);
          data_parallel(world, wrong).sync(wrong, 1);
          CHECK(furthest(wrong, mean_of_means) <= 1e-14);
        },
        medium);
}

TEST_CASE("accumulated micro-batches, the last one ragged, are one big batch") {
  constexpr std::size_t samples = 50, micro = 7;  // seven of 7 and one of 1
  constexpr int slots = 8;
  std::vector<double> const full = mean_gradient(0, samples);
  std::vector<double> mean_of_means(inputs);
  for (std::size_t s = 0; s < slots; ++s)
    for (std::size_t i = 0; i < inputs; ++i)
      mean_of_means[i] += mean_gradient(s * micro, (std::min)((s + 1) * micro, samples))[i] / slots;
  CHECK(furthest(mean_of_means, full) > 1e-2);  // control: the famous bug

  for (int const size : {1, 3})
    run_ranks(size, [&](communicator& world) {
      std::vector<float> g(inputs);
      data_parallel dp{world, g, slots};
      for (int step = 0; step < 3; ++step) {
        for (int s = tutti::slot_cut(slots, size, world.rank()); s < tutti::slot_cut(slots, size, world.rank() + 1);
             ++s) {
          std::size_t const first = static_cast<std::size_t>(s) * micro, last = (std::min)(first + micro, samples);
          dp.add(s, as<float>(summed_gradient(first, last)), static_cast<double>(last - first));
        }
        CHECK(dp.sync(g) == 50);
        CHECK(furthest(g, full) <= 1e-6);
      }
    });
}

TEST_CASE("slots: the same bits on any number of ranks, those of the bracket over the slots, skipped slots as zeros") {
  constexpr std::size_t n = 1501;  // more than the sums take at a time
  for (int const slots : {1, 3, 8, 11}) {
    auto const skipped = [](int s) { return s % 4 == 1; };
    double weight = 0;
    for (int s = 0; s < slots; ++s) weight += skipped(s) ? 0 : s + 1;
    auto const of = [&](int s) { return skipped(s) ? zeros(n) : wild(s, n); };
    net const expected = over_weight(worlds::bracket(0, slots, of, plus), weight);
    if (slots > 3) {  // control: these numbers do tell the bracket from a sum from left to right
      net serial = of(0);
      for (int s = 1; s < slots; ++s) serial = plus(serial, of(s));
      CHECK_FALSE(same_bits(over_weight(serial, weight), expected));
    }
    for (over const medium : {over::memory, over::sockets})
      for (int const size : {1, 2, 3, 4, 5, 7, 8, 13}) {
        if (medium == over::sockets && size > 3) continue;
        for (tutti::algorithm const how : {tutti::algorithm::star, tutti::algorithm::direct}) {
          run_ranks(
              size,
              [&](communicator& world) {
                INFO("slots " << slots << ", size " << size);
                net g = zeros(n);
                data_parallel dp{world, g, slots};
                CHECK(dp.slots() == slots);
                for (int step = 0; step < 2; ++step) {  // the second finds nothing of the first
                  int const last = tutti::slot_cut(slots, size, world.rank() + 1);
                  for (int s = tutti::slot_cut(slots, size, world.rank()); s < last; ++s)
                    if (!skipped(s)) dp.add(s, wild(s, n), s + 1);
                  CHECK(dp.sync(g, {.algorithm = how}) == weight);
                  CHECK(same_bits(g, expected));
                }
              },
              medium);
        }
      }
  }
}

TEST_CASE(
    "slots dealt out by shares: the same bits, whatever the shares; ranks that were given different ones are told") {
  constexpr std::size_t n = 57;
  auto const of = [](int s) { return wild(s, n); };
  net const expected = over_weight(worlds::bracket(0, 11, of, plus), 22);
  for (std::vector<double> const& shares :
       {std::vector<double>{1, 1, 1, .5}, std::vector<double>{0, 3, 0}, std::vector<double>{1, 1e-9}})
    run_ranks(static_cast<int>(shares.size()), [&](communicator& world) {
      net g = zeros(n);
      data_parallel dp{world, g, 11, shares};
      tutti::sampler sampler{.size = 22, .global_batch = 22, .slots = 11};
      for (auto const& batch : sampler.epochs(1).on(world, shares))
        for (auto const slot : batch.slots()) dp.add(slot.index(), wild(slot.index(), n), 2);
      CHECK(dp.sync(g) == 22);
      CHECK(same_bits(g, expected));
    });
  run_ranks(2, [&](communicator& world) {
    net g = zeros(n);
    std::vector<double> const shares{1, world.rank() + 1.0};
    data_parallel dp{world, g, 11, shares};
    CHECK(sentence([&] { dp.sync(g); }) ==
          "config: data_parallel: the ranks were given different shares: give all the same");
  });
}

TEST_CASE("one contribution per rank is summed along the bracket over the ranks") {
  constexpr std::size_t n = 33;
  for (int const size : {1, 2, 3, 5, 8})
    run_ranks(size, [&](communicator& world) {
      net const expected = over_weight(worlds::bracket(
                                           0, size, [](int r) { return wild(r, n); }, plus),
                                       3.0 * size);
      net g = wild(world.rank(), n);
      CHECK(data_parallel(world, g).sync(g, 3) == 3.0 * size);
      CHECK(same_bits(g, expected));
    });
}

TEST_CASE("each sample of an epoch is computed once, on one rank; a rank that computes the whole batch is found out") {
  constexpr std::size_t n = 103;
  std::vector<int> const once(n, 1);
  for (int const size : {1, 2, 3, 5, 13})
    run_ranks(size, [&](communicator& world) {
      tutti::sampler sampler{.size = n, .global_batch = 20, .seed = 4};
      auto const slots = times_computed(world, n, [&](auto compute) {
        for (auto const& batch : sampler.epochs(1).on(world))
          for (auto const slot : batch.slots())
            for (auto const sample : slot) compute(sample);
      });
      CHECK(slots == once);
      tutti::sampler again{.size = n, .global_batch = 20, .seed = 4};
      auto const whole = times_computed(world, n, [&](auto compute) {
        for (auto const& batch : again.epochs(1).on(world))
          for (auto const sample : batch.all()) compute(sample);
      });
      CHECK((whole == once) == (size == 1));  // control
    });
}

TEST_CASE("the weight that sync() returns is that of all ranks, exact for whole numbers up to 2^36 even among floats") {
  double const limit = 0x1p36 - 1;
  std::vector<double> const weights{0x1p35 + 1, 4095, 4096, 0, 0x1p24 + 1, 12345678901.0, 1};
  double rest = limit;
  for (double w : weights) rest -= w;
  REQUIRE(rest > 0);
  CHECK(static_cast<double>(static_cast<float>(0x1p35 + 1)) != 0x1p35 + 1);  // control: one float would not do
  for (int const size : {1, 2, 3, 5, 8})
    run_ranks(size, [&](communicator& world) {
      std::vector<float> g{0};
      data_parallel dp{world, g};
      for (int s = tutti::slot_cut(8, size, world.rank()); s < tutti::slot_cut(8, size, world.rank() + 1); ++s) {
        g[0] = s == 7 ? 0x1p36F : 0.0F;
        dp.add(s, g, s == 7 ? rest : weights[static_cast<std::size_t>(s)]);
      }
      CHECK(dp.sync(g) == limit);
      CHECK(g[0] == 0x1p36F / static_cast<float>(limit));
    });
}

TEST_CASE("a weight that is no whole number is as exact as the finest tensor") {
  run_ranks(3, [](communicator& world) {
    net g{{1}, 7, {1}};
    CHECK(data_parallel(world, g).sync(g, 0.1) == doctest::Approx(0.3).epsilon(1e-15));
    CHECK(g.b[0] == doctest::Approx(10).epsilon(1e-15));
    std::vector<float> f{1};
    CHECK(data_parallel(world, f).sync(f, 0.1) == doctest::Approx(0.3).epsilon(1e-6));
  });
}

TEST_CASE(
    "ranks without samples add nothing; a step in which nobody has any is refused on every rank, and can be repeated") {
  run_ranks(3, [](communicator& world) {
    std::vector<double> g{world.rank() == 1 ? 6.0 : 0.0};
    data_parallel dp{world, g};
    CHECK(dp.sync(g, world.rank() == 1 ? 4 : 0) == 4);
    CHECK(g[0] == 1.5);
    std::string const nobody = "config: data_parallel: no rank contributed any weight to this step";
    CHECK(sentence([&] { dp.sync(g, 0); }) == nobody);
    CHECK(sentence([&] { dp.sync(g); }) == nobody);
    CHECK(g[0] == 1.5);
    if (world.rank() == 2) dp.add(6, std::vector<double>{8}, 2);
    CHECK(dp.sync(g) == 2);
    CHECK(g[0] == 4);
  });
}

TEST_CASE("a refused contribution is one sentence, adds nothing, and the step goes on") {
  run_ranks(2, [](communicator& world) {
    std::vector<float> g(3, 1.0F);
    data_parallel dp{world, g};  // rank 0 owns 0 to 3, rank 1 owns 4 to 7
    std::string const me = std::to_string(world.rank());
    std::string const own = world.rank() == 0 ? "0 to 3" : "4 to 7";
    auto const refused = [&](int slot) {
      return "config: data_parallel: slot " + std::to_string(slot) + " is not the next one of rank " + me +
             ", which owns slots " + own + " and adds them in increasing order";
    };
    int const first = 4 * world.rank();
    for (int const slot : {-1, 8, 4 - first, (std::numeric_limits<int>::max)(), (std::numeric_limits<int>::min)()})
      CHECK(sentence([&] { dp.add(slot, g, 1); }) == refused(slot));
    dp.add(first + 1, g, 1);
    CHECK(sentence([&] { dp.add(first, g, 1); }) == refused(first));          // behind the last one
    CHECK(sentence([&] { dp.add(first + 1, g, 1); }) == refused(first + 1));  // twice
    double const nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
    for (double const weight : {nan, infinity, -1.0})
      CHECK(sentence([&] { dp.add(first + 2, g, weight); }) ==
            "config: data_parallel: a weight must be a number, zero or more");
    for (std::size_t const size : {std::size_t{2}, std::size_t{4}})
      CHECK(sentence([&] { dp.add(first + 2, std::vector<float>(size), 1); }) ==
            "config: data_parallel: this gradient has " + std::to_string(size) +
                " floats and 0 doubles, the model it was made for 3 floats and 0 doubles");
    CHECK(sentence([&] { dp.add(first + 2, std::vector<double>(3), 1); }).starts_with("config: data_parallel: "));
    std::vector<float> smaller(2);
    CHECK(sentence([&] { dp.sync(smaller); }).starts_with("config: data_parallel: this gradient has 2 floats"));
    CHECK(sentence([&] { dp.sync(g, 1); }) ==
          "config: data_parallel: slots were added to this step; end it with sync(gradient)");
    dp.add(first + 2, std::vector<float>(3, 5.0F), 3);
    CHECK(dp.sync(g) == 8);
    CHECK(g == std::vector<float>(3, 1.5F));
  });
  run_ranks(3, [](communicator& world) {  // one slot, owned by the last rank
    std::vector<float> g{1};
    data_parallel dp{world, g, 1};
    if (world.rank() == 0)
      CHECK(sentence([&] { dp.add(0, g, 1); }) ==
            "config: data_parallel: slot 0 is not the next one of rank 0, which owns none and adds them in increasing "
            "order");
    CHECK(sentence([&] { data_parallel(world, g, 0); }) == "config: data_parallel: slots must be at least 1, not 0");
  });
}

TEST_CASE("ranks that cut the step into different numbers of slots are told so, not summed wrongly") {
  for (over const medium : {over::memory, over::sockets})
    run_ranks(
        3,
        [](communicator& world) {
          for (int const others : {8, 5, 64}) {
            std::vector<float> g{1};
            data_parallel dp{world, g, world.rank() == 1 ? 4 : others};
            CHECK(sentence([&] { dp.sync(g); }) ==
                  "config: data_parallel: one rank cuts the step into 4 slots, another into " + std::to_string(others));
            CHECK(g[0] == 1);
          }
        },
        medium);
}

TEST_CASE("clipping after sync() is clipping the gradient of the full batch, on every rank the same") {
  std::vector<double> const full = mean_gradient(0, 10);
  double norm = 0;
  for (double v : full) norm += v * v;
  norm = std::sqrt(norm);
  REQUIRE(norm > 0.5);
  std::vector<double> clipped = full;
  for (double& v : clipped) v *= 0.5 / norm;
  // Control: clipping each shard first gives another direction.
  std::vector<std::size_t> const cuts{0, 5, 8, 9, 10};
  run_ranks(4, [&](communicator& world) {
    auto const r = static_cast<std::size_t>(world.rank());
    auto g = summed_gradient(cuts[r], cuts[r + 1]);
    data_parallel dp{world, g};
    auto too_early = g;
    tutti::clip_by_global_norm(dp, too_early, 0.5);
    dp.sync(too_early, static_cast<double>(cuts[r + 1] - cuts[r]));
    CHECK(furthest(too_early, clipped) > 1e-2);
    dp.sync(g, static_cast<double>(cuts[r + 1] - cuts[r]));
    CHECK(tutti::clip_by_global_norm(dp, g, 0.5) == doctest::Approx(norm).epsilon(1e-12));
    CHECK(furthest(g, clipped) <= 1e-12);
    std::vector<double> high = g, low = g;
    allreduce(world, high, tutti::max);
    allreduce(world, low, tutti::min);
    CHECK(worlds::same_bits(high, low));
  });
}
