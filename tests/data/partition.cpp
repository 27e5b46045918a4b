// SPDX-License-Identifier: BSL-1.0
// Promises of data/partition.hpp, block.hpp and cyclic.hpp.
#include <tutti/data/partition.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <vector>

#include <doctest/doctest.h>

static_assert(tutti::partition_scheme<tutti::block> && tutti::partition_scheme<tutti::cyclic>);
static_assert(tutti::index_partition<tutti::partition<tutti::block>>);
static_assert(std::random_access_iterator<tutti::local_items<tutti::block>::iterator>);
static_assert(sizeof(tutti::partition<tutti::block>) <= 32, "a partition must not grow with n");

namespace {

constexpr std::uint64_t sizes[] = {0, 1, 7, 1000, 1'000'003};

// The oracle deals out every item by hand.
std::vector<int> owners_by_hand(std::uint64_t n, int size, tutti::cyclic) {
  std::vector<int> owners;
  for (int r = 0; owners.size() < n; r = r + 1 == size ? 0 : r + 1) owners.push_back(r);
  return owners;
}
std::vector<int> owners_by_hand(std::uint64_t n, int size, tutti::block) {
  std::vector<int> owners = owners_by_hand(n, size, tutti::cyclic{});
  std::sort(owners.begin(), owners.end());
  return owners;
}

template <class Scheme>
void check_against_hand(std::uint64_t n, int size) {
  auto const part = tutti::partition(n, size, Scheme{});
  std::vector<int> const owners = owners_by_hand(n, size, Scheme{});
  std::vector<std::vector<std::uint64_t>> held(static_cast<std::size_t>(size));
  for (std::uint64_t i = 0; i < n; ++i) held[static_cast<std::size_t>(owners[i])].push_back(i);
  bool same = true;
  for (std::uint64_t i = 0; i < n; ++i) {
    same = same && part.owner(i) == owners[i] && held[static_cast<std::size_t>(owners[i])][part.position(i)] == i;
  }
  CHECK(same);
  std::uint64_t least = n;
  std::uint64_t most = 0;
  for (int r = 0; r < size; ++r) {
    auto const& mine = held[static_cast<std::size_t>(r)];
    auto const local = part.local(r);
    CHECK(part.count(r) == mine.size());
    CHECK(local.size() == mine.size());
    CHECK(std::equal(local.begin(), local.end(), mine.begin(), mine.end()));
    if (!mine.empty()) CHECK(local[mine.size() - 1] == mine.back());
    least = (std::min)(least, local.size());
    most = (std::max)(most, local.size());
  }
  CHECK(most - least <= 1);
}

}  // namespace

TEST_CASE("block: every item has the one owner that dealing by hand gives it") {
  for (std::uint64_t n : sizes) {
    for (int size = 1; size <= 8; ++size) check_against_hand<tutti::block>(n, size);
  }
}

TEST_CASE("cyclic: every item has the one owner that dealing by hand gives it") {
  for (std::uint64_t n : sizes) {
    for (int size = 1; size <= 8; ++size) check_against_hand<tutti::cyclic>(n, size);
  }
}

TEST_CASE("cyclic: no old item changes its owner when data is appended; block does not promise that") {
  bool block_moved = false;
  for (std::uint64_t i = 0; i < 100; ++i) {
    CHECK(tutti::partition(100, 7, tutti::cyclic{}).owner(i) == tutti::partition(131, 7, tutti::cyclic{}).owner(i));
    block_moved = block_moved || tutti::partition(100, 7, tutti::block{}).owner(i) !=
                                     tutti::partition(131, 7, tutti::block{}).owner(i);
  }
  CHECK(block_moved);
}

TEST_CASE("on data sorted by label, block gives a rank one label where cyclic gives it all") {
  auto const labels_of = [](auto const& part) {
    std::vector<std::uint64_t> labels;
    for (std::uint64_t i : part.local(2)) labels.push_back(i / 100);  // ten labels, a hundred items each
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    return labels.size();
  };
  CHECK(labels_of(tutti::partition(1000, 10, tutti::block{})) == 1);
  CHECK(labels_of(tutti::partition(1000, 10, tutti::cyclic{})) == 10);
}

TEST_CASE("indices beyond 32 bits are exact") {
  constexpr std::uint64_t n = UINT64_MAX;
  for (int size : {1, 3, 8, 1'000'000}) {
    auto const part = tutti::partition(n, size, tutti::block{});
    for (std::uint64_t i : {std::uint64_t{0}, std::uint64_t{1} << 40U, n / 2, n - 1}) {
      CHECK(part.local(part.owner(i))[part.position(i)] == i);
    }
    CHECK(part.owner(n - 1) == size - 1);
    auto const dealt = tutti::partition(n, size, tutti::cyclic{});
    CHECK(dealt.local(dealt.owner(n - 1))[dealt.position(n - 1)] == n - 1);
  }
}

TEST_CASE("a local view is a random-access range") {
  auto const view = tutti::partition(100, 3, tutti::cyclic{}).local(1);
  CHECK(view.end() - view.begin() == 33);
  CHECK(view.begin()[32] == 97);
  CHECK(*std::lower_bound(view.begin(), view.end(), 50U) == 52);
  CHECK(std::accumulate(view.begin(), view.end(), std::uint64_t{0}) == 33 * (1 + 97) / 2);
}

TEST_CASE("arguments out of range are refused in one sentence") {
  auto const part = tutti::partition(10, 3, tutti::block{});
  CHECK_THROWS_WITH_AS((tutti::partition(10, 0, tutti::block{})), "a partition over 0 ranks", tutti::error);
  CHECK_THROWS_WITH_AS((void)part.owner(10), "item 10 in a partition of 10", tutti::error);
  CHECK_THROWS_WITH_AS((void)part.local(3), "rank 3 in a partition over 3", tutti::error);
  CHECK_THROWS_AS((void)part.count(-1), tutti::error);
}

TEST_CASE("a partition explains itself") {
  CHECK(tutti::partition(1003, 4, tutti::block{}).explain() == "1003 items over 4 ranks, block: 251 251 251 250");
  CHECK(tutti::partition(2, 9, tutti::cyclic{}).explain() == "2 items over 9 ranks, cyclic: 1 1 0 0 0 0 0 0 ...");
}
