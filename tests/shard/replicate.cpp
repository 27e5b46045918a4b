// SPDX-License-Identifier: BSL-1.0
// Promises of shard/replicate.hpp.
#include <tutti/shard/replicate.hpp>

#include <doctest/doctest.h>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/group/testing.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "../model/five_models.hpp"

namespace {

using tutti::communicator;
using tutti::testing::over;

struct net {
  std::vector<float> weight = std::vector<float>(6);
  double bias = 0;
  std::string note;  // no tensor
};

/// Other numbers for every seed; small whole ones, so that sums are exact.
template <class M>
void fill(M& model, int seed) {
  std::uint32_t x = 2654435761U * static_cast<std::uint32_t>(seed + 1);
  tutti::for_each_tensor(model, [&]<class T>(tutti::tensor<T> const& t) {
    for (T& v : t.data) v = static_cast<T>((x = x * 1664525U + 1013904223U) >> 20U);
  });
}
template <class M>
M filled(M model, int seed) {
  fill(model, seed);
  return model;
}
template <class M>
std::vector<double> numbers(M const& model) {
  std::vector<double> all;
  tutti::for_each_tensor(model, [&](auto const& t) {
    for (auto v : t.data) all.push_back(static_cast<double>(v));
  });
  return all;
}
template <class M>
std::uint64_t hash_of(M const& model) {
  tutti::fnv1a hash;
  tutti::for_each_tensor(model, [&](auto const& t) { hash.add(std::as_bytes(t.data)); });
  return hash.value();
}
std::vector<double> sum_of(std::vector<std::vector<double>> const& rows) {
  std::vector<double> all(rows.at(0).size());
  for (auto const& row : rows)
    for (std::size_t i = 0; i < all.size(); ++i) all[i] += row.at(i);
  return all;
}

/// What each rank threw, "kind: sentence"; empty where it returned.
std::vector<std::string> verdicts(std::vector<tutti::testing::outcome> const& ended) {
  std::vector<std::string> all;
  for (auto const& o : ended) {
    try {
      if (o.thrown) std::rethrow_exception(o.thrown);
      all.emplace_back();
    } catch (tutti::error const& e) {
      all.push_back(std::string(tutti::to_string(e.kind())) + ": " + e.what());
    }
  }
  return all;
}

/// The lines a user writes; the same whatever the model is.
template <class M>
void lines_of_a_user(communicator& world, M const& untrained) {
  M model = filled(untrained, world.rank());
  broadcast(world, model, world.size() - 1);
  CHECK(numbers(model) == numbers(filled(untrained, world.size() - 1)));

  model = filled(untrained, world.rank());
  allreduce(world, model);
  std::vector<std::vector<double>> all;
  for (int r = 0; r < world.size(); ++r) all.push_back(numbers(filled(untrained, r)));
  CHECK(numbers(model) == sum_of(all));

  model = filled(untrained, world.rank());
  tutti::replicate(world, model);
  CHECK(numbers(model) == all[0]);
}

}  // namespace

TEST_CASE("ranks that began with different seeds end with the root's weights, bit for bit, whoever is root") {
  for (over const medium : {over::memory, over::sockets})
    for (int const size : {1, 2, 4, 5})
      tutti::testing::run_ranks(
          size,
          [&](communicator& world) {
            for (int root = 0; root < size; ++root) {
              net model{.note = "mine, of rank " + std::to_string(world.rank())};
              fill(model, world.rank());
              std::string const note = model.note;
              // Control: before, no two ranks hold the same.
              if (world.rank() > 0) CHECK(hash_of(model) != hash_of(filled(net{}, world.rank() - 1)));
              tutti::replicate(world, model, {.root = root});
              CHECK(hash_of(model) == hash_of(filled(net{}, root)));
              CHECK(model.note == note);
            }
          },
          medium);
}

TEST_CASE("one wrong shape: every rank throws one and the same sentence with the tensor, the ranks and both shapes") {
  for (over const medium : {over::memory, over::sockets})
    for (int const odd : {1, 2, 3})
      for (int repeat = 0; repeat < 10; ++repeat) {  // whoever throws first must not drown the others' sentence
        auto const ended = tutti::testing::try_ranks(
            4,
            [&](communicator& world) {
              net model;
              if (world.rank() == odd) model.weight.resize(7);
              tutti::replicate(world, model);
            },
            medium);
        std::string const expected =
            "config: the models of rank 0 (here) and rank " + std::to_string(odd) +
            " (there) differ: tensor 'weight' is f32 6 parameter here and f32 7 parameter there";
        for (std::string const& verdict : verdicts(ended)) CHECK(verdict == expected);
      }
}

TEST_CASE(
    "the odd one may be the root, or one of several; the first in rank order that differs from the root is named") {
  auto const sentence = [](std::vector<std::size_t> const& sizes, int root) {
    auto const all = verdicts(tutti::testing::try_ranks(static_cast<int>(sizes.size()), [&](communicator& world) {
      net model;
      model.weight.resize(sizes[static_cast<std::size_t>(world.rank())]);
      tutti::replicate(world, model, {.root = root});
    }));
    for (std::string const& verdict : all) CHECK(verdict == all[0]);
    return all[0];
  };
  CHECK(sentence({6, 6, 6}, 2).empty());  // control
  CHECK(sentence({6, 6, 5}, 2) ==
        "config: the models of rank 2 (here) and rank 0 (there) differ: "
        "tensor 'weight' is f32 5 parameter here and f32 6 parameter there");
  CHECK(sentence({6, 6, 8, 7}, 0) ==
        "config: the models of rank 0 (here) and rank 2 (there) differ: "
        "tensor 'weight' is f32 6 parameter here and f32 8 parameter there");
}

TEST_CASE("a refused model keeps every number, and the communicator goes on") {
  tutti::testing::run_ranks(3, [](communicator& world) {
    net model;
    if (world.rank() == 1) model.weight.resize(9);
    fill(model, world.rank());
    auto const before = numbers(model);
    CHECK_THROWS_AS(tutti::replicate(world, model), tutti::error);
    CHECK(numbers(model) == before);
    model.weight.resize(6);
    tutti::replicate(world, model);
    CHECK(allreduce(world, hash_of(model), tutti::max) == allreduce(world, hash_of(model), tutti::min));
  });
}

TEST_CASE("a root that is no rank is refused by replicate and by check_replicas") {
  tutti::testing::run_ranks(2, [](communicator& world) {
    net model;
    for (int const root : {-1, 2}) {
      CHECK_THROWS_WITH_AS(tutti::replicate(world, model, {.root = root}),
                           ("broadcast: the root " + std::to_string(root) + " is not between 0 and 1").c_str(),
                           tutti::error);
      CHECK_THROWS_AS(tutti::check_replicas(world, model, {.root = root}), tutti::error);
    }
  });
}

TEST_CASE("five kinds of model go through broadcast, allreduce and replicate by the same lines of user code") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        3,
        [](communicator& world) {
          lines_of_a_user(world, five::plain{});
          lines_of_a_user(world, five::make_containers());
          lines_of_a_user(world, five::behind_boost{});
          lines_of_a_user(world, five::make_eigen());
          lines_of_a_user(world, five::hooked{});
        },
        medium);
}
