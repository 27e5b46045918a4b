// SPDX-License-Identifier: BSL-1.0
// Promises of data/cross_validate.hpp and data/kfold.hpp.
#include <tutti/data/cross_validate.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <tutti/data/grouped.hpp>
#include <tutti/data/stratified.hpp>

#include "content.hpp"

namespace {

using content::row;

/// What one fold came to: the bits of the score depend on the order of every row, in training and validation.
struct judged {
  float score = 0;
  std::uint64_t trained = 0;
  std::vector<int> validated;
  friend bool operator==(judged const&, judged const&) = default;
};

float learn(float so_far, int id) { return so_far * 0.999F + 1.0F / static_cast<float>(id + 1); }

/// By hand: one fold after the other, over all rows in order.
std::vector<judged> serial(std::vector<row> const& all, std::vector<int> const& fold_of, int k) {
  std::vector<judged> folds(static_cast<std::size_t>(k));
  for (int f = 0; f < k; ++f) {
    auto& fold = folds[static_cast<std::size_t>(f)];
    for (std::size_t i = 0; i < all.size(); ++i)
      if (fold_of[i] != f) fold.score = learn(fold.score, all[i].id), ++fold.trained;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (fold_of[i] == f) fold.score = learn(fold.score, all[i].id), fold.validated.push_back(all[i].id);
  }
  return folds;
}

/// The same by groups of ranks: each passes what it has learned so far on to the next.
float learn_together(tutti::communicator& group, float start, std::vector<row> const& mine) {
  float so_far = group.rank() == 0 ? start : tutti::recv<float>(group, group.rank() - 1);
  for (row const& r : mine) so_far = learn(so_far, r.id);
  if (group.rank() + 1 < group.size()) send(group, so_far, group.rank() + 1);
  broadcast(group, so_far, group.size() - 1);
  return so_far;
}

template <class By>
std::vector<judged> on(int p, std::vector<row> const& all, tutti::kfold<By> const& folds, int groups = 0) {
  std::vector<std::vector<judged>> scores(static_cast<std::size_t>(p));
  tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
    scores[static_cast<std::size_t>(world.rank())] = cross_validate(
        world, content::share(all, p, world.rank()), folds,
        [](tutti::communicator& group, std::vector<row> const& mine) {
          return std::pair(learn_together(group, 0, mine), allreduce(group, std::uint64_t{mine.size()}));
        },
        [](tutti::communicator& group, auto const& model, std::vector<row> const& mine) {
          judged fold{learn_together(group, model.first, mine), model.second, {}};
          std::vector<int> ids;
          for (row const& r : mine) ids.push_back(r.id);
          fold.validated = allgather(group, ids).values;
          return fold;
        },
        groups);
  });
  for (auto const& s : scores) CHECK((s == scores[0]));
  return scores[0];
}

TEST_CASE("kfold: every row is in one fold, of equal sizes, and shuffled; the same on any number of ranks") {
  auto const all = content::rows(1003);
  std::vector<std::vector<int>> folds;
  for (int const p : {1, 2, 5, 8}) folds.push_back(content::assigned(all, p, tutti::shuffled(3), 10));
  for (auto const& f : folds) CHECK(f == folds[0]);
  CHECK(content::spread(content::counts(all, folds[0], 10, [](row const&) { return true; })) <= 1);
  CHECK(content::assigned(all, 2, tutti::shuffled(4), 10) != folds[0]);
  int runs = 1;
  for (std::size_t i = 1; i < all.size(); ++i) runs += folds[0][i] != folds[0][i - 1] ? 1 : 0;
  CHECK(runs > 800);  // 903 expected; blocks have 10, dealt rows 1003
  CHECK(runs < 980);
}

TEST_CASE(
    "cross_validate: each row validates exactly once, and the bits are those of a serial run, for any P and groups") {
  auto const all = content::rows(203);
  for (int const k : {2, 5}) {
    auto const due = serial(all, content::assigned(all, 1, tutti::shuffled(), k), k);
    std::set<int> validated;
    std::size_t times = 0;
    for (auto const& f : due) validated.insert(f.validated.begin(), f.validated.end()), times += f.validated.size();
    CHECK(validated.size() == all.size());
    CHECK(times == all.size());
    for (int const p : {1, 2, 3, 4, 5, 7, 8}) {
      CAPTURE(p);
      CHECK((on(p, all, tutti::kfold(k)) == due));
      for (int const groups : {1, 2, p})
        if (groups <= p) CHECK((on(p, all, tutti::kfold(k), groups) == due));
    }
  }
}

TEST_CASE("cross_validate: stratified folds have the same mix of labels, grouped ones split no group") {
  auto const all = content::rows(400);
  auto const by_label = content::assigned(all, 3, tutti::stratified(&row::label), 4);
  for (int label = 0; label < 10; ++label)
    CHECK(content::spread(content::counts(all, by_label, 4, [&](row const& r) { return r.label == label; })) <= 1);
  CHECK((on(3, all, tutti::kfold(4, tutti::stratified(&row::label))) == serial(all, by_label, 4)));
  auto const by_group = content::assigned(all, 1, tutti::grouped(&row::group), 4);
  CHECK((on(5, all, tutti::kfold(4, tutti::grouped(&row::group))) == serial(all, by_group, 4)));
}

TEST_CASE("cross_validate: more folds than rows leave some empty; no rows at all are legal") {
  for (int const n : {0, 1, 3})
    for (int const p : {1, 2, 5}) {
      auto const all = content::rows(n);
      CHECK((on(p, all, tutti::kfold(4)) == serial(all, content::assigned(all, 1, tutti::shuffled(), 4), 4)));
    }
}

TEST_CASE("cross_validate: groups are chosen for the least time, and wrong numbers are refused") {
  using tutti::detail::groups_for;
  CHECK(groups_for(5, 1) == 1);
  CHECK(groups_for(5, 5) == 5);
  CHECK(groups_for(5, 4) == 1);   // five rounds on four ranks beat two rounds on one
  CHECK(groups_for(10, 4) == 2);  // five rounds on two ranks: no rank idles
  CHECK(groups_for(10, 64) == 10);
  CHECK_THROWS_AS(tutti::kfold(1), tutti::error);
  CHECK_THROWS_AS((void)on(2, content::rows(9), tutti::kfold(3), 3), tutti::error);
}

}  // namespace
