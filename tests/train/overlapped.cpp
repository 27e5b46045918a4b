// SPDX-License-Identifier: BSL-1.0
// Promises of train/overlapped.hpp.
#include <tutti/train/overlapped.hpp>

#include <doctest/doctest.h>

#include <tutti/data/sampler.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/train/sgd.hpp>
#include <tutti/train/train_step.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;
using tutti::testing::over;
using tutti::testing::run_ranks;

struct layer {
  std::vector<float> weight;
  double bias = 0;
  std::int32_t calls = 9;  // an integer: no part of a gradient
};
struct net {
  std::vector<layer> layers;
};
net wild(int slot, std::size_t n) {
  net g;
  for (std::size_t l = 0; l < 3; ++l) {
    auto& one = g.layers.emplace_back();
    for (std::size_t i = 0; i < n + l; ++i) one.weight.push_back(worlds::wild(slot, l * 100 + i));
    one.bias = static_cast<double>(worlds::wild(slot, 50 + l)) * (1 + 0x1p-40);
  }
  return g;
}
bool same_bits(net const& x, net const& y) {
  bool same = x.layers.size() == y.layers.size();
  for (std::size_t l = 0; same && l < x.layers.size(); ++l)
    same = worlds::same_bits(x.layers[l].weight, y.layers[l].weight) && x.layers[l].bias == y.layers[l].bias &&
           x.layers[l].calls == y.layers[l].calls;
  return same;
}
template <class Call>
std::string sentence(Call call) {
  try {
    call();
  } catch (tutti::error const& e) {
    return e.what();
  }
  return "";
}

/// By plain loops: slots summed along the bracket (left half the largest power of two), then divided once.
net add(net x, net const& y) {
  for (std::size_t l = 0; l < 3; ++l) {
    for (std::size_t i = 0; i < x.layers[l].weight.size(); ++i) x.layers[l].weight[i] += y.layers[l].weight[i];
    x.layers[l].bias += y.layers[l].bias;
  }
  return x;
}
net bracket(std::vector<net> const& slots, std::size_t first, std::size_t last) {
  if (last - first == 1) return slots[first];
  std::size_t half = 1;
  while (2 * half < last - first) half *= 2;
  return add(bracket(slots, first, first + half), bracket(slots, first + half, last));
}
net mean(std::vector<net> const& slots, double weight) {
  net m = bracket(slots, 0, slots.size());
  for (auto& l : m.layers) {
    for (float& v : l.weight) v /= static_cast<float>(weight);
    l.bias /= weight;
  }
  return m;
}

}  // namespace

TEST_CASE("whatever the buckets and the order of ready(), the mean has the bits of the bracket over the slots") {
  constexpr int slots = 11;
  std::vector<net> of;
  double weight = 0;
  for (int s = 0; s < slots; ++s) {
    of.push_back(wild(s, 40));
    weight += s + 1;
  }
  of[7] = wild(7, 40);
  for (auto& l : of[7].layers) l = {std::vector<float>(l.weight.size()), 0, 9};  // nobody gives slot 7: zeros
  weight -= 8;
  net const due = mean(of, weight);
  for (int const p : {1, 2, 3, 4, 5, 13})
    for (std::size_t const bucket_bytes : {std::size_t{1}, std::size_t{200}, std::size_t{1} << 20U})
      run_ranks(p, [&](communicator& world) {
        tutti::overlapped_data_parallel dp{world, of[0], {.slots = slots, .bucket_bytes = bucket_bytes}};
        int const first = tutti::slot_cut(slots, p, world.rank()), last = tutti::slot_cut(slots, p, world.rank() + 1);
        for (int step = 0; step < 3; ++step) {
          net gradient = of[0];
          for (int s = first; s < last; ++s) {
            if (s == 7) continue;
            dp.begin(s, gradient, s + 1);
            for (std::size_t i = 0; i < 3; ++i) {  // the numbers are there only when ready() says so
              std::size_t const l = step == 0 ? 2 - i : (i + 1) % 3;
              gradient.layers[l] = of[static_cast<std::size_t>(s)].layers[l];
              if (step == 2 && l == 1)
                dp.ready("layers.1.bias");
              else if (step < 2 || l == 2)
                dp.ready("layers." + std::to_string(l));
            }
            dp.end();
          }
          CHECK(dp.sync(gradient) == weight);
          CHECK(same_bits(gradient, due));
        }
      });
}

TEST_CASE("a bucket leaves as soon as its last tensor is ready, in the pass over the last slot, and not before") {
  run_ranks(
      2,
      [&](communicator& world) {
        net gradient = wild(0, 1000);
        tutti::overlapped_data_parallel dp{world, gradient, {.slots = 4, .bucket_bytes = 1}};
        REQUIRE(dp.buckets() == 6);  // three of floats, three of doubles
        int const mine = 2 * world.rank();
        dp.begin(mine, gradient, 1);
        dp.ready("layers");
        dp.end();
        CHECK(dp.buckets_started() == 0);  // another slot is to come
        dp.begin(mine + 1, gradient, 1);
        CHECK(dp.buckets_started() == 0);
        dp.ready("layers.2.bias");
        CHECK(dp.buckets_started() == 1);
        dp.ready("layers.1");  // has to wait its turn
        CHECK(dp.buckets_started() == 1);
        dp.ready("layers.2.weight");
        CHECK(dp.buckets_started() == 4);
        dp.end();
        CHECK(dp.buckets_started() == 6);
        CHECK(dp.sync(gradient) == 4);
        CHECK(dp.buckets_started() == 0);
      },
      over::sockets);
}

TEST_CASE("train_step opens and ends the passes, so that its function need only say what is ready") {
  constexpr int slots = 5;
  std::vector<net> of;
  for (int s = 0; s < slots; ++s) of.push_back(wild(s, 8));
  net const due = mean(of, 10);
  for (int const p : {1, 3})
    run_ranks(p, [&](communicator& world) {
      net model = add(due, due), gradient = due;
      tutti::overlapped_data_parallel dp{world, model, {.slots = slots}};
      tutti::sgd opt{.lr = 1};
      tutti::sampler sampler{.size = 10, .global_batch = 10, .seed = 1, .slots = slots};
      for (auto const& batch : sampler.epochs(1).on(world))
        tutti::train_step(dp, opt, model, gradient, batch, [&](tutti::sample_slot const& slot, net& g) {
          for (std::size_t l : {2U, 1U, 0U}) {
            g.layers[l] = of[static_cast<std::size_t>(slot.index())].layers[l];
            dp.ready("layers." + std::to_string(l));
          }
        });
      CHECK(same_bits(gradient, due));
      CHECK(model.layers[1].weight[3] == due.layers[1].weight[3]);
    });
}

TEST_CASE("ranks of unequal speed take unequal numbers of slots, to the same bits; others than those are refused") {
  constexpr int slots = 7;
  std::vector<double> const shares{1, 0, 3};
  auto const cuts = tutti::slot_cuts(slots, shares);
  REQUIRE(cuts == std::vector<std::uint32_t>{0, 2, 2, 7});
  std::vector<net> of;
  for (int s = 0; s < slots; ++s) of.push_back(wild(s, 8));
  net const due = mean(of, slots);
  run_ranks(3, [&](communicator& world) {
    net gradient = of[0];
    tutti::overlapped_data_parallel dp{world, gradient, {.slots = slots, .bucket_bytes = 1, .shares = shares}};
    auto const r = static_cast<std::size_t>(world.rank());
    for (std::uint32_t s = cuts[r]; s < cuts[r + 1]; ++s) dp.add(static_cast<int>(s), of[s], 1);
    dp.sync(gradient);
    CHECK(same_bits(gradient, due));
    CHECK_THROWS_AS((tutti::overlapped_data_parallel{world, due, {.shares = std::span(shares).first(2)}}),
                    tutti::error);
  });
}

TEST_CASE("micro-batches of a slot under no_sync(), the last one ragged, are one big batch; nothing leaves early") {
  constexpr std::size_t samples = 50, inputs = 6;
  auto const one = [](std::size_t s, std::size_t i) {  // the gradient of a sample
    return std::sin(static_cast<double>(s * 17 + i * 5 + 1));
  };
  std::vector<double> full(inputs), mean_of_means(inputs);
  for (std::size_t i = 0; i < inputs; ++i) {
    for (std::size_t s = 0; s < samples; ++s) full[i] += one(s, i) / samples;
    for (std::size_t b = 0; b < 8; ++b) {
      double sum = 0;
      std::size_t const end = b == 7 ? samples : 7 * b + 7;
      for (std::size_t s = 7 * b; s < end; ++s) sum += one(s, i);
      mean_of_means[i] += sum / static_cast<double>(end - 7 * b) / 8;
    }
  }
  CHECK(std::fabs(mean_of_means[0] - full[0]) > 1e-3);  // control
  for (int const p : {1, 2, 3})
    run_ranks(p, [&](communicator& world) {
      std::vector<double> gradient(inputs);
      tutti::overlapped_data_parallel dp{world, gradient, {.slots = p, .bucket_bytes = 1}};
      std::size_t const ranks = static_cast<std::size_t>(p), r = static_cast<std::size_t>(world.rank());
      std::size_t const first = r * samples / ranks, last = (r + 1) * samples / ranks;
      for (int step = 0; step < 2; ++step) {
        for (std::size_t at = first; at < last; at += 7) {
          std::size_t const end = at + 7 < last ? at + 7 : last;
          gradient.assign(inputs, 0);
          for (std::size_t s = at; s < end; ++s)
            for (std::size_t i = 0; i < inputs; ++i) gradient[i] += one(s, i);
          if (end < last) {
            auto const more_to_come = dp.no_sync();
            dp.add(world.rank(), gradient, static_cast<double>(end - at));
            CHECK(dp.buckets_started() == 0);
          } else {
            dp.add(world.rank(), gradient, static_cast<double>(end - at));
            CHECK(dp.buckets_started() == dp.buckets());
          }
        }
        CHECK(dp.sync(gradient) == samples);
        for (std::size_t i = 0; i < inputs; ++i) CHECK(std::fabs(gradient[i] - full[i]) <= 1e-14);
      }
    });
}

TEST_CASE("what is called out of turn is refused by a sentence, and the step goes on") {
  run_ranks(2, [&](communicator& world) {
    net gradient = wild(world.rank(), 5);
    tutti::overlapped_data_parallel dp{world, gradient, {.slots = 2}};
    CHECK(sentence([&] { dp.ready("layers.1"); }) == "overlapped_data_parallel: ready() without begin()");
    CHECK(sentence([&] { dp.end(); }) == "overlapped_data_parallel: end() without begin()");
    CHECK(sentence([&] { dp.begin(1 - world.rank(), gradient, 1); }).find("is not the next one of rank") !=
          std::string::npos);
    CHECK(sentence([&] { dp.begin(world.rank(), gradient, -1); }).find("a weight must be") != std::string::npos);
    net other = wild(0, 6);
    CHECK(sentence([&] { dp.begin(world.rank(), other, 1); }).find("does not have the tensors") != std::string::npos);
    dp.begin(world.rank(), gradient, 1);
    CHECK(sentence([&] { dp.begin(world.rank(), gradient, 1); }).find("before the end()") != std::string::npos);
    dp.ready("layers.1");
    CHECK(sentence([&] { dp.ready("layers.1"); }).find("no tensor 'layers.1' that was not ready") != std::string::npos);
    CHECK(sentence([&] { dp.ready("layer"); }).find("no tensor 'layer'") != std::string::npos);
    CHECK(dp.sync(gradient) == 2);
    net const sum = add(wild(0, 5), wild(1, 5));
    CHECK(gradient.layers[1].weight[3] == sum.layers[1].weight[3] / 2);
    CHECK(sentence([&] { dp.sync(gradient); }).find("no rank contributed any weight") != std::string::npos);
    dp.add(world.rank(), gradient, 3);
    CHECK(dp.sync(gradient) == 6);
  });
}

TEST_CASE("a rank that fails in its backward pass ends the step of all, and what was under way hurts nobody") {
  std::vector<tutti::error_kind> kinds(3, tutti::error_kind::config);
  CHECK_THROWS_WITH(run_ranks(
                        3,
                        [&](communicator& world) {
                          net gradient = wild(world.rank(), 100'000);  // more than a stream holds
                          tutti::overlapped_data_parallel dp{world, gradient, {.slots = 3}};
                          dp.begin(world.rank(), gradient, 1);
                          dp.ready("layers.2");
                          if (world.rank() == 1) throw std::runtime_error("out of paper");
                          try {
                            dp.sync(gradient);
                          } catch (tutti::error const& e) {
                            kinds[static_cast<std::size_t>(world.rank())] = e.kind();
                            throw;
                          }
                        },
                        over::sockets),
                    doctest::Contains("out of paper"));
  CHECK(kinds[0] == tutti::error_kind::aborted);
  CHECK(kinds[2] == tutti::error_kind::aborted);
}
