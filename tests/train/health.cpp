// SPDX-License-Identifier: BSL-1.0
// Promises of what watches over training: train/guard_step.hpp, grad_health.hpp and verify_replicas.hpp.
#include <tutti/train/grad_health.hpp>
#include <tutti/train/guard_step.hpp>
#include <tutti/train/verify_replicas.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>
#include <tutti/train/adam.hpp>
#include <tutti/train/data_parallel.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace {

using tutti::communicator;
using tutti::testing::run_ranks;

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

struct net {
  std::vector<float> a = std::vector<float>(1000, 0.5F);
  std::vector<double> b = std::vector<double>(77, -2);
  std::int32_t calls = 3;
};

template <class Call>
std::string sentence(Call call) {
  try {
    call();
  } catch (tutti::error const& e) {
    return e.what();
  }
  return "";
}

// A chain of layers of `width` neurons, y = f(W x), loss = sum of the last outputs; gradients by hand.
constexpr std::size_t width = 8;
struct layer {
  std::vector<float> weight = std::vector<float>(width * width);
};
struct chain {
  std::vector<layer> layers;
};
double number(std::uint64_t i) {  // in [-1, 1)
  i = (i + 1) * 0x9e3779b97f4a7c15U;
  i = (i ^ (i >> 31U)) * 0xbf58476d1ce4e5b9U;
  return static_cast<double>((i ^ (i >> 29U)) >> 11U) * 0x1p-52 - 1;
}
template <class F, class Slope>
chain gradients(std::size_t depth, F f, Slope slope, double scale) {
  chain model{std::vector<layer>(depth)}, g{std::vector<layer>(depth)};
  std::vector<std::vector<double>> x(depth + 1, std::vector<double>(width, 0.5));
  for (std::size_t l = 0; l < depth; ++l)
    for (std::size_t j = 0; j < width; ++j) {
      double z = 0;
      for (std::size_t i = 0; i < width; ++i) {
        float& w = model.layers[l].weight[j * width + i];
        w = static_cast<float>(scale * number(l * 1000 + j * width + i) + (i == j ? 0.5 : 0));
        z += static_cast<double>(w) * x[l][i];
      }
      x[l + 1][j] = f(l, z);
    }
  std::vector<double> back(width, 1);
  for (std::size_t l = depth; l-- > 0;) {
    std::vector<double> below(width);
    for (std::size_t j = 0; j < width; ++j) {
      double const d = back[j] * slope(l, x[l + 1][j]);
      for (std::size_t i = 0; i < width; ++i) {
        g.layers[l].weight[j * width + i] = static_cast<float>(d * x[l][i]);
        below[i] += d * static_cast<double>(model.layers[l].weight[j * width + i]);
      }
    }
    back = below;
  }
  return g;
}

}  // namespace

TEST_CASE("a bad loss or gradient on one rank stops the step of all, who learn the rank, the tensor and the index") {
  for (int const p : {1, 2, 3, 5})
    run_ranks(p, [&](communicator& world) {
      tutti::guard_step guard{world};
      net g;
      CHECK(guard(1.5, g));
      g.calls = std::numeric_limits<std::int32_t>::max();
      CHECK(guard(0, g));
      if (world.rank() == p - 1) g.b[33] = HUGE_VAL;
      CHECK_FALSE(guard(1.5, g));
      CHECK(guard.why() == "rank " + std::to_string(p - 1) + ": number 33 of the gradient of 'b' is inf");
      CHECK_FALSE(guard(world.rank() == 0 ? no_number : 1, g));
      CHECK(guard.why() == "rank 0: the loss is nan");
      g.b[33] = 0;
      g.a[999] = world.rank() == p / 2 ? std::nanf("") : std::numeric_limits<float>::max();
      CHECK_FALSE(guard(1.5, g));
      CHECK(guard.why() == "rank " + std::to_string(p / 2) + ": number 999 of the gradient of 'a' is nan");
      CHECK(guard.refused() == 3);
    });
}

TEST_CASE("after sync() a bad number of any rank is seen by all, without a message") {
  for (int const p : {1, 2, 4})
    run_ranks(p, [&](communicator& world) {
      tutti::guard_step guard{world};
      for (double const bad : {HUGE_VAL, -HUGE_VAL, no_number}) {
        net g;
        tutti::data_parallel dp{world, g, p};
        dp.add(world.rank(), g, 1);
        dp.sync(g);
        CHECK(guard(dp, g));
        if (world.rank() == p - 1) g.a[7] = static_cast<float>(bad);
        dp.add(world.rank(), g, 1);
        dp.sync(g);
        auto const calls = world.stats().calls;
        CHECK_FALSE(guard(dp, g));
        CHECK(world.stats().calls == calls);
        CHECK(guard.why().find("the mean of all ranks: number 7 of the gradient of 'a' is ") == 0);
      }
      CHECK(guard.refused() == 3);
    });
}

TEST_CASE("with state, a bad step puts model and optimiser back on all ranks, and training goes on as from there") {
  for (int const p : {1, 3})
    run_ranks(p, [&](communicator& world) {
      net model, g;
      for (std::size_t i = 0; i < g.a.size(); ++i) g.a[i] = static_cast<float>(number(i));
      tutti::adam opt{0.1};
      tutti::guard_step guard{world, model, opt};
      auto const step = [&](double loss) {
        if (guard(loss, g)) opt.step(model, g);
        return model.a;
      };
      auto const one = step(1);
      CHECK(one != net{}.a);
      CHECK(step(world.rank() == p - 1 ? no_number : 1) == net{}.a);  // back to the start, before Adam had memory
      CHECK(opt.steps == 0);
      CHECK(step(1) == one);
      guard.keep();
      auto const two = step(1), three = step(1);
      CHECK(two != three);
      CHECK(step(world.rank() == 0 ? no_number : 1) == one);
      CHECK(opt.steps == 1);
      CHECK(step(1) == two);
      CHECK(step(1) == three);  // the memory came back too: control below
      opt.mean = {};
      opt.mean.f32.assign(g.a.size(), 0);
      opt.mean.f64.assign(g.b.size(), 0);
      auto const forgetful = step(1);
      (void)step(no_number);
      (void)step(1), (void)step(1);
      CHECK(step(1) != forgetful);

      std::span<float> shard(model.a.data(), 10);  // a view of what is held elsewhere
      tutti::guard_step over_shard{world, shard};
      auto const before = model.a;
      model.a[3] = 77;
      CHECK_FALSE(over_shard(no_number, g));
      CHECK(model.a == before);
    });
}

TEST_CASE("the first dead layer of a 20-layer sigmoid net is named, counted from the loss; shortcuts keep all alive") {
  auto const sigmoid = [](std::size_t, double z) { return 1 / (1 + std::exp(-z)); };
  auto const slope = [](std::size_t, double y) { return y * (1 - y); };
  chain const g = gradients(20, sigmoid, slope, 0.5);
  // By plain loops: the last layer whose root mean square is below a millionth of the largest.
  std::vector<double> sizes;
  for (auto const& l : g.layers) {
    double squares = 0;
    for (float v : l.weight) squares += double(v) * double(v);
    sizes.push_back(std::sqrt(squares / (width * width)));
  }
  std::size_t due = 20;
  while (due > 0 && sizes[due - 1] > 1e-6 * *std::max_element(sizes.begin(), sizes.end())) --due;
  REQUIRE(due > 1);
  REQUIRE(due < 19);
  auto const report = tutti::grad_health(g);
  CHECK(report.first_dead() == "layers." + std::to_string(due - 1) + ".weight");
  CHECK(report.first_not_finite() == "");
  for (std::size_t l = 0; l < 20; ++l) CHECK(report.tensors[l].size() == doctest::Approx(sizes[l]));

  auto const open = [](std::size_t, double z) { return z; };
  CHECK(tutti::grad_health(gradients(
                               20, open, [](std::size_t, double) { return 1.0; }, 0.1))
            .first_dead() == "");
  // One layer whose units are all off: it is the first, and those before it get nothing either.
  auto const off = [](std::size_t l, double z) { return l == 12 ? 0.0 : z; };
  auto const off_slope = [](std::size_t l, double) { return l == 12 ? 0.0 : 1.0; };
  auto const broken = tutti::grad_health(gradients(20, off, off_slope, 0.1));
  CHECK(broken.tensors[12].zeros == width * width);
  CHECK(broken.tensors[3].zeros == width * width);
}

TEST_CASE("the health of a gradient in parts is that of the whole, on every rank") {
  net whole;
  for (std::size_t i = 0; i < whole.a.size(); ++i) whole.a[i] = i % 5 == 0 ? 0 : static_cast<float>(number(i));
  whole.b[70] = no_number;
  auto const due = tutti::grad_health(whole);
  CHECK(due.first_not_finite() == "b");
  CHECK(due.tensors[0].zeros == 200);
  for (int const p : {1, 2, 3, 5})
    run_ranks(p, [&](communicator& world) {
      auto const cut = [&](auto const& all) {
        auto const n = all.size(), r = static_cast<std::size_t>(world.rank()), of = static_cast<std::size_t>(p);
        return std::remove_cvref_t<decltype(all)>(all.begin() + static_cast<std::ptrdiff_t>(r * n / of),
                                                  all.begin() + static_cast<std::ptrdiff_t>((r + 1) * n / of));
      };
      auto const report = tutti::grad_health(world, net{cut(whole.a), cut(whole.b)});
      REQUIRE(report.tensors.size() == 2);
      for (std::size_t i : {0U, 1U}) {
        CHECK(report.tensors[i].name == due.tensors[i].name);
        CHECK(report.tensors[i].numbers == due.tensors[i].numbers);
        CHECK(report.tensors[i].zeros == due.tensors[i].zeros);
        CHECK(report.tensors[i].not_finite == due.tensors[i].not_finite);
        CHECK(report.tensors[i].norm() == doctest::Approx(due.tensors[i].norm()).epsilon(1e-12));
      }
    });
}

TEST_CASE("one flipped bit anywhere is found: the rank, the tensor and the index, the same sentence on every rank") {
  for (int const p : {1, 2, 3, 5})
    run_ranks(p, [&](communicator& world) {
      net model;
      for (std::size_t i = 0; i < model.a.size(); ++i) model.a[i] = static_cast<float>(i);
      CHECK(sentence([&] { verify_replicas(world, model); }) == "");
    });
  struct change {
    int rank;
    char const* tensor;
    std::size_t index;
  };
  for (change const& c : {change{1, "a", 0}, {1, "a", 999}, {2, "a", 512}, {0, "b", 76}, {2, "calls", 0}})
    CHECK_THROWS_WITH_AS(run_ranks(3,
                                   [&](communicator& world) {
                                     net model;
                                     if (world.rank() == c.rank) {
                                       for (auto* v : {&model.a})
                                         if (c.tensor[0] == 'a') {
                                           std::uint32_t bits;
                                           std::memcpy(&bits, &(*v)[c.index], 4);
                                           bits ^= 1;
                                           std::memcpy(&(*v)[c.index], &bits, 4);
                                         }
                                       if (c.tensor[0] == 'b') model.b[c.index] = 8;
                                       if (c.tensor[0] == 'c') model.calls = 4;
                                     }
                                     std::string const said = sentence([&] { verify_replicas(world, model); });
                                     int const other = c.rank == 0 ? 1 : c.rank;
                                     std::string const due = "the replicas of rank 0 and rank " +
                                                             std::to_string(other) + " differ, first in number " +
                                                             std::to_string(c.index) + " of tensor '" + c.tensor +
                                                             "': ";
                                     CHECK(said.find(due) != std::string::npos);
                                     CHECK(said.find(c.tensor[0] == 'a'   ? "0.5 and 0.50000006"
                                                     : c.tensor[0] == 'b' ? "8 and -2"
                                                                          : "3 and 4") != std::string::npos);
                                     throw tutti::error(tutti::error_kind::config, "seen");
                                   }),
                         doctest::Contains("seen"), tutti::error);
  run_ranks(2, [](communicator& world) {  // of different shapes: as replicate() says it
    net model;
    model.a.resize(world.rank() == 0 ? 3 : 4);
    CHECK(sentence([&] { verify_replicas(world, model); }).find("tensor 'a' is f32 3 parameter here and f32 4") !=
          std::string::npos);
  });
}
