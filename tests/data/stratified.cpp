// SPDX-License-Identifier: BSL-1.0
// Promises of data/stratified.hpp, and what it has in common with every content partitioner (data/repartition.hpp).
#include <tutti/data/stratified.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "content.hpp"

namespace {

using content::row;

/// By hand: the classes in the order of their hashes, their rows dealt out one by one.
std::vector<int> dealt(std::vector<row> const& all, int p) {
  std::map<std::uint64_t, std::vector<std::size_t>> classes;
  for (std::size_t i = 0; i < all.size(); ++i) classes[tutti::hash_key(all[i].label)].push_back(i);
  std::vector<int> to(all.size());
  int next = 0;
  for (auto const& [hash, members] : classes)
    for (std::size_t i : members) to[i] = std::exchange(next, (next + 1) % p);
  return to;
}

TEST_CASE("stratified: the rows of each label differ by at most one between ranks, and so do all rows") {
  for (int const p : {1, 2, 3, 4, 5, 7, 8, 13})
    for (int const n : {0, 1, p - 1, p, p + 1, 3000}) {
      auto const all = content::rows(n);
      auto const to = content::assigned(all, p, tutti::stratified(&row::label));
      CHECK(to == dealt(all, p));
      CHECK(content::spread(content::counts(all, to, p, [](row const&) { return true; })) <= 1);
      for (int label = 0; label < 10; ++label)
        CHECK(content::spread(content::counts(all, to, p, [&](row const& r) { return r.label == label; })) <= 1);
      if (n < 3000) continue;
      // Control: rows that lie as they lie have no such mix.
      std::vector<int> as_they_lie;
      for (int i = 0; i < n; ++i) as_they_lie.push_back(i * p / n);
      int worst = 0;
      for (int label = 0; label < 10; ++label)
        worst = std::max(worst, content::spread(content::counts(all, as_they_lie, p,
                                                                [&](row const& r) { return r.label == label; })));
      CHECK((p == 1 || worst > 1));
    }
}

TEST_CASE("stratified: which row goes where does not depend on how many ranks there are, only on the parts asked for") {
  auto const all = content::rows(500);
  auto const by_text = [](row const& r) { return "label " + std::to_string(r.label); };
  auto const alone = content::assigned(all, 1, tutti::stratified(by_text), 6);
  CHECK(content::spread(content::counts(all, alone, 6, [](row const& r) { return r.label == 0; })) <= 1);
  for (int const p : {2, 5}) CHECK(content::assigned(all, p, tutti::stratified(by_text), 6) == alone);
  CHECK_THROWS_AS((void)content::assigned(all, 2, tutti::stratified(by_text), -1), tutti::error);
}

TEST_CASE(
    "repartition: every row arrives once, whole, and nobody receives more than his rows and what is said of them") {
  for (int const p : {2, 4, 8}) {
    auto const all = content::rows(4000);
    std::uint64_t most = 0;
    auto const got = content::repartitioned(all, p, tutti::stratified(&row::label), &most);
    auto const to = dealt(all, p);
    for (int r = 0; r < p; ++r) {
      std::vector<int> ids, due;
      for (row const& one : got[static_cast<std::size_t>(r)]) ids.push_back(one.id);
      for (std::size_t i = 0; i < all.size(); ++i)
        if (to[i] == r) due.push_back(static_cast<int>(i));
      CHECK(ids == due);
    }
    CHECK(most <= 2 * all.size() * sizeof(row) / static_cast<std::size_t>(p));
  }
}

TEST_CASE("stratified: a thousand parts") {
  auto const all = content::rows(10'003);
  auto const to = content::assigned(all, 3, tutti::stratified(&row::label), 1000);
  CHECK(to == dealt(all, 1000));
  CHECK(content::spread(content::counts(all, to, 1000, [](row const&) { return true; })) <= 1);
}

}  // namespace
