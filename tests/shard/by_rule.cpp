// SPDX-License-Identifier: BSL-1.0
// Promises of shard/by_rule.hpp and by_tensor.hpp: what each way to cut a model gives to whom.
#include <tutti/shard/by_rule.hpp>

#include <doctest/doctest.h>

#include <tutti/shard/by_tensor.hpp>
#include <tutti/shard/partition_model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using tutti::flat_view;
using tutti::partition_model;
using tutti::share;

struct expert {
  std::vector<float> up, down;
};
struct router {
  float gate[3][4] = {};
  std::vector<expert> experts;
  std::int64_t calls = 0;
};
struct language_model {
  float embedding[11][4] = {};  // 11 words
  std::vector<router> layers = std::vector<router>(2);
  std::vector<float> bias = std::vector<float>(11);
};
language_model sample() {
  language_model m;
  for (auto& l : m.layers) l.experts.assign(5, expert{std::vector<float>(8), std::vector<float>(6)});
  return m;
}
/// The owner of every number of one tensor.
std::vector<int> owners(flat_view const& view, std::string_view name) {
  auto const& t = view.tensor(name);
  std::vector<int> all;
  for (std::size_t i = 0; i < t.size; ++i) all.push_back(view.owner(t.first + i));
  return all;
}
bool whole_on(flat_view const& view, std::string_view name, int rank) {
  auto const all = owners(view, name);
  return std::count(all.begin(), all.end(), rank) == static_cast<std::ptrdiff_t>(all.size());
}
/// Runs and owner() tell the same story, number by number.
void must_agree(flat_view const& view) {
  bool right = true;
  std::vector<int> had(view.size());
  for (int r = 0; r < view.ranks(); ++r)
    view.for_each_run(r, [&](tutti::cut_tensor const& t, std::size_t begin, std::size_t end) {
      for (std::size_t i = t.first + begin; i < t.first + end; ++i) {
        ++had[i];
        right = right && view.owner(i) == (t.everywhere() ? flat_view::everyone : r);
      }
    });
  for (std::size_t i = 0; i < view.size(); ++i)
    right = right && had[i] == (view.owner(i) == flat_view::everyone ? view.ranks() : 1);
  CHECK(right);
}
std::string sentence(auto call) {
  try {
    (void)call();
  } catch (tutti::error const& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("by dimension: rows and columns are cut evenly, whatever cannot be cut so is on every rank") {
  for (int const p : {1, 2, 3, 5, 13}) {
    auto const rows = partition_model(sample(), p, tutti::by_dimension{0});
    auto const columns = partition_model(sample(), p, tutti::by_dimension{1});
    must_agree(rows);
    must_agree(columns);
    auto const even = [p](int i, int n) {  // the owner of index i of n: blocks that differ by one at most
      int r = 0;
      while ((r + 1) * n / p <= i) ++r;
      return r;
    };
    auto const of_rows = owners(rows, "embedding"), of_columns = owners(columns, "embedding");
    for (int i = 0; i < 44; ++i) {
      CHECK(of_rows[static_cast<std::size_t>(i)] == even(i / 4, 11));
      CHECK(of_columns[static_cast<std::size_t>(i)] == even(i % 4, 4));
    }
    CHECK(whole_on(columns, "bias", flat_view::everyone));
    CHECK(whole_on(rows, "layers.1.calls", flat_view::everyone));
  }
  CHECK(partition_model(std::vector<float>(3), 2, tutti::by_dimension{0}).explain() ==
        "3 numbers in 1 tensors, 12 bytes, over 2 ranks by dimension\n"
        "rank 0: 4 bytes  value[0:1]\nrank 1: 8 bytes  value[1:3]\n");
}

TEST_CASE("by expert: whole experts, in even blocks of ranks; the rest of the model on every rank") {
  auto const view = partition_model(sample(), 3, tutti::by_expert{});
  must_agree(view);
  int const owner[] = {0, 1, 1, 2, 2};  // 1, 2 and 2 of five experts
  for (int e = 0; e < 5; ++e)
    for (std::string const l : {"layers.0.experts.", "layers.1.experts."})
      for (std::string const part : {".up", ".down"}) CHECK(whole_on(view, l + std::to_string(e) + part, owner[e]));
  CHECK(whole_on(view, "embedding", flat_view::everyone));
  CHECK(whole_on(view, "layers.0.gate", flat_view::everyone));
  CHECK(view.explain().find("every rank:  embedding  layers.0.gate  layers.0.calls  layers.1.gate  and 2 more") !=
        std::string::npos);
  must_agree(partition_model(sample(), 13, tutti::by_expert{}));  // more ranks than experts
}

TEST_CASE("by rule: names decide, and a rank that does not exist is refused by the tensor's name") {
  auto const rule = [](std::string_view name) {
    if (name == "embedding") return share::along(0);  // the vocabulary
    return name.find("experts") != name.npos ? share::on(1) : share::everywhere();
  };
  auto const view = partition_model(sample(), 2, tutti::by_rule{rule});
  must_agree(view);
  CHECK(owners(view, "embedding").front() == 0);
  CHECK(owners(view, "embedding").back() == 1);
  CHECK(whole_on(view, "layers.1.experts.4.down", 1));
  CHECK(whole_on(view, "bias", flat_view::everyone));
  CHECK(sentence([&] { return partition_model(sample(), 1, tutti::by_rule{rule}); }) ==
        "tensor 'layers.0.experts.0.up' was given to rank 1 of 1");
}

TEST_CASE("by tensor: each tensor whole on one rank, the fullest within 4/3 of the best way there is") {
  std::mt19937 random(3);
  for (int trial = 0; trial < 40; ++trial) {
    int const p = 1 + trial % 4;
    std::vector<std::vector<double>> model(1 + random() % 7);
    for (auto& t : model) t.resize(random() % (trial % 2 == 0 ? 3 : 10));
    auto const view = partition_model(model, p, tutti::by_tensor{});
    must_agree(view);
    std::size_t fullest = 0, best = view.size(), ways = 1;
    for (int r = 0; r < p; ++r) fullest = (std::max)(fullest, view.count(r));
    for (std::size_t i = 0; i < model.size(); ++i) ways *= static_cast<std::size_t>(p);
    for (std::size_t way = 0; way < ways; ++way) {  // all of them
      std::vector<std::size_t> load(static_cast<std::size_t>(p));
      std::size_t digits = way;
      for (auto const& t : model) {
        load[digits % load.size()] += t.size();
        digits /= load.size();
      }
      best = (std::min)(best, *std::max_element(load.begin(), load.end()));
    }
    CHECK(3 * fullest <= 4 * best);
    for (auto const& t : view.tensors())
      for (int r = 0; r < p; ++r) CHECK((t.count(r) == 0 || t.count(r) == t.size));
  }
}

TEST_CASE("by stage: layers stay together, in order, and the fullest stage is as small as can be") {
  auto const view = partition_model(sample(), 2, tutti::by_stage{});
  must_agree(view);
  int last = 0;
  for (auto const& t : view.tensors()) {
    if (t.everywhere()) continue;
    CHECK(view.owner(t.first) >= last);
    last = view.owner(t.first);
  }
  CHECK(last == 1);
  CHECK(view.owner(view.tensor("layers.0.experts.2.up").first) ==
        view.owner(view.tensor("layers.0.experts.2.down").first));
  // 44; 12, then five of 14, twice; 11: by hand, 44 + 12 + 3 * 14 = 98 and 2 * 14 + 12 + 70 + 11 = 121, or 112 and 107.
  CHECK(view.count(0) - 2 == 112);
  CHECK(sentence([] {
          return partition_model(sample(), 2, tutti::by_stage{{1, 2, 3}});
        }).find("one per rank") != std::string::npos);
}
