// SPDX-License-Identifier: BSL-1.0
// Promises of data/grouped.hpp.
#include <tutti/data/grouped.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "content.hpp"

namespace {

using content::row;

/// The part of each group; fails if a group is split.
std::map<int, int> parts_of_groups(std::vector<row> const& all, std::vector<int> const& to) {
  std::map<int, int> part;
  bool whole = true;
  for (std::size_t i = 0; i < all.size(); ++i)
    whole = part.emplace(all[i].group, to[i]).first->second == to[i] && whole;
  CHECK(whole);
  return part;
}
int largest(std::vector<row> const& all, std::vector<int> const& to, int p) {
  auto const n = content::counts(all, to, p, [](row const&) { return true; });
  return *std::max_element(n.begin(), n.end());
}
/// The least that the largest part can have, by trying everything.
int best(std::vector<int> const& sizes, std::vector<int>& loads, std::size_t next = 0) {
  if (next == sizes.size()) return *std::max_element(loads.begin(), loads.end());
  int least = 1 << 30;
  for (int& load : loads) {
    load += sizes[next];
    least = std::min(least, best(sizes, loads, next + 1));
    load -= sizes[next];
  }
  return least;
}

TEST_CASE("grouped: no group is split, and the ranks are as even as promised") {
  for (int const p : {1, 2, 3, 4, 5, 7, 8})
    for (int const n : {0, 1, p, p + 1, 20'000}) {
      auto const all = content::rows(n);
      auto const to = content::assigned(all, p, tutti::grouped(&row::group));
      parts_of_groups(all, to);
      if (n == 20'000) CHECK(largest(all, to, p) <= n / p * 65 / 64 + 2);  // no group has 1/64 of a share
    }
  // Control: rows that lie as they lie split groups.
  auto const all = content::rows(1000);
  CHECK(all[499].group == all[500].group);
}

TEST_CASE("grouped: what is larger than 1/64 of a share is packed within 4/3 - 1/(3P) of the best there is") {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    int const p = 2 + static_cast<int>(seed % 2);
    std::mt19937 random(seed);
    std::vector<row> all;
    std::vector<int> sizes;
    for (int g = 0; g < 11; ++g) {
      sizes.push_back(5 + static_cast<int>(random() % 60));
      for (int i = 0; i < sizes.back(); ++i) all.push_back(row{.group = g, .id = static_cast<int>(all.size())});
    }
    std::shuffle(all.begin(), all.end(), random);
    auto const to = content::assigned(all, p, tutti::grouped(&row::group));
    parts_of_groups(all, to);
    std::vector<int> loads(static_cast<std::size_t>(p));
    CHECK(3 * p * largest(all, to, p) <= (4 * p - 1) * best(sizes, loads));
  }
}

TEST_CASE("grouped: one group may be most of the data; the others are poured where there is room") {
  std::vector<row> all = content::rows(3000);
  for (std::size_t i = 0; i < 1500; ++i) all[i * 2].group = -1;
  auto const to = content::assigned(all, 4, tutti::grouped(&row::group));
  auto const part = parts_of_groups(all, to);
  auto n = content::counts(all, to, 4, [](row const&) { return true; });
  CHECK(n[static_cast<std::size_t>(part.at(-1))] == 1500);
  n.erase(n.begin() + part.at(-1));
  CHECK(content::spread(n) <= 25);
}

TEST_CASE("grouped: where a group goes depends on the keys and counts, not on the ranks or on where its rows lie") {
  auto all = content::rows(2000);
  auto const name = [](row const& r) { return std::to_string(r.group); };
  auto const part = parts_of_groups(all, content::assigned(all, 1, tutti::grouped(name), 5));
  std::mt19937 random(3);
  for (int const p : {2, 5}) {
    std::shuffle(all.begin(), all.end(), random);
    CHECK((parts_of_groups(all, content::assigned(all, p, tutti::grouped(name), 5)) == part));
  }
}

TEST_CASE("grouped: nothing is gathered") {
  auto const all = content::rows(8000);
  std::uint64_t most = 0;
  content::repartitioned(all, 4, tutti::grouped(&row::group), &most);
  CHECK(most <= 2 * all.size() * sizeof(row) / 4);
}

TEST_CASE("grouped: a thousand parts, each of a few groups") {
  auto const all = content::rows(30'000);
  auto const to = content::assigned(all, 3, tutti::grouped(&row::group), 1000);
  parts_of_groups(all, to);
  std::map<int, int> sizes;
  for (row const& r : all) ++sizes[r.group];
  int largest_group = 0;
  for (auto const& [group, size] : sizes) largest_group = std::max(largest_group, size);
  CHECK(3 * largest(all, to, 1000) <= 4 * std::max(30, largest_group));  // neither can be undercut
}

}  // namespace
