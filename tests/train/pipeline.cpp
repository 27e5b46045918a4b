// SPDX-License-Identifier: BSL-1.0
// Promises of train/pipeline.hpp and train/pipeline_events.hpp.
#include <tutti/train/pipeline.hpp>

#include <doctest/doctest.h>

#include <tutti/group/simulated.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/train/clip_shards.hpp>
#include <tutti/train/data_parallel.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../collective/worlds.hpp"

using namespace std::chrono_literals;

namespace {

using tutti::communicator;
using tutti::data_parallel;
using tutti::pipeline;
using tutti::pipeline_action;
using tutti::pipeline_event;
using tutti::pipeline_schedule;
using tutti::testing::over;
using row = std::vector<float>;

/// Compiled once for all cases.
void run_ranks(int size, std::function<void(communicator&)> const& body, over medium = over::memory) {
  tutti::testing::run_ranks(size, body, medium);
}

constexpr std::size_t width = 5;

row weights_of(int layer, int step) {
  row w(width * width);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = worlds::wild(100 + layer + 10 * step, i) * 0x1p-24F;
  return w;
}
row sample_of(int microbatch) {
  row x = worlds::wilds(microbatch, width);
  for (float& v : x) v *= 0x1p-20F;
  return x;
}
row times(row const& w, row const& x) {
  row y(width);
  for (std::size_t i = 0; i < width; ++i)
    for (std::size_t j = 0; j < width; ++j) y[i] += w[i * width + j] * x[j];
  return y;
}
row back(row const& w, row const& g) {
  row x(width);
  for (std::size_t i = 0; i < width; ++i)
    for (std::size_t j = 0; j < width; ++j) x[j] += w[i * width + j] * g[i];
  return x;
}
row outer(row const& g, row const& x) {
  row w(width * width);
  for (std::size_t i = 0; i < width; ++i)
    for (std::size_t j = 0; j < width; ++j) w[i * width + j] = g[i] * x[j];
  return w;
}
row plus(row a, row const& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

/// The gradient by the weights of one layer, for one microbatch; the loss is half the square of what the last layer
/// returns.
row gradient_of(int layers, int layer, int microbatch, int step) {
  std::vector<row> in{sample_of(microbatch)};
  for (int l = 0; l < layers; ++l) in.push_back(times(weights_of(l, step), in.back()));
  row g = in.back();
  for (int l = layers - 1; l > layer; --l) g = back(weights_of(l, step), g);
  return outer(g, in[static_cast<std::size_t>(layer)]);
}
/// One process, all microbatches, summed along the bracket.
row expected_gradient(int layers, int layer, int microbatches, int step) {
  row sum = worlds::bracket(
      0, microbatches, [&](int m) { return gradient_of(layers, layer, m, step); }, plus);
  for (float& v : sum) v /= static_cast<float>(microbatches);
  return sum;
}

/// One layer as a stage.
struct layer {
  int index, layers, microbatches, step = 0, fails_at = -1;
  row gradient = row(width * width);
  std::unique_ptr<data_parallel<tutti::transport::any>> dp;
  std::vector<row> stash{};
  int alive = 0, most = 0, passes = 0;

  layer(pipeline<>& pipe, int stage)
      : index(stage),
        layers(pipe.schedule().shape.stages),
        microbatches(pipe.schedule().shape.microbatches),
        dp(std::make_unique<data_parallel<tutti::transport::any>>(pipe.replicas(), gradient, microbatches)),
        stash(static_cast<std::size_t>(microbatches)) {}
  [[nodiscard]] row& kept(int m) { return stash[static_cast<std::size_t>(m)]; }

  row forward(row in, int m) {
    if (m == fails_at) throw std::runtime_error("no such layer");
    CHECK(in.empty() == (index == 0));
    kept(m) = index == 0 ? sample_of(m) : std::move(in);
    most = (std::max)(most, ++alive);
    ++passes;
    return times(weights_of(index, step), kept(m));
  }
  row backward(row const& gout, int m) {
    CHECK(gout.empty() == (index == layers - 1));
    row const g = index == layers - 1 ? times(weights_of(index, step), kept(m)) : gout;
    dp->add(m, outer(g, kept(m)), 1);
    --alive;
    ++passes;
    return back(weights_of(index, step), g);
  }
};

template <class Call>
std::string sentence(Call call) {
  try {
    call();
  } catch (std::exception const& e) {
    return e.what();
  }
  return "nothing thrown";
}

std::vector<pipeline_schedule> all_kinds(tutti::pipeline_shape const& shape) {
  std::vector<pipeline_schedule> all{tutti::gpipe(shape), tutti::one_f_one_b(shape)};
  if (shape.stages % 2 == 0 && shape.ranks >= shape.stages / 2) all.push_back(tutti::interleaved(shape, 2));
  return all;
}

/// Passes that take 1 ms forward, 2 ms backward, of virtual time.
struct timed_stage {
  tutti::sim_communicator* world;
  std::vector<float> forward(std::vector<float> const&, int) {
    world->compute(1ms);
    return {1};
  }
  std::vector<float> backward(std::vector<float> const&, int) {
    world->compute(2ms);
    return {1};
  }
};
/// The events of all ranks of one step on a simulated world.
std::vector<pipeline_event> measured(pipeline_schedule const& plan, tutti::sim const& network) {
  std::vector<pipeline_event> all;  // ranks take turns: no lock
  tutti::testing::run_ranks(
      plan.shape.ranks,
      [&](tutti::sim_communicator& world) {
        pipeline pipe{world, plan};
        barrier(world);
        std::vector<pipeline_event> mine;
        pipe.record(&mine);
        pipe.run(std::vector<timed_stage>(pipe.stages().size(), timed_stage{&world}));
        pipe.record(nullptr);
        pipe.run(std::vector<timed_stage>(pipe.stages().size(), timed_stage{&world}));
        all.insert(all.end(), mine.begin(), mine.end());
      },
      network);
  return all;
}
constexpr tutti::sim no_network{.alpha = 0ns, .overhead = 0ns, .beta = 0, .host_alpha = 0ns, .copy = 0, .fold = 0};

}  // namespace

TEST_CASE("gradients are those of one process, bit for bit, for every schedule on any number of ranks") {
  for (int const stages : {1, 2, 3, 4})
    for (int const microbatches : {1, 3, 8}) {
      std::vector<row> expected;
      for (int step = 0; step < 2; ++step)
        for (int s = 0; s < stages; ++s) expected.push_back(expected_gradient(stages, s, microbatches, step));
      if (microbatches == 8) {  // control: these numbers do tell one order of adding from another
        row sum = gradient_of(stages, 0, 7, 0);
        for (int m = 6; m >= 0; --m) sum = plus(sum, gradient_of(stages, 0, m, 0));
        for (float& v : sum) v /= 8;
        CHECK_FALSE(worlds::same_bits(sum, expected[0]));
      }
      for (over const medium : {over::memory, over::sockets})
        for (int const size : worlds::sizes) {
          if (medium == over::sockets && (size != 3 || microbatches != 3)) continue;
          if (size > 5 && microbatches == 1) continue;
          run_ranks(
              size,
              [&](communicator& world) {
                for (pipeline_schedule const& plan : all_kinds({stages, microbatches, size})) {
                  pipeline pipe{world, plan};
                  std::vector<layer> mine;
                  for (int const s : pipe.stages()) mine.emplace_back(pipe, s);
                  for (int step = 0; step < 2; ++step) {
                    for (layer& l : mine) l.step = step;
                    pipe.run(mine);
                    for (layer& l : mine) {
                      INFO("stages " << stages << " size " << size << " stage " << l.index);
                      CHECK(l.dp->sync(l.gradient) == microbatches);
                      CHECK(worlds::same_bits(l.gradient, expected[static_cast<std::size_t>(step * stages + l.index)]));
                    }
                  }
                }
              },
              medium);
        }
    }
}

TEST_CASE("a message finds its pass where a rank wants them in another order than they come") {
  pipeline_schedule plan = tutti::interleaved({4, 2, 2}, 2);
  plan.actions[0] = {{0, 0}, {0, 1}, {2, 0}, {2, 1}, {2, 0, true}, {2, 1, true}, {0, 0, true}, {0, 1, true}};
  plan.actions[1] = {{1, 0}, {3, 0}, {3, 0, true}, {1, 1}, {3, 1}, {3, 1, true}, {1, 0, true}, {1, 1, true}};
  run_ranks(2, [&](communicator& world) {
    pipeline pipe{world, plan};
    std::vector<layer> mine;
    for (int const s : pipe.stages()) mine.emplace_back(pipe, s);
    pipe.run(mine);
    for (layer& l : mine) {
      l.dp->sync(l.gradient);
      CHECK(worlds::same_bits(l.gradient, expected_gradient(4, l.index, 2, 0)));
    }
  });
}

TEST_CASE("ranks beyond the schedule idle; each stage has a root; a message per microbatch, boundary and direction") {
  constexpr int stages = 3, microbatches = 8;
  run_ranks(5, [&](communicator& world) {
    pipeline pipe{world, tutti::one_f_one_b({.stages = stages, .microbatches = microbatches, .ranks = stages})};
    CHECK(pipe.stages() == (world.rank() < stages ? std::vector<int>{world.rank()} : std::vector<int>{}));
    CHECK(pipe.replicas().size() == 1);
    for (int s = 0; s < stages; ++s) CHECK(pipe.root(s) == s);
    std::vector<layer> mine;
    for (int const s : pipe.stages()) mine.emplace_back(pipe, s);
    auto const before = world.stats();
    pipe.run(mine);
    auto const after = world.stats();
    bool const idle = world.rank() >= stages, end = world.rank() == 0 || world.rank() == stages - 1;
    CHECK(after.messages_sent - before.messages_sent == (idle ? 0U : end ? 8U : 16U));
    for (layer& l : mine) {
      CHECK(l.passes == 2 * microbatches);
      CHECK(l.most == stages - l.index);  // what the stage itself had to remember
    }
  });
}

namespace {
/// Longer than a lane between ranks holds: part of it is still to be sent while the next one comes in.
row long_row(int m) { return row(100'000 + static_cast<std::size_t>(m), static_cast<float>(m)); }

/// Nothing to compute; passes on what it gets in each of the ways a stage may.
struct passes_on {
  int how;
  row mine{};
  row const& forward(row&& in, int) { return how == 0 ? in : mine = in; }
  row&& backward(row&& gout, int) { return std::move(gout); }
};
struct first {
  std::vector<row> got = std::vector<row>(8);
  row x{};
  std::span<float const> forward(row&&, int m) { return x = long_row(m); }
  void backward(row&& gout, int m) { std::swap(got[static_cast<std::size_t>(m)], gout); }
};
struct last {
  void forward(row const& in, int m) { CHECK((in.empty() || in == long_row(m))); }
  row backward(row const&, int m) { return long_row(m + 100); }
};
}  // namespace

TEST_CASE("empty stages pass on; results may be values, references to their own or to the given buffer, or views") {
  run_ranks(4, [](communicator& world) {
    for (auto const& plan : {tutti::gpipe({4, 8, 4}), tutti::one_f_one_b({4, 8, 4})}) {
      pipeline pipe{world, plan};
      first begins;
      last ends;
      passes_on between{world.rank() % 2};
      if (world.rank() == 0) pipe.run(begins);
      if (world.rank() == 1 || world.rank() == 2) pipe.run(between);
      if (world.rank() == 3) pipe.run(ends);
      if (world.rank() == 0)
        for (int m = 0; m < 8; ++m) CHECK(begins.got[static_cast<std::size_t>(m)] == long_row(m + 100));
    }
  });
}

TEST_CASE("a stage that returns nothing where something is wanted is named") {
  run_ranks(1, [](communicator& world) {
    pipeline pipe{world, tutti::gpipe({2, 1, 1})};
    CHECK(sentence([&] { pipe.run(std::vector<last>(2)); }) ==
          "pipeline: the forward pass of microbatch 0 in stage 0 returns nothing, and stage 1 needs what it returns");
  });
}

namespace {
struct pair_of_rows {
  std::vector<double> a;
  std::string name;
};
struct object_stage {
  int stage;
  int seen = 0;
  pair_of_rows forward(pair_of_rows const& in, int m) {
    if (stage > 0) CHECK((in.a == std::vector<double>(static_cast<std::size_t>(m), stage - 1) && in.name == "up"));
    return {std::vector<double>(static_cast<std::size_t>(m), stage), "up"};
  }
  pair_of_rows backward(pair_of_rows const& gout, int m) {
    if (stage < 2) CHECK((gout.a == std::vector<double>{m + stage + 1.0} && gout.name == "down"));
    ++seen;
    return {{m + stage + 0.0}, "down"};
  }
};
}  // namespace

TEST_CASE("an activation may be any object") {
  for (int const size : {1, 2, 3, 4})
    run_ranks(size, [&](communicator& world) {
      pipeline<pair_of_rows> pipe{world, tutti::one_f_one_b({3, 5, size})};
      std::vector<object_stage> mine;
      for (int const s : pipe.stages()) mine.push_back({s});
      pipe.run(mine);
      int seen = 0;
      for (object_stage const& s : mine) seen += s.seen;
      CHECK(allreduce(world, seen) == 15);
    });
}

TEST_CASE("measured on a simulated world: idle time is (S-1)/(M+S-1), remembered are M or min(M, S-s) microbatches") {
  for (int const stages : {1, 2, 4})
    for (int const microbatches : {1, 3, 8}) {
      double const share = static_cast<double>(stages - 1) / (microbatches + stages - 1);
      auto const gpipe = measured(tutti::gpipe({stages, microbatches, stages}), no_network);
      auto const alternating = measured(tutti::one_f_one_b({stages, microbatches, stages}), no_network);
      for (auto const* events : {&gpipe, &alternating}) {
        CHECK(events->size() == 2 * static_cast<std::size_t>(stages * microbatches));
        CHECK(tutti::pipeline_bubble(*events) == doctest::Approx(share).epsilon(1e-12));
      }
      for (int s = 0; s < stages; ++s) {
        CHECK(tutti::pipeline_stash(gpipe, s) == microbatches);
        CHECK(tutti::pipeline_stash(alternating, s) == (std::min)(microbatches, stages - s));
      }
    }
  auto const chunked = measured(tutti::interleaved({8, 8, 4}, 2), no_network);
  CHECK(tutti::pipeline_bubble(chunked) == doctest::Approx(3.0 / (2 * 8 + 3)).epsilon(1e-12));

  // Controls: one microbatch after the other keeps all but one rank waiting; and messages that take time cost some.
  pipeline_schedule one_by_one = tutti::gpipe({4, 8, 4});
  for (int s = 0; s < 4; ++s) {
    auto& actions = one_by_one.actions[static_cast<std::size_t>(s)];
    actions.clear();
    for (int m = 0; m < 8; ++m) actions.insert(actions.end(), {{s, m, false}, {s, m, true}});
  }
  CHECK(tutti::pipeline_bubble(measured(one_by_one, no_network)) == doctest::Approx(0.75).epsilon(1e-12));
  double const slower = tutti::pipeline_bubble(measured(tutti::one_f_one_b({4, 8, 4}), tutti::sim{}));
  CHECK(slower > 3.0 / 11);
  CHECK(slower < 3.0 / 11 + 0.03);
}

TEST_CASE("what cannot run is refused before a byte moves, in one sentence, on every rank that can know it") {
  run_ranks(3, [](communicator& world) {
    CHECK(sentence([&] {
            pipeline pipe{world, tutti::gpipe({2, 4, 4})};
          }) == "pipeline: this schedule is for 4 ranks, and there are 3");
    pipeline_schedule broken = tutti::gpipe({2, 4, 2});
    std::swap(broken.actions[0].front(), broken.actions[0].back());
    CHECK(sentence([&] {
            pipeline pipe{world, broken};
          }) ==
          "pipeline: this schedule cannot run: rank 0 waits for ever before the backward pass of microbatch 3 in "
          "stage 0");
    CHECK(sentence([&] {
            pipeline pipe{world, world.rank() == 1 ? tutti::gpipe({2, 4, 2}) : tutti::one_f_one_b({2, 4, 2})};
          }) == "pipeline: the ranks were given different schedules: give all the same");
    pipeline pipe{world, tutti::gpipe({3, 4, 3})};
    std::vector<object_stage> none;
    std::vector<layer> too_many;
    too_many.emplace_back(pipe, 0);
    too_many.emplace_back(pipe, 1);
    CHECK(sentence([&] { pipe.run(too_many); }) == "pipeline: rank " + std::to_string(world.rank()) +
                                                       " has 1 stages and was given 2: give one for each of stages()");
  });
}

TEST_CASE("a stage that throws ends the step on every rank, and each says who it was") {
  std::vector<std::exception_ptr> thrown(3);
  auto const body = [&](communicator& world) {
    pipeline pipe{world, tutti::one_f_one_b({3, 8, 3})};
    std::vector<layer> mine;
    mine.emplace_back(pipe, world.rank());
    if (world.rank() == 1) mine.front().fails_at = 2;
    try {
      pipe.run(mine);
    } catch (...) {
      thrown[static_cast<std::size_t>(world.rank())] = std::current_exception();
      throw;
    }
  };
  CHECK(sentence([&] { run_ranks(3, body); }) == "no such layer");
  for (int const r : {0, 2}) {
    std::string const text = sentence([&] { std::rethrow_exception(thrown[static_cast<std::size_t>(r)]); });
    CHECK(text.find("no such layer") != std::string::npos);
    CHECK(text.find("rank 1") != std::string::npos);
  }
}
