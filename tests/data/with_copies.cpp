// SPDX-License-Identifier: BSL-1.0
// Promises of data/with_copies.hpp.
#include <tutti/data/with_copies.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include <tutti/data/bounds.hpp>

namespace {

std::uint64_t fullest(auto const& part) {
  std::uint64_t most = 0;
  for (int r = 0; r < part.ranks(); ++r) most = (std::max)(most, part.count(r));
  return most;
}

/// Every item is served once, by a living rank that holds it.
template <class Copies>
void check_served(Copies const& copies, std::vector<int> const& dead) {
  auto const left = copies.without(dead);
  std::vector<int> times(static_cast<std::size_t>(copies.size()));
  for (int r = 0; r < left.ranks(); ++r) {
    bool const gone = std::find(dead.begin(), dead.end(), r) != dead.end();
    if (gone) CHECK(left.count(r) == 0);
    for (std::uint64_t i : left.local(r)) {
      auto const holders = copies.holders(i);
      CHECK(std::find(holders.begin(), holders.end(), r) != holders.end());
      CHECK(left.owner(i) == r);
      ++times[static_cast<std::size_t>(i)];
    }
  }
  CHECK(std::all_of(times.begin(), times.end(), [](int t) { return t == 1; }));
}

/// Whether loads of at most `load` can serve all, by the theorem of Hall for arcs of a circle: the survivors that hold
/// the fragments of an arc must have room for them. Two copies.
bool possible(std::vector<std::uint64_t> const& counts, std::vector<bool> const& gone, std::uint64_t load) {
  std::size_t const size = counts.size();
  for (std::size_t from = 0; from < size; ++from) {
    std::uint64_t items = 0;
    std::vector<bool> holds(size);
    for (std::size_t length = 0; length < size; ++length) {
      std::size_t const f = (from + length) % size;
      items += counts[f];
      holds[f] = !gone[f];
      holds[(f + 1) % size] = !gone[(f + 1) % size];
      if (items > load * static_cast<std::uint64_t>(std::count(holds.begin(), holds.end(), true))) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("two copies: any one rank may go, every item stays, and the others share its load evenly") {
  for (int size : {2, 3, 4, 5, 7, 8, 13}) {
    for (std::uint64_t n : {0U, 1U, 12U, 13U, 1000U, 1007U}) {
      auto const copies = tutti::with_copies<2>(tutti::partition(n, size, tutti::block{}));
      for (int dead = 0; dead < size; ++dead) {
        CAPTURE(size);
        CAPTURE(n);
        CAPTURE(dead);
        check_served(copies, {dead});
        auto const others = static_cast<std::uint64_t>(size - 1);
        CHECK(fullest(copies.without({dead})) <= (n + others - 1) / others + 1);
      }
    }
  }
}

TEST_CASE("two copies: no other split would load the fullest survivor less, even of uneven shares (Hall's theorem)") {
  std::vector<std::vector<std::uint64_t>> const shares{
      {10, 0, 0, 30, 5}, {1, 1, 1, 1, 50, 1}, {8, 8, 8, 8}, {0, 0, 7}, {20, 1, 20, 1, 20, 1}};
  for (auto const& counts : shares) {
    std::vector<std::uint64_t> cuts{0};
    for (std::uint64_t c : counts) cuts.push_back(cuts.back() + c);
    int const size = static_cast<int>(counts.size());
    auto const copies = tutti::with_copies<2>(tutti::partition(cuts.back(), size, tutti::bounds{cuts}));
    for (int a = 0; a < size; ++a) {
      for (int b = a; b < size; ++b) {  // a alone, or two that are no neighbours
        if (b == a + 1 || b - a == size - 1) continue;
        check_served(copies, {a, b});
        std::vector<bool> gone(counts.size());
        gone[static_cast<std::size_t>(a)] = gone[static_cast<std::size_t>(b)] = true;
        std::uint64_t const most = fullest(copies.without({a, b}));
        CHECK(possible(counts, gone, most));
        if (most > 0) CHECK_FALSE(possible(counts, gone, most - 1));
      }
    }
  }
}

TEST_CASE("three copies: any two ranks may go; without copies none may, and the error says what is lost") {
  auto const copies = tutti::with_copies<3>(tutti::partition(1003, 6, tutti::cyclic{}));
  for (int a = 0; a < 6; ++a)
    for (int b = 0; b < 6; ++b) check_served(copies, {a, b});
  auto const pairs = tutti::with_copies<2>(tutti::partition(1003, 6, tutti::cyclic{}));
  CHECK_THROWS_WITH_AS((void)pairs.without({3, 4}), "the items of rank 3 are lost: all 2 ranks that held them are gone",
                       tutti::error);
  auto const single = tutti::with_copies<1>(tutti::partition(10, 3, tutti::block{}));
  CHECK_THROWS_AS((void)single.without({1}), tutti::error);
  CHECK_THROWS_WITH_AS((void)tutti::with_copies<3>(tutti::partition(10, 2, tutti::block{})),
                       "3 copies of each item on 2 ranks; there can be one on each", tutti::error);
}

TEST_CASE("what a rank holds: its own items, then those of the ranks before it") {
  auto const copies = tutti::with_copies<2>(tutti::partition(10, 3, tutti::block{}));  // 0-3, 4-6, 7-9
  auto const held = copies.held(0);
  CHECK(std::vector<std::uint64_t>(held.begin(), held.end()) == std::vector<std::uint64_t>{0, 1, 2, 3, 7, 8, 9});
  CHECK(copies.holders(8)[0] == 2);
  CHECK(copies.holders(8)[1] == 0);
  CHECK(copies.primary().owner(8) == 2);
  CHECK_THROWS_AS((void)copies.held(3), tutti::error);
}
