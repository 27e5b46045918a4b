// SPDX-License-Identifier: BSL-1.0
// Promises of shard/flat_view.hpp, by_bytes.hpp, partition_model.hpp and gather_shards.hpp.
#include <tutti/shard/partition_model.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>
#include <tutti/shard/by_rule.hpp>
#include <tutti/shard/gather_shards.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;
using tutti::flat_view;
using tutti::partition_model;
using tutti::testing::run_ranks;

struct classifier {  // 784-64-10: 50,890 numbers
  std::vector<float> weight1 = std::vector<float>(64 * 784);
  std::vector<float> bias1 = std::vector<float>(64);
  std::vector<float> weight2 = std::vector<float>(10 * 64);
  std::vector<float> bias2 = std::vector<float>(10);
};
struct mixed {
  float matrix[5][7] = {};
  double scale = 0;
  std::int32_t steps = 3;
  std::vector<float> empty;
  std::vector<double> bias = std::vector<double>(4);
};

std::string sentence(auto call) {
  try {
    call();
  } catch (tutti::error const& e) {
    return e.what();
  }
  return "";
}

/// Every number of every tensor is in the runs of one rank exactly, the one that owner() names; at() leads back.
void must_cover(flat_view const& view) {
  std::vector<int> seen(view.size(), -2);
  bool right = true;
  for (int r = 0; r < view.ranks(); ++r) {
    std::size_t count = 0, bytes = 0;
    view.for_each_run(r, [&](tutti::cut_tensor const& t, std::size_t begin, std::size_t end) {
      for (std::size_t i = t.first + begin; i < t.first + end; ++i) {
        right = right && (seen.at(i) == -2 || (t.everywhere() && seen.at(i) == flat_view::everyone));
        right = right && &view.at(i) == &t;
        seen.at(i) = t.everywhere() ? flat_view::everyone : r;
      }
      count += end - begin;
      bytes += (end - begin) * t.element_size();
    });
    CHECK(view.count(r) == count);
    CHECK(view.bytes(r) == bytes);
  }
  for (std::size_t i = 0; i < view.size(); ++i) right = right && view.owner(i) == seen[i];
  CHECK(right);
}

}  // namespace

TEST_CASE("by bytes: the parts of 50,890 numbers cover all, differ by one at most, and lead both ways") {
  for (int const p : {1, 2, 3, 4, 5, 7, 8, 13}) {
    auto const view = partition_model(classifier{}, p);
    CHECK(view.size() == 50890);
    must_cover(view);
    std::size_t most = 0, least = view.size();
    for (int r = 0; r < p; ++r) {
      most = (std::max)(most, view.count(r));
      least = (std::min)(least, view.count(r));
    }
    CHECK(most - least <= 1);
    CHECK(view.tensor("bias1").first == 64 * 784);
    CHECK(view.at(64 * 784).what.name == "bias1");
  }
  CHECK(partition_model(classifier{}, 3).explain() ==
        "50890 numbers in 4 tensors, 203560 bytes, over 3 ranks by bytes\n"
        "rank 0: 67856 bytes  weight1[0:16964]\n"
        "rank 1: 67852 bytes  weight1[16964:33927]\n"
        "rank 2: 67852 bytes  weight1[33927:50176]  bias1  weight2  bias2\n");
}

TEST_CASE("by bytes: element types are cut apart, buffers are everywhere, ranks may outnumber numbers") {
  for (int const p : {1, 2, 3, 13, 64}) {
    auto const view = partition_model(mixed{}, p);
    must_cover(view);
    CHECK(view.owner(view.tensor("steps").first) == flat_view::everyone);
    for (int r = 0; r < p; ++r) CHECK(view.bytes(r) <= 4 + (35 / p + 1) * 4 + (5 / p + 1) * 8);
  }
  auto const none = partition_model(tutti::signature{}, 3);
  CHECK(none.size() == 0);
  CHECK(sentence([&] { (void)none.owner(0); }) == "there is no flat index 0 in 0 numbers");
  CHECK(sentence([] { (void)partition_model(mixed{}, 0); }).find("at least 1 rank") != std::string::npos);
  CHECK(sentence([] { (void)partition_model(mixed{}, 1).tensor("x"); }).find("no tensor 'x'") != std::string::npos);
}

TEST_CASE("parts gathered are the model, bit for bit; what a rank did not own is overwritten") {
  auto const whole = [] {
    mixed m;
    for (std::size_t i = 0; i < 35; ++i) m.matrix[i / 7][i % 7] = worlds::wild(1, i);
    m.scale = 0.1;
    for (std::size_t i = 0; i < 4; ++i) m.bias[i] = static_cast<double>(worlds::wild(2, i)) / 3;
    return m;
  }();
  for (int const p : {1, 2, 3, 5, 13})
    run_ranks(p, [&](communicator& world) {
      auto const view = partition_model(whole, p);
      mixed m = whole;
      for (std::size_t i = 0; i < view.size(); ++i) {
        auto const& t = view.at(i);
        std::size_t const at = i - t.first;
        if (view.owner(i) == world.rank() || view.owner(i) == flat_view::everyone) continue;
        if (t.what.name == "matrix") m.matrix[at / 7][at % 7] = -1;
        if (t.what.name == "scale") m.scale = -1;
        if (t.what.name == "bias") m.bias[at] = -1;
      }
      m.steps = world.rank();
      gather_shards(world, view, m);
      bool same = m.scale == whole.scale && m.bias == whole.bias && m.steps == world.rank();
      for (std::size_t i = 0; i < 35; ++i) same = same && m.matrix[i / 7][i % 7] == whole.matrix[i / 7][i % 7];
      CHECK(same);
      m.bias.resize(5);
      CHECK(sentence([&] { gather_shards(world, view, m); }) ==
            "gather_shards: this model has 'bias' of 5 numbers where the one that was cut has tensor 'bias' of 4 "
            "numbers");
    });
}

TEST_CASE("large tensors and small, cut flat and across their rows, are gathered alike") {
  struct deep {
    std::vector<float> large = std::vector<float>(40011);
    float wide[3][14] = {};
    std::vector<double> other = std::vector<double>(9001);
  };
  auto const whole = [] {
    deep m;
    for (std::size_t i = 0; i < m.large.size(); ++i) m.large[i] = worlds::wild(4, i);
    for (std::size_t i = 0; i < 42; ++i) m.wide[i / 14][i % 14] = worlds::wild(5, i);
    for (std::size_t i = 0; i < m.other.size(); ++i) m.other[i] = static_cast<double>(worlds::wild(6, i)) / 3;
    return m;
  }();
  for (tutti::testing::over const medium : {tutti::testing::over::memory, tutti::testing::over::sockets})
    for (int const p : {1, 2, 3, 5})
      run_ranks(
          p,
          [&](communicator& world) {
            for (flat_view const& view : {partition_model(whole, p), partition_model(whole, p, tutti::by_dimension{1}),
                                          partition_model(whole, p, tutti::by_dimension{0})}) {
              deep m = whole;
              tutti::for_each_tensor(m, [&](auto const& t) {
                auto const& c = view.tensor(t.name);
                for (std::size_t i = 0; i < t.data.size(); ++i)
                  if (int const owner = view.owner(c.first + i); owner != world.rank() && owner != flat_view::everyone)
                    t.data[i] = -1;
              });
              gather_shards(world, view, m);
              CHECK(m.large == whole.large);
              CHECK(m.other == whole.other);
              CHECK(std::equal(&m.wide[0][0], &m.wide[0][0] + 42, &whole.wide[0][0]));
            }
          },
          medium);
}
