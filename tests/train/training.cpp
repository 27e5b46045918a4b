// SPDX-License-Identifier: BSL-1.0
// A whole training run: sampler, data_parallel and an optimiser on a generated classification set, against serial
// loops.
#include <doctest/doctest.h>

#include <tutti/collective/allreduce.hpp>
#include <tutti/data/sampler.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/shard/replicate.hpp>
#include <tutti/train/data_parallel.hpp>
#include <tutti/train/loss.hpp>
#include <tutti/train/metric.hpp>
#include <tutti/train/optimizer.hpp>
#include <tutti/train/train_step.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;
using tutti::testing::over;
using tutti::testing::run_ranks;

constexpr std::size_t inputs = 5, hidden = 7, classes = 3, samples = 107, batch_size = 24, epochs = 6;
constexpr int slots = 11;  // no power of two: its bracket is unlike any other tree

struct net {
  std::vector<float> weight1 = std::vector<float>(hidden * inputs);
  std::vector<float> bias1 = std::vector<float>(hidden);
  std::vector<double> weight2 = std::vector<double>(classes * hidden);  // both element types in one model
  std::array<double, classes> bias2{};
};
/// What is summed over a slot: the loss goes through the bracket with the gradient.
struct contribution {
  net gradient;
  double loss = 0;
};
struct run_result {
  std::vector<double> losses;  // of each step
  net model;
};

double number(std::uint64_t i) {  // in [-1, 1)
  i = (i + 1) * 0x9e3779b97f4a7c15U;
  i = (i ^ (i >> 31U)) * 0xbf58476d1ce4e5b9U;
  return static_cast<double>((i ^ (i >> 29U)) >> 11U) * 0x1p-52 - 1;
}
float input(std::uint64_t sample, std::size_t i) {
  double const centre = 2 * number(1000 + sample % classes * inputs + i);
  return static_cast<float>(centre + number(5000 + sample * inputs + i));
}
std::size_t label(std::uint64_t sample) { return static_cast<std::size_t>(sample % classes); }

net initial(std::uint64_t seed) {
  net m;
  for (std::size_t i = 0; i < m.weight1.size(); ++i) m.weight1[i] = static_cast<float>(number(seed * 999 + i));
  for (std::size_t i = 0; i < m.weight2.size(); ++i) m.weight2[i] = number(seed * 999 + 500 + i);
  return m;
}

struct pass {
  std::array<float, hidden> h{};
  std::array<double, classes> z{};
};
pass forward(net const& m, std::uint64_t sample) {
  pass p;
  for (std::size_t j = 0; j < hidden; ++j) {
    p.h[j] = m.bias1[j];
    for (std::size_t i = 0; i < inputs; ++i) p.h[j] += m.weight1[j * inputs + i] * input(sample, i);
    p.h[j] = p.h[j] > 0 ? p.h[j] : 0;
  }
  for (std::size_t c = 0; c < classes; ++c) {
    p.z[c] = m.bias2[c];
    for (std::size_t j = 0; j < hidden; ++j) p.z[c] += m.weight2[c * hidden + j] * static_cast<double>(p.h[j]);
  }
  return p;
}
void add_sample(net const& m, std::uint64_t sample, contribution& to) {
  pass const p = forward(m, sample);
  std::array<double, classes> dz{};
  to.loss += tutti::loss::softmax_cross_entropy(p.z, label(sample), dz).sum;
  for (std::size_t c = 0; c < classes; ++c) {
    to.gradient.bias2[c] += dz[c];
    for (std::size_t j = 0; j < hidden; ++j) to.gradient.weight2[c * hidden + j] += dz[c] * static_cast<double>(p.h[j]);
  }
  for (std::size_t j = 0; j < hidden; ++j) {
    double dh = 0;
    for (std::size_t c = 0; c < classes; ++c) dh += dz[c] * m.weight2[c * hidden + j];
    float const back = p.h[j] > 0 ? static_cast<float>(dh) : 0.0F;
    to.gradient.bias1[j] += back;
    for (std::size_t i = 0; i < inputs; ++i) to.gradient.weight1[j * inputs + i] += back * input(sample, i);
  }
}

/// The loop as a user writes it; the same for a world of one and for many.
run_result train(communicator& world, int in_slots = slots) {
  run_result result{{}, initial(static_cast<std::uint64_t>(world.rank() + 1))};  // every rank its own seed
  tutti::replicate(world, result.model);
  tutti::data_parallel dp{world, contribution{}, in_slots};
  tutti::adam optimizer{0.02};
  tutti::sampler sampler{.size = samples, .global_batch = batch_size, .seed = 3, .slots = in_slots};
  for (auto const& batch : sampler.epochs(epochs).on(world)) {
    for (auto const slot : batch.slots()) {
      contribution mine;
      for (auto const sample : slot) add_sample(result.model, sample, mine);
      dp.add(slot.index(), mine, static_cast<double>(slot.size()));
    }
    contribution mean;
    dp.sync(mean);
    optimizer.step(result.model, mean.gradient);
    result.losses.push_back(mean.loss);
  }
  return result;
}

template <class Of>
void for_each_number(net& m, Of of) {
  for (float& v : m.weight1) of(v);
  for (float& v : m.bias1) of(v);
  for (double& v : m.weight2) of(v);
  for (double& v : m.bias2) of(v);
}
contribution plus(contribution x, contribution y) {
  for (std::size_t i = 0; i < x.gradient.weight1.size(); ++i) x.gradient.weight1[i] += y.gradient.weight1[i];
  for (std::size_t i = 0; i < x.gradient.bias1.size(); ++i) x.gradient.bias1[i] += y.gradient.bias1[i];
  for (std::size_t i = 0; i < x.gradient.weight2.size(); ++i) x.gradient.weight2[i] += y.gradient.weight2[i];
  for (std::size_t i = 0; i < x.gradient.bias2.size(); ++i) x.gradient.bias2[i] += y.gradient.bias2[i];
  x.loss += y.loss;
  return x;
}

enum class fold { bracket, left_to_right };
/// The same run without sampler, communicator and data_parallel: slots cut and folded here.
run_result train_serially(fold how) {
  run_result result{{}, initial(1)};
  tutti::adam optimizer{0.02};
  for (std::uint64_t epoch = 0; epoch < epochs; ++epoch) {
    tutti::permutation const order(samples, 3, epoch);
    for (std::size_t first = 0; first < samples; first += batch_size) {
      std::size_t const size = samples - first < batch_size ? samples - first : batch_size;
      auto const of_slot = [&](int s) {
        auto const cut = [&](int at) { return first + size * static_cast<std::size_t>(at) / slots; };
        contribution sum;
        for (std::size_t i = cut(s); i < cut(s + 1); ++i) add_sample(result.model, order[i], sum);
        return sum;
      };
      contribution sum = how == fold::bracket ? worlds::bracket(0, slots, of_slot, plus) : of_slot(0);
      if (how == fold::left_to_right)
        for (int s = 1; s < slots; ++s) sum = plus(sum, of_slot(s));
      for_each_number(sum.gradient, [&]<class T>(T& v) { v /= static_cast<T>(size); });
      optimizer.step(result.model, sum.gradient);
      result.losses.push_back(sum.loss / static_cast<double>(size));
    }
  }
  return result;
}

std::vector<double> numbers(net m) {
  std::vector<double> all;
  for_each_number(m, [&](auto v) { all.push_back(static_cast<double>(v)); });
  return all;
}
bool same_bits(run_result const& a, run_result const& b) {
  return worlds::same_bits(a.losses, b.losses) && worlds::same_bits(numbers(a.model), numbers(b.model));
}
double furthest(std::vector<double> const& a, std::vector<double> const& b) {
  double d = 0;
  for (std::size_t i = 0; i < b.size(); ++i) d = std::fmax(d, std::fabs(a.at(i) - b[i]));
  return d;
}

}  // namespace

TEST_CASE(
    "loss curve and weights have the same bits at any number of ranks, those of a serial loop along the bracket") {
  run_result const serial = train_serially(fold::bracket);
  REQUIRE(serial.losses.size() == 5 * epochs);
  CHECK(serial.losses.back() < serial.losses.front() / 2);  // it learns
  // Control: the same sum in another order gives other bits, and only other bits.
  run_result const other = train_serially(fold::left_to_right);
  CHECK_FALSE(same_bits(other, serial));
  CHECK(furthest(other.losses, serial.losses) <= 1e-5);

  for (over const medium : {over::memory, over::sockets})
    for (int const size : {1, 2, 3, 4, 5, 13}) {
      if (medium == over::sockets && size != 1 && size != 3) continue;
      INFO("size " << size);
      run_ranks(
          size, [&](communicator& world) { CHECK(same_bits(train(world), serial)); }, medium);
    }
}

TEST_CASE("train_step is the loop above: the same bits, whether or not f returns a loss, with ranks that own no slot") {
  run_result const serial = train_serially(fold::bracket);
  for (int const size : {1, 2, 4, 13})
    run_ranks(size, [&](communicator& world) {
      net model = initial(1), gradient;
      tutti::data_parallel dp{world, model, slots};
      tutti::adam optimizer{0.02};
      tutti::sampler sampler{.size = samples, .global_batch = batch_size, .seed = 3, .slots = slots};
      tutti::summed loss;
      for (auto const& batch : sampler.epochs(epochs).on(world)) {
        auto const pass = [&](auto const& slot, net& sum) {
          contribution mine{std::move(sum)};
          for (auto const sample : slot) add_sample(model, sample, mine);
          sum = std::move(mine.gradient);
          return tutti::summed{mine.loss, static_cast<double>(slot.size())};
        };
        if (batch.step() % 2 == 0)
          loss += train_step(dp, optimizer, model, gradient, batch, pass);
        else
          train_step(dp, optimizer, model, gradient, batch, [&](auto const& slot, net& sum) { (void)pass(slot, sum); });
      }
      CHECK(same_bits({serial.losses, model}, serial));
      double seen = 0;  // in the even steps of each epoch
      for (std::size_t step = 0; step < samples; step += 2 * batch_size)
        seen += static_cast<double>((std::min)(std::size_t{batch_size}, samples - step));
      CHECK(allreduce(world, loss).count == seen * epochs);
    });
}

TEST_CASE("another number of slots is another order of adding: other bits, the same training") {
  run_ranks(3, [](communicator& world) {
    run_result const eleven = train(world), five = train(world, 5);
    CHECK_FALSE(same_bits(five, eleven));
    CHECK(furthest(five.losses, eleven.losses) <= 1e-5);
  });
}

TEST_CASE("one synchronous step of uneven shards after another is gradient descent on the whole set") {
  net expected = initial(1);
  for (int step = 0; step < 10; ++step) {
    contribution sum;
    for (std::uint64_t s = 0; s < samples; ++s) add_sample(expected, s, sum);
    std::vector<double> g = numbers(sum.gradient);
    std::size_t i = 0;
    for_each_number(expected, [&]<class T>(T& w) { w -= static_cast<T>(0.1 * g[i++] / samples); });
  }
  run_ranks(4, [&](communicator& world) {
    std::array<std::uint64_t, 5> const cuts{0, 70, 100, 100, samples};
    auto const r = static_cast<std::size_t>(world.rank());
    net model = initial(1);
    tutti::data_parallel dp{world, model};
    tutti::sgd optimizer{.lr = 0.1};
    for (int step = 0; step < 10; ++step) {
      contribution mine;
      for (std::uint64_t s = cuts[r]; s < cuts[r + 1]; ++s) add_sample(model, s, mine);
      CHECK(dp.sync(mine.gradient, static_cast<double>(cuts[r + 1] - cuts[r])) == samples);
      optimizer.step(model, mine.gradient);
    }
    CHECK(furthest(numbers(model), numbers(expected)) <= 1e-5);
    CHECK(furthest(numbers(initial(1)), numbers(expected)) > 1e-2);  // control: it moved
  });
}

TEST_CASE("loss and accuracy summed over uneven shards are those of one process; a mean of means is not") {
  net const model = train_serially(fold::bracket).model;
  net const worse = initial(1);
  for (net const& m : {model, worse}) {
    tutti::summed loss, right;
    for (std::uint64_t s = 0; s < samples; ++s) {
      loss += tutti::loss::softmax_cross_entropy(forward(m, s).z, label(s));
      right += tutti::metric::accuracy(forward(m, s).z, label(s));
    }
    run_ranks(4, [&](communicator& world) {
      std::array<std::uint64_t, 5> const cuts{0, 2, 3, 40, samples};
      auto const r = static_cast<std::size_t>(world.rank());
      tutti::summed my_loss, my_right;
      for (std::uint64_t s = cuts[r]; s < cuts[r + 1]; ++s) {
        my_loss += tutti::loss::softmax_cross_entropy(forward(m, s).z, label(s));
        my_right += tutti::metric::accuracy(forward(m, s).z, label(s));
      }
      double const mean_of_means = allreduce(world, my_loss.mean()) / 4;
      CHECK(allreduce(world, my_loss).mean() == doctest::Approx(loss.mean()).epsilon(1e-12));
      CHECK(allreduce(world, my_right) == right);
      CHECK(std::fabs(mean_of_means - loss.mean()) > 1e-2 * loss.mean());  // control
    });
  }
}
