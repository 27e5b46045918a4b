// SPDX-License-Identifier: BSL-1.0
// Promises of train/zero.hpp.
#include <tutti/train/zero.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>
#include <tutti/shard/checkpoint.hpp>
#include <tutti/train/adam.hpp>
#include <tutti/train/clip_shards.hpp>
#include <tutti/train/lars.hpp>
#include <tutti/train/sgd.hpp>
#include <tutti/train/zero_state.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../collective/worlds.hpp"
#include "../data/scratch.hpp"

namespace {

using tutti::communicator;
using tutti::zero;
using tutti::testing::over;
using tutti::testing::run_ranks;

/// A layer of floats, doubles and a buffer; a model is three of them, of sizes that no number of ranks divides.
struct layer {
  std::vector<float> w;
  std::int32_t calls = 7;
  std::vector<double> b;
};
using net = std::vector<layer>;
layer made(int index) {
  auto const i = static_cast<std::size_t>(index);
  layer l{std::vector<float>(37 + 20 * i), 7, std::vector<double>(i == 1 ? 0 : 2 + i)};
  for (std::size_t k = 0; k < l.w.size(); ++k) l.w[k] = worlds::wild(91 + index, k);
  for (std::size_t k = 0; k < l.b.size(); ++k) l.b[k] = static_cast<double>(worlds::wild(57 + index, k)) / 3;
  return l;
}
net initial() { return {made(0), made(1), made(2)}; }

/// What slot `slot` of step `step` contributes to a model with these weights: its sum has other bits in another order.
layer gradient(int step, int slot, layer const& at, int index) {
  layer g = at;
  int const seed = 100 * step + 10 * index + slot;
  for (std::size_t k = 0; k < g.w.size(); ++k) g.w[k] = worlds::wild(seed, k) + at.w[k] * 0x1p-3F;
  for (std::size_t k = 0; k < g.b.size(); ++k) g.b[k] = static_cast<double>(worlds::wild(seed, k)) / 7 + at.b[k] / 8;
  return g;
}
net gradient(int step, int slot, net const& at) {
  net g;
  for (int i = 0; i < 3; ++i) g.push_back(gradient(step, slot, at[static_cast<std::size_t>(i)], i));
  return g;
}
constexpr int steps = 3, slots = 8;
double weight(int step, int slot) { return slot == 3 ? 0 : 1 + (step + slot) % 5; }

net plus(net x, net const& y) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t k = 0; k < x[i].w.size(); ++k) x[i].w[k] += y[i].w[k];
    for (std::size_t k = 0; k < x[i].b.size(); ++k) x[i].b[k] += y[i].b[k];
  }
  return x;
}
/// One process, plain loops: ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7)), divided once, one step of the whole model.
template <class Optimizer>
net serial(Optimizer opt, net model) {
  for (int step = 0; step < steps; ++step) {
    std::vector<net> sums;
    double total = 0;
    for (int s = 0; s < slots; ++s) {
      sums.push_back(gradient(step, s, model));
      total += weight(step, s);
    }
    for (; sums.size() > 1; sums.resize(sums.size() / 2))
      for (std::size_t i = 0; i < sums.size() / 2; ++i) sums[i] = plus(sums[2 * i], sums[2 * i + 1]);
    for (layer& l : sums[0]) {
      for (float& g : l.w) g /= static_cast<float>(total);
      for (double& g : l.b) g /= total;
    }
    opt.step(model, sums[0]);
  }
  return model;
}
bool same_bits(net const& x, net const& y) {
  bool same = x.size() == y.size();
  for (std::size_t i = 0; same && i < x.size(); ++i)
    same = worlds::same_bits(x[i].w, y[i].w) && worlds::same_bits(x[i].b, y[i].b) && x[i].calls == y[i].calls;
  return same;
}
int first_slot(communicator& world) { return tutti::slot_cut(slots, world.size(), world.rank()); }
int last_slot(communicator& world) { return tutti::slot_cut(slots, world.size(), world.rank() + 1); }

/// The numbers, in bytes, that an optimiser keeps: it is a model like any other.
template <class Optimizer>
std::size_t bytes_of(Optimizer const& opt) {
  std::size_t n = 0;
  tutti::for_each_tensor(opt, [&](auto const& t) { n += t.data.size_bytes(); });
  return n;
}
std::string sentence(auto call) {
  try {
    call();
  } catch (tutti::error const& e) {
    return std::string(to_string(e.kind())) + ": " + e.what();
  }
  return "";
}

net train_whole(communicator& world, auto& z, net model) {
  for (int step = 0; step < steps; ++step) {
    for (int s = first_slot(world); s < last_slot(world); ++s) z.add(s, gradient(step, s, model), weight(step, s));
    double total = 0;
    for (int s = 0; s < slots; ++s) total += weight(step, s);
    CHECK(z.step(model) == total);
  }
  return model;
}

}  // namespace

TEST_CASE("zero 1: the bits of one process, whole models, adam and sgd, and an optimiser of 1/P the memory") {
  net const whole = initial();
  tutti::adam const adam{.lr = 0.05};
  tutti::sgd const sgd{.lr = 0.05, .momentum = 0.9};
  net const by_adam = serial(adam, whole);
  net const by_sgd = serial(sgd, whole);
  CHECK_FALSE(same_bits(by_adam, whole));
  std::size_t const numbers = (37 + 57 + 77) * sizeof(float) + (2 + 4) * sizeof(double);
  for (over const medium : {over::memory, over::sockets})
    for (int const size : {1, 2, 3, 4, 5, 7, 8, 13}) {
      if (medium == over::sockets && size > 3) continue;
      run_ranks(
          size,
          [&](communicator& world) {
            auto z = zero<1>(world, whole, adam, slots);
            CHECK(same_bits(train_whole(world, z, whole), by_adam));
            auto const p = static_cast<std::size_t>(size);
            CHECK(bytes_of(z.optimizer()) <= (2 * numbers + p - 1) / p + 64);
            auto momentum = zero<2>(world, whole, sgd, slots);
            CHECK(same_bits(train_whole(world, momentum, whole), by_sgd));
          },
          medium);
    }
}

TEST_CASE("zero 1: a gradient in parts is clipped by the norm of the whole, once") {
  net const whole = initial();
  for (int const size : {1, 3, 5})
    run_ranks(size, [&](communicator& world) {
      net model = whole;
      auto z = zero<1>(world, model, tutti::sgd{.lr = 1}, slots);
      for (int s = first_slot(world); s < last_slot(world); ++s) z.add(s, gradient(0, s, model), 1);
      z.reduce(0);
      double squares = 0;  // of the mean, by a sum in any order
      for (std::size_t i = 0; i < 3; ++i) {
        std::vector<double> mean(whole[i].w.size() + whole[i].b.size());
        for (int s = 0; s < slots; ++s) {
          layer const g = gradient(0, s, whole[i], static_cast<int>(i));
          for (std::size_t k = 0; k < g.w.size(); ++k) mean[k] += static_cast<double>(g.w[k]) / slots;
          for (std::size_t k = 0; k < g.b.size(); ++k) mean[g.w.size() + k] += g.b[k] / slots;
        }
        for (double const m : mean) squares += m * m;
      }
      double const norm = std::sqrt(squares);
      CHECK(clip_by_global_norm(world, z.gradient(), 0.5) == doctest::Approx(norm).epsilon(1e-5));
      CHECK(global_norm(world, z.gradient()) == doctest::Approx(0.5).epsilon(1e-5));
    });
}

TEST_CASE("zero 1: ranks of unequal speed own unequal numbers of slots, and the bits stay") {
  net const due = serial(tutti::adam{.lr = 0.05}, initial());
  run_ranks(3, [&](communicator& world) {
    net model = initial();
    std::vector<double> const speeds{1, 3, 1};
    auto const cuts = tutti::slot_cuts(slots, speeds);
    auto z = zero<1>(world, model, tutti::adam{.lr = 0.05}, slots, speeds);
    auto const r = static_cast<std::size_t>(world.rank());
    for (int step = 0; step < steps; ++step) {
      for (int s = static_cast<int>(cuts[r]); s < static_cast<int>(cuts[r + 1]); ++s)
        z.add(s, gradient(step, s, model), weight(step, s));
      z.step(model);
    }
    CHECK(same_bits(model, due));
  });
}

TEST_CASE("zero 1: lars, which looks at whole tensors, gets whole tensors, and never less") {
  net const whole = initial();
  tutti::lars const lars{.lr = 5};
  net const due = serial(lars, whole);
  for (int const size : {1, 2, 3, 8})
    run_ranks(size, [&](communicator& world) {
      auto z = zero<1>(world, whole, lars, slots);
      CHECK(same_bits(train_whole(world, z, whole), due));
      if (size > 1)
        CHECK(sentence([&] {
                (void)zero<1>(world, whole, lars, slots, {}, tutti::by_bytes{});
              }).find(".w' would lie on several ranks: cut the model by_tensor{}") != std::string::npos);
    });
}

TEST_CASE("zero 2: layer by layer, the bits of one process; no gradient is held but this rank's part") {
  net const whole = initial();
  net const due = serial(tutti::adam{.lr = 0.05}, whole);
  for (int const size : {1, 2, 3, 4, 8, 13})
    run_ranks(size, [&](communicator& world) {
      net model = whole;
      auto const at = [&](int i) -> layer& { return model[static_cast<std::size_t>(i)]; };
      auto z = zero<2>(world, 3, at, tutti::adam{.lr = 0.05}, slots);
      for (int step = 0; step < steps; ++step) {
        for (int i = 2; i >= 0; --i) {  // as a backward pass comes to them
          for (int s = first_slot(world); s < last_slot(world); ++s)
            z.add(i, s, gradient(step, s, at(i), i), weight(step, s));
          z.reduce(i);
        }
        z.step(at);
      }
      CHECK(same_bits(model, due));
    });
}

TEST_CASE("zero 3: the bits of one process, of layers that are put together one at a time") {
  net const due = serial(tutti::adam{.lr = 0.05}, initial());
  for (int const size : {1, 2, 3, 4, 8, 13})
    run_ranks(size, [&](communicator& world) {
      auto z = zero<3>(world, 3, made, tutti::adam{.lr = 0.05}, slots);
      for (int step = 0; step < steps; ++step) {
        for (int i = 0; i < 3; ++i) {
          layer now = made(i);
          z.gather(i, now);
          for (int s = first_slot(world); s < last_slot(world); ++s)
            z.add(i, s, gradient(step, s, now, i), weight(step, s));
          z.reduce(i);
        }
        z.step();
      }
      net result = initial();
      for (int i = 0; i < 3; ++i) z.gather(i, result[static_cast<std::size_t>(i)]);
      CHECK(same_bits(result, due));
      // Over all layers together the parts differ by one float and one double at most.
      std::size_t most = 0, least = z.view().size() * sizeof(double);
      for (int r = 0; r < size; ++r) {
        most = (std::max)(most, z.view().bytes(r));
        least = (std::min)(least, z.view().bytes(r));
      }
      CHECK(most - least <= sizeof(float) + sizeof(double));
    });
}

TEST_CASE("zero: misuse is refused, and names the layer and the remedy") {
  run_ranks(1, [&](communicator& world) {
    net model = initial();
    auto const at = [&](int i) -> layer& { return model[static_cast<std::size_t>(i)]; };
    auto z = zero<2>(world, 3, at, tutti::sgd{}, 2);
    CHECK(sentence([&] { z.add(0, made(0), 1); }).find("this one has 3 layers: name the layer") != std::string::npos);
    CHECK(sentence([&] { z.add(0, 2, made(0), 1); }).find("slot 2 is not the next one of rank 0") != std::string::npos);
    CHECK(sentence([&] { z.add(1, 0, made(1), 1); }).find("layer 0 was begun and not reduced") != std::string::npos);
    CHECK(sentence([&] {
            z.add(0, 0, made(1), 1);
          }).find("'w' of 57 numbers where the one that was cut has tensor 'w'") != std::string::npos);
    CHECK(sentence([&] { z.add(0, 0, made(0), -1); }).find("a weight must be") != std::string::npos);
    z.add(0, 0, made(0), 1);
    z.reduce(0);
    CHECK(sentence([&] { z.reduce(0); }).find("was reduced before in this step") != std::string::npos);
    CHECK(sentence([&] { z.step(at); }).find("layer 1 was not reduced in this step") != std::string::npos);
    CHECK(sentence([&] { z.reduce(1); }).find("no rank contributed any weight") != std::string::npos);
    CHECK(sentence([&] { z.reduce(3); }) == "config: zero: layer 3 of 3");
    CHECK(sentence([&] { (void)zero<1>(world, model, tutti::sgd{}, 0); }).find("slots must be") != std::string::npos);
  });
  run_ranks(2, [&](communicator& world) {
    net model = initial();
    auto z = zero<1>(world, model, tutti::sgd{}, 4 + world.rank());
    CHECK(sentence([&] { z.step(model); }).find("into 4 slots, another into 5") != std::string::npos);
  });
}

namespace {

/// A job that keeps `Model` and `Optimizer`, whatever these are, under the names of one that keeps them whole.
template <class Model, class Optimizer>
struct saved_job {
  Model model;
  Optimizer optimizer;
  friend void tutti_visit(saved_job& j, auto&& v) {
    v("model", j.model);
    v("optimizer", j.optimizer);
  }
};
template <class Model, class Optimizer>
saved_job(Model, Optimizer) -> saved_job<Model, Optimizer>;
/// A layer without its buffer, which stage 3 does not keep.
struct weights_only {
  layer whole;
  friend void tutti_visit(weights_only& l, auto&& v) {
    v("w", l.whole.w);
    v("b", l.whole.b);
  }
};
void add_slots(communicator& world, auto& z, int step, net const& at) {
  for (int i = 0; i < 3; ++i) {
    for (int s = first_slot(world); s < last_slot(world); ++s)
      z.add(i, s, gradient(step, s, at[static_cast<std::size_t>(i)], i), weight(step, s));
    z.reduce(i);
  }
}

}  // namespace

TEST_CASE("a job saved under ZeRO goes on with another number of ranks, in another stage, or in one process") {
  tutti::adam const adam{.lr = 0.05};
  net const due = serial(adam, initial());
  scratch const dir;
  std::string const path = dir.path.string();
  for (int const size : {1, 3, 8}) {
    CAPTURE(size);
    run_ranks(size, [&](communicator& world) {  // two steps in stage 3
      auto z = zero<3>(world, 3, made, adam, slots);
      for (int step = 0; step < 2; ++step) {
        net at = initial();
        for (int i = 0; i < 3; ++i) z.gather(i, at[static_cast<std::size_t>(i)]);
        add_slots(world, z, step, at);
        z.step();
      }
      saved_job job{tutti::zero_weights(world, z), tutti::zero_state(world, z)};
      tutti::checkpoint::save(path, job, world);
    });
    run_ranks(1, [&](communicator& world) {  // the third without ZeRO, and the model whole
      std::vector<weights_only> model{{made(0)}, {made(1)}, {made(2)}};
      saved_job job{std::ref(model), tutti::adam{}};
      tutti::checkpoint::load(path, job, world);
      net now{model[0].whole, model[1].whole, model[2].whole};
      auto z = zero<1>(world, now, job.optimizer, slots);
      CHECK(job.optimizer.steps == 2);
      for (int s = 0; s < slots; ++s) z.add(s, gradient(2, s, now), weight(2, s));
      z.step(now);
      CHECK(same_bits(now, due));
    });
    for (int const other : {1, 2, 5})
      run_ranks(other, [&](communicator& world) {  // the third in stage 1
        std::vector<weights_only> model{{made(0)}, {made(1)}, {made(2)}};
        auto const at = [&](int i) -> layer& { return model[static_cast<std::size_t>(i)].whole; };
        auto z = zero<1>(world, 3, at, adam, slots);
        saved_job job{std::ref(model), tutti::zero_state(world, z)};
        tutti::checkpoint::load(path, job, world);
        net const now{at(0), at(1), at(2)};
        add_slots(world, z, 2, now);
        z.step(at);
        CHECK(same_bits({at(0), at(1), at(2)}, due));
      });
  }
}
