// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/fused.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include <tutti/collective/allreduce.hpp>

#include "worlds.hpp"

namespace {

using tutti::communicator;

TEST_CASE("fused: every call has the result it would have alone, bit for bit, small and large ones mixed") {
  worlds::run({1, 2, 3, 5}, [](communicator& world) {
    int const p = world.size(), me = world.rank(), root = p - 1;
    std::vector<std::vector<float>> sums;
    for (std::size_t n : {0U, 1U, 7U, 9'000U, 30'000U, 500U}) sums.push_back(worlds::wilds(me, n));
    auto words = worlds::words(me, 5), more = worlds::words(me, 3);
    auto product = worlds::matrices(me, 40);
    std::vector<double> largest{me * 1.0, -me * 1.0}, kept{me + 0.5};
    auto sent = worlds::numbers(me, 11);
    int modulus = 7;
    std::vector<int> counted{me + 3};
    tutti::fused together(world);
    for (auto& x : sums) together.allreduce(x);
    together.allreduce(largest, tutti::max);
    together.allreduce(words, worlds::join_words{});
    together.allreduce(std::span(more).first(2), worlds::join_words{});
    together.reduce(product, tutti::prod, root);
    together.reduce(kept, tutti::sum, root);
    together.broadcast(sent, root);
    together.allreduce(counted, [modulus](int a, int b) { return (a + b) % modulus; });
    together.run();
    for (auto const& x : sums) CHECK(worlds::same_bits(x, worlds::wild_sums(p, x.size())));
    CHECK(largest == std::vector<double>{p - 1.0, 0.0});
    CHECK(words == worlds::joined_words(p, 5));
    CHECK(more[1] == worlds::joined_words(p, 2)[1]);
    CHECK(more[2] == worlds::word::of(me, 2));
    CHECK(product == (me == root ? worlds::products(p, 40) : worlds::matrices(me, 40)));
    CHECK(kept[0] == (me == root ? p * p / 2.0 : me + 0.5));
    CHECK(sent == worlds::numbers(root, 11));
    CHECK(counted[0] % modulus == (3 * p + p * (p - 1) / 2) % modulus);
    together.run();  // it has forgotten them
    CHECK(sent == worlds::numbers(root, 11));
  });
}

TEST_CASE("fused: many small buffers, or tensors of a model, take one message to each peer") {
  struct layers {
    std::vector<std::vector<float>> weights = std::vector<std::vector<float>>(20, std::vector<float>(50, 1.0F));
    std::vector<std::vector<float>> biases = std::vector<std::vector<float>>(20, std::vector<float>(3, 1.0F));
  };
  worlds::run({2, 3}, [](communicator& world) {
    std::vector<float> one(20 * 53, 1.0F);
    auto const before = world.stats().messages_sent;
    allreduce(world, one);
    auto const alone = world.stats().messages_sent;
    layers model;
    allreduce(world, model);
    auto const fused = world.stats().messages_sent;
    CHECK(fused - alone == alone - before);
    CHECK(model.weights[19][49] == static_cast<float>(world.size()));
    CHECK(model.biases[19][2] == static_cast<float>(world.size()));
    for (int i = 0; i < 5; ++i) allreduce(world, model.biases[0]);
    CHECK(world.stats().messages_sent - fused == 5 * (alone - before));
  });
}

}  // namespace
