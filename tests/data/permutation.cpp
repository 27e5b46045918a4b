// SPDX-License-Identifier: BSL-1.0
// Promises of data/permutation.hpp.
#include <tutti/data/permutation.hpp>

#include <cstdint>
#include <map>
#include <vector>

#include <doctest/doctest.h>

namespace {
std::vector<std::uint64_t> first(std::uint64_t n, std::uint64_t seed, std::uint64_t epoch, std::uint64_t count) {
  tutti::permutation const order(n, seed, epoch);
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = 0; i < count; ++i) values.push_back(order[i]);
  return values;
}
}  // namespace

// Computed by an independent implementation in Python (its integers have no width) from the description in the header.
// A change of these numbers silently changes everybody's training runs.
TEST_CASE("golden values: the same order on every platform and in every version") {
  using list = std::vector<std::uint64_t>;
  CHECK(first(10, 1, 0, 10) == list{3, 4, 1, 9, 7, 5, 6, 8, 0, 2});
  CHECK(first(10, 1, 1, 10) == list{3, 7, 4, 1, 6, 2, 5, 0, 8, 9});
  CHECK(first(60000, 1, 0, 6) == list{18207, 19929, 57442, 52602, 35360, 48121});
  CHECK(first(1000000000039, 42, 7, 4) == list{596275207494, 515577744069, 67515554193, 846487777732});
  CHECK(first(18446744073709551615ULL, 9223372036854775813ULL, 1099511627776, 3) ==
        list{59551454446304198, 16903385523439128560ULL, 10879846953562668329ULL});
}

TEST_CASE("every value of [0, n) comes exactly once") {
  for (unsigned n : {1U, 2U, 3U, 4U, 5U, 7U, 16U, 17U, 255U, 256U, 257U, 1000U, 65537U, 100003U}) {
    for (unsigned epoch : {0U, 1U, 9U}) {
      std::vector<char> seen(n, 0);
      std::uint64_t different = 0;
      for (std::uint64_t x : tutti::permutation(n, 3, epoch)) {
        REQUIRE(x < n);
        different += seen[x] == 0 ? 1U : 0U;
        seen[x] = 1;
      }
      CHECK(different == n);
    }
  }
}

TEST_CASE("random access agrees with walking, in any order of asking") {
  tutti::permutation const order(1000, 5);
  std::vector<std::uint64_t> const walked(order.begin(), order.end());
  for (std::uint64_t i = 1000; i-- > 0;) CHECK(order[i] == walked[i]);
}

TEST_CASE("index_of is the way back, for every size of the two halves and beyond 32 bits") {
  for (std::uint64_t n : {1ULL, 2ULL, 255ULL, 256ULL, 257ULL, 1000ULL, 65537ULL, 1000000000039ULL, ~0ULL}) {
    tutti::permutation const order(n, 11, 3);
    bool same = true;
    for (std::uint64_t i = 0; i < n && i < 1000; ++i) {
      same = same && order.index_of(order[i]) == i && order[order.index_of(n - 1 - i)] == n - 1 - i;
    }
    CHECK(same);
  }
}

TEST_CASE("seeds and epochs give unrelated orders: about one fixed point in common, as chance has it") {
  auto const agreements = [](tutti::permutation const& a, tutti::permutation const& b) {
    int same = 0;
    for (std::uint64_t i = 0; i < 10000; ++i) same += a[i] == b[i] ? 1 : 0;
    return same;
  };
  tutti::permutation const reference(10000, 1, 0);
  CHECK(agreements(reference, tutti::permutation(10000, 1, 1)) < 8);
  CHECK(agreements(reference, tutti::permutation(10000, 2, 0)) < 8);
  CHECK(agreements(reference, tutti::permutation(10000, 0, 1)) < 8);
  CHECK(agreements(reference, reference) == 10000);
}

TEST_CASE("all 120 orders of five items come equally often") {
  std::map<std::vector<std::uint64_t>, double> times;
  for (std::uint64_t epoch = 0; epoch < 36000; ++epoch) times[first(5, 7, epoch, 5)] += 1;
  CHECK(times.size() == 120);
  double chi_square = 0;
  for (auto const& [order, seen] : times) chi_square += (seen - 300) * (seen - 300) / 300;
  CHECK(chi_square < 174);  // 119 degrees of freedom: exceeded by chance once in 1300
}
