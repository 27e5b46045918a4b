// SPDX-License-Identifier: BSL-1.0
// Promises of every index scheme: each item has one owner, the views agree, counts keep their bound. And what
// data/block_cyclic.hpp, random.hpp, weighted.hpp and bounds.hpp promise beyond that.
#include <tutti/data/block_cyclic.hpp>
#include <tutti/data/bounds.hpp>
#include <tutti/data/by_cost.hpp>
#include <tutti/data/by_hash.hpp>
#include <tutti/data/locality.hpp>
#include <tutti/data/partition.hpp>
#include <tutti/data/random.hpp>
#include <tutti/data/rendezvous_hash.hpp>
#include <tutti/data/token_ring.hpp>
#include <tutti/data/weighted.hpp>
#include <tutti/data/with_copies.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

using counts = std::vector<std::uint64_t>;

/// Walks all views of `part`, and then its owners.
template <class Part>
void check_partition(Part const& part) {
  std::uint64_t const n = part.size();
  CAPTURE(n);
  CAPTURE(part.ranks());
  std::vector<char> seen(static_cast<std::size_t>(n));
  std::uint64_t found = 0, wrong = 0;
  for (int r = 0; r < part.ranks(); ++r) {
    auto const local = part.local(r);
    wrong += local.size() == part.count(r) ? 0U : 1U;
    std::uint64_t p = 0;
    for (std::uint64_t i : local) {
      if (i >= n || seen[i]++ != 0 || part.owner(i) != r) ++wrong;
      if ((p < 3 || p % 101 == 0) && part.position(i) != p) ++wrong;
      ++p;
    }
    found += p;
  }
  CHECK(found == n);
  CHECK(wrong == 0);
}

/// `make(n, size)` for all sizes; `most(n, size)` is what the fullest rank may hold.
template <class Make, class Bound>
void check_scheme(Make const& make, Bound const& most, std::uint64_t large = 1'000'003) {
  for (std::uint64_t size : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 1000U}) {
    for (std::uint64_t n :
         {std::uint64_t{0}, std::uint64_t{1}, size - 1, size, size + 1, std::uint64_t{10'007}, large}) {
      if (n == large && size != 2 && size != 7 && size != 1000) continue;
      auto const part = make(n, static_cast<int>(size));
      check_partition(part);
      std::uint64_t fullest = 0;
      for (int r = 0; r < part.ranks(); ++r) fullest = (std::max)(fullest, part.count(r));
      CHECK(fullest <= most(n, size));
      if (n > 20'000) continue;
      auto const again = make(n, static_cast<int>(size));
      bool same = true;
      for (std::uint64_t i = 0; i < n; i += 1 + n / 1000) same = same && again.owner(i) == part.owner(i);
      CHECK(same);
    }
  }
}

std::uint64_t even(std::uint64_t n, std::uint64_t size) { return (n + size - 1) / size; }
/// No rank may hold more than luck explains: six standard deviations.
std::uint64_t by_luck(std::uint64_t n, std::uint64_t size) {
  double const mean = static_cast<double>(n) / static_cast<double>(size);
  return static_cast<std::uint64_t>(mean + 6 * std::sqrt(mean) + 6);
}
std::uint64_t any(std::uint64_t n, std::uint64_t) { return n; }

std::vector<double> speeds_of(int size) {
  std::vector<double> speeds;
  for (int r = 0; r < size; ++r) speeds.push_back(r % 5 == 4 ? 0.0 : 1.0 + r % 3);
  return speeds;
}
std::vector<std::vector<int>> random_hosts(std::uint64_t n, int size, int copies) {
  std::mt19937 dice(7);
  std::vector<std::vector<int>> hosts(static_cast<std::size_t>(n));
  for (auto& h : hosts)
    for (int c = 0; c < copies; ++c) h.push_back(static_cast<int>(dice() % static_cast<unsigned>(size)));
  return hosts;
}

}  // namespace

TEST_CASE("block_cyclic: every item has one owner, the views agree, counts differ by a run at most") {
  for (std::uint64_t run : {1U, 4U, 64U}) {
    check_scheme([&](std::uint64_t n, int size) { return tutti::partition(n, size, tutti::block_cyclic{run}); },
                 [&](std::uint64_t n, std::uint64_t size) { return even(even(n, run), size) * run; });
  }
}
TEST_CASE("random: every item has one owner, the views agree, counts differ by one at most") {
  check_scheme([](std::uint64_t n, int size) { return tutti::partition(n, size, tutti::random{5}); }, even);
}
TEST_CASE("weighted and bounds: every item has one owner, the views agree") {
  check_scheme([](std::uint64_t n, int size) { return tutti::partition(n, size, tutti::weighted{speeds_of(size)}); },
               any);
  check_scheme(
      [](std::uint64_t n, int size) {
        counts cuts{0};
        for (int r = 1; r < size; ++r) cuts.push_back(n / static_cast<std::uint64_t>(r % 3 == 0 ? 2 : 3));
        cuts.push_back(n);
        std::sort(cuts.begin(), cuts.end());
        return tutti::partition(n, size, tutti::bounds{cuts});
      },
      any);
}
TEST_CASE("by_cost: every item has one owner, the views agree, equal costs are dealt evenly") {
  check_scheme(
      [](std::uint64_t n, int size) {
        return tutti::partition(n, size,
                                tutti::by_cost{std::vector<double>(static_cast<std::size_t>(n), n % 2 ? 0 : 3)});
      },
      even);
}
TEST_CASE("by_hash, rendezvous_hash, token_ring: every item has one owner, the views agree, counts are lucky ones") {
  check_scheme([](std::uint64_t n, int size) { return tutti::partition(n, size, tutti::by_hash{}); }, by_luck);
  check_scheme([](std::uint64_t n, int size) { return tutti::partition(n, size, tutti::rendezvous_hash{}); }, by_luck,
               40'009);
  check_scheme([](std::uint64_t n, int size) { return tutti::partition(n, size, tutti::token_ring{}); },
               [](std::uint64_t n, std::uint64_t size) { return by_luck(n * 5 / 4, size); });  // + 4 / sqrt(256)
}
TEST_CASE("locality: every item has one owner, the views agree, no rank holds more than its capacity") {
  check_scheme(
      [](std::uint64_t n, int size) { return tutti::partition(n, size, tutti::locality{random_hosts(n, size, 2)}); },
      even);
}
TEST_CASE("survivors: every item has one owner, the views agree, the dead serve nothing") {
  check_scheme(
      [](std::uint64_t n, int size) {
        auto const copies = tutti::with_copies<1>(tutti::partition(n, size, tutti::cyclic{}));
        return copies.without({});
      },
      even);
  check_scheme(
      [](std::uint64_t n, int size) {
        auto const copies = tutti::with_copies<2>(tutti::partition(n, size + 1, tutti::random{1}));
        auto const left = copies.without({size / 2});
        CHECK(left.count(size / 2) == 0);
        return left;
      },
      [](std::uint64_t n, std::uint64_t size) { return even(n, size) + 1; });
}

TEST_CASE("block_cyclic: owners are those of dealing runs by hand, and stay when data is appended") {
  auto const few = tutti::partition(100, 3, tutti::block_cyclic{7});
  auto const more = tutti::partition(151, 3, tutti::block_cyclic{7});
  int owner = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    if (i > 0 && i % 7 == 0) owner = owner == 2 ? 0 : owner + 1;
    CHECK(few.owner(i) == owner);
    CHECK(more.owner(i) == owner);
  }
  CHECK_THROWS_WITH_AS((void)tutti::block_cyclic{0}, "block_cyclic with runs of 0 items", tutti::error);
}

TEST_CASE("random: labels sorted in the data are spread as by chance, and every item is held once") {
  constexpr std::uint64_t n = 60'000, labels = 10, ranks = 8;
  double largest = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    auto const part = tutti::partition(n, static_cast<int>(ranks), tutti::random{seed});
    std::vector<double> seen(labels * ranks);
    for (std::uint64_t i = 0; i < n; ++i) seen[i / (n / labels) * ranks + static_cast<unsigned>(part.owner(i))] += 1;
    double const expected = static_cast<double>(n) / static_cast<double>(labels * ranks);
    double chi_square = 0;
    for (double s : seen) chi_square += (s - expected) * (s - expected) / expected;
    largest = (std::max)(largest, chi_square);
  }
  CHECK(largest < 118);  // 63 degrees of freedom: exceeded once in 20 seeds with p = 1e-3; block gives 420,000

  // What it replaces: ranks that draw for themselves leave 1/e of the items unseen.
  std::vector<char> drawn(n);
  for (unsigned r = 0; r < ranks; ++r) {
    std::mt19937 own(r);
    for (std::uint64_t k = 0; k < n / ranks; ++k) drawn[own() % n] = 1;
  }
  double const unseen = static_cast<double>(std::count(drawn.begin(), drawn.end(), 0)) / n;
  CHECK(unseen == doctest::Approx(0.368).epsilon(0.02));
}

namespace {
/// The smallest possible time of the slowest rank, by trying all counts.
double best_time(std::uint64_t left, std::vector<double> const& speeds, std::size_t r) {
  if (r + 1 == speeds.size()) return left == 0 ? 0 : speeds[r] > 0 ? static_cast<double>(left) / speeds[r] : 1e300;
  double best = 1e300;
  for (std::uint64_t c = 0; c <= (speeds[r] > 0 ? left : 0); ++c) {
    double const here = c == 0 ? 0 : static_cast<double>(c) / speeds[r];
    best = (std::min)(best, (std::max)(here, best_time(left - c, speeds, r + 1)));
  }
  return best;
}
double time_of(auto const& part, std::vector<double> const& speeds) {
  double slowest = 0;
  for (int r = 0; r < part.ranks(); ++r) {
    if (part.count(r) > 0)
      slowest = (std::max)(slowest, static_cast<double>(part.count(r)) / speeds[static_cast<std::size_t>(r)]);
  }
  return slowest;
}
}  // namespace

TEST_CASE("weighted: no other counts would let the slowest rank end earlier (brute force)") {
  std::mt19937 dice(3);
  for (int trial = 0; trial < 60; ++trial) {
    std::vector<double> speeds;
    for (unsigned r = 0, ranks = 1 + dice() % 4; r < ranks; ++r)
      speeds.push_back(dice() % 6 == 0 && r > 0 ? 0 : 0.1 * static_cast<double>(1 + dice() % 40));
    for (std::uint64_t n : {0U, 1U, 3U, 10U, 23U}) {
      auto const part = tutti::partition(n, static_cast<int>(speeds.size()), tutti::weighted{speeds});
      CHECK(time_of(part, speeds) == doctest::Approx(best_time(n, speeds, 0)));
    }
  }
}

TEST_CASE("weighted: speeds 1 1 1 0.5 come within 5 % of the ideal, where equal parts take 1.75 times as long") {
  std::vector<double> const speeds{1, 1, 1, 0.5};
  double const ideal = 1000 / 3.5;
  CHECK(time_of(tutti::partition(1000, 4, tutti::weighted{speeds}), speeds) <= 1.05 * ideal);
  CHECK(time_of(tutti::partition(1000, 4, tutti::block{}), speeds) == doctest::Approx(1.75 * ideal));
}

TEST_CASE("weighted: exact beyond 32 bits, and equal speeds are equal parts") {
  constexpr std::uint64_t n = std::uint64_t{1} << 52U;
  auto const part = tutti::partition(n, 3, tutti::weighted{{2, 1, 1}});
  CHECK(part.count(0) + part.count(1) + part.count(2) == n);
  CHECK(part.count(0) == n / 2);
  CHECK(part.owner(n - 1) == 2);
  for (int r = 0; r < 7; ++r) {
    auto const equal = tutti::partition(1003, 7, tutti::weighted{std::vector<double>(7, 0.3)});
    CHECK(equal.count(r) == tutti::partition(1003, 7, tutti::block{}).count(r));
  }
}

TEST_CASE("what does not fit is refused in one sentence") {
  CHECK_THROWS_WITH_AS((void)tutti::partition(5, 2, tutti::weighted{{1, 2, 3}}),
                       "weighted: 3 speeds for 2 ranks; give one each, none negative and not all zero", tutti::error);
  CHECK_THROWS_AS((void)tutti::partition(5, 2, tutti::weighted{{1, -1}}), tutti::error);
  CHECK_THROWS_AS((void)tutti::partition(5, 2, tutti::weighted{{0, 0}}), tutti::error);
  CHECK_THROWS_WITH_AS((void)tutti::partition(5, 2, tutti::bounds{{0, 5}}),
                       "bounds: 2 cuts for 2 ranks; give one more than there are ranks", tutti::error);
  CHECK_THROWS_WITH_AS((void)tutti::partition(5, 2, tutti::bounds{{0, 4, 6}}),
                       "bounds: the cuts must begin with 0, never decrease and end with 5", tutti::error);
  CHECK_THROWS_WITH_AS((void)tutti::partition(5, 2, tutti::by_cost{{1, 2}}),
                       "by_cost: 2 costs for 5 items; give one each, none negative", tutti::error);
  CHECK_THROWS_WITH_AS((void)tutti::partition(5, 0, tutti::weighted{}), "a partition over 0 ranks", tutti::error);
}

TEST_CASE("explain says what memory a scheme takes where it is not constant") {
  CHECK(tutti::partition(10, 3, tutti::random{1}).explain() == "10 items over 3 ranks, random: 4 3 3");
  CHECK(tutti::partition(10, 3, tutti::block_cyclic{3}).explain() == "10 items over 3 ranks, block_cyclic: 4 3 3");
  CHECK(tutti::partition(10, 3, tutti::bounds{{0, 1, 1, 10}}).explain() ==
        "10 items over 3 ranks, bounds: 1 0 9; memory O(ranks), 32 bytes");
  CHECK(tutti::partition(4, 2, tutti::by_cost{{5, 1, 1, 3}}).explain() ==
        "4 items over 2 ranks, by_cost: 1 3; memory O(n), 72 bytes");
}
