// SPDX-License-Identifier: BSL-1.0
// Promises of data/item_keys.hpp, by_hash.hpp, rendezvous_hash.hpp and token_ring.hpp.
#include <tutti/data/by_hash.hpp>
#include <tutti/data/item_keys.hpp>
#include <tutti/data/partition.hpp>
#include <tutti/data/rendezvous_hash.hpp>
#include <tutti/data/token_ring.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

std::vector<std::string> words(std::size_t n) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < n; ++i) all.push_back("word " + std::to_string(i * i % 97));
  return all;
}

/// The share of 100,000 items that move when a rank joins; fails if one moves to an old rank.
template <class Scheme>
double moved(int size, Scheme const& scheme) {
  constexpr std::uint64_t n = 100'000;
  auto const before = tutti::partition(n, size, scheme);
  auto const after = tutti::partition(n, size + 1, scheme);
  std::uint64_t moves = 0, to_old_ranks = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    if (before.owner(i) == after.owner(i)) continue;
    ++moves;
    if (after.owner(i) != size) ++to_old_ranks;
  }
  CHECK(to_old_ranks == 0);
  return static_cast<double>(moves) / static_cast<double>(n);
}

}  // namespace

// Computed by an independent implementation in Python. A change of these numbers moves everybody's rows.
TEST_CASE("golden values: the same hash on every platform and in every version") {
  CHECK(tutti::hash_key(0) == 0xe220a8397b1dcdafULL);
  CHECK(tutti::hash_key(-1) == 0xe4d971771b652c20ULL);
  CHECK(tutti::hash_key(std::uint64_t{12345678901}) == 0x8e8a7fc661bbc3aULL);
  CHECK(tutti::hash_key(std::string("tutti")) == 0x205d660851bbc0b1ULL);
  CHECK(tutti::hash_key("") == 0xf52a15e9a9b5e89bULL);
  CHECK(tutti::by_hash::rank("tutti", 1000) == 126);
  CHECK(tutti::rendezvous_hash::rank("tutti", 1000) == 409);
}

TEST_CASE("keys are a range, a function, or the item's number, and any object that can be sent") {
  auto const names = words(500);
  auto const from_range = tutti::partition(500, 7, tutti::by_hash{names});
  auto const from_function =
      tutti::partition(500, 7, tutti::by_hash{[&](std::uint64_t i) { return names[static_cast<std::size_t>(i)]; }});
  for (std::uint64_t i = 0; i < 500; ++i) {
    CHECK(from_range.owner(i) == tutti::by_hash::rank(names[i], 7));
    CHECK(from_function.owner(i) == from_range.owner(i));
    CHECK(tutti::partition(500, 7, tutti::by_hash{}).owner(i) == tutti::by_hash::rank(i, 7));
  }
  CHECK(tutti::hash_key(std::pair(std::string("a"), 1)) != tutti::hash_key(std::pair(std::string("a"), 2)));
  CHECK(tutti::hash_key(7) == tutti::hash_key(std::uint64_t{7}));
  CHECK_THROWS_WITH_AS((void)tutti::partition(3, 2, tutti::by_hash{names}), "by_hash: 500 keys for 3 items",
                       tutti::error);
}

TEST_CASE("equal keys meet on one rank") {
  auto const names = words(3000);
  std::vector<int> rank_of(97, -1);
  for (auto const& part :
       {tutti::partition(3000, 13, tutti::by_hash{names}), tutti::partition(3000, 13, tutti::rendezvous_hash{names})}) {
    std::fill(rank_of.begin(), rank_of.end(), -1);
    for (std::size_t i = 0; i < 3000; ++i) {
      int& known = rank_of[i * i % 97];
      if (known >= 0) CHECK(part.owner(i) == known);
      known = part.owner(i);
    }
  }
}

TEST_CASE(
    "rendezvous_hash: a new rank takes 1.1 / (size + 1) of the items at most, nothing else moves; by_hash moves most") {
  for (int size : {1, 2, 3, 4, 7, 8, 20}) {
    CAPTURE(size);
    CHECK(moved(size, tutti::rendezvous_hash{}) <= 1.1 / (size + 1));
  }
  auto const of_four = tutti::partition(100'000, 4, tutti::by_hash{});
  auto const of_five = tutti::partition(100'000, 5, tutti::by_hash{});
  int moves = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) moves += of_four.owner(i) == of_five.owner(i) ? 0 : 1;
  CHECK(moves > 40'000);
}

TEST_CASE("rendezvous_hash: the fullest rank holds at most 1.05 of the mean of 100,000 items") {
  for (int size : {2, 3, 5, 8, 16}) {
    auto const part = tutti::partition(100'000, size, tutti::rendezvous_hash{});
    std::uint64_t fullest = 0;
    for (int r = 0; r < size; ++r) fullest = (std::max)(fullest, part.count(r));
    CHECK(static_cast<double>(fullest) <= 1.05 * 100'000 / size);
  }
}

TEST_CASE("token_ring: a new rank takes about its share, nothing else moves; one token each is uneven") {
  for (int size : {1, 2, 3, 4, 5, 7, 8}) {
    CAPTURE(size);
    CHECK(moved(size, tutti::token_ring{.vnodes = 1024}) <= 1.1 / (size + 1));
  }
  auto const fullest = [](int vnodes) {
    auto const part = tutti::partition(100'000, 8, tutti::token_ring{.vnodes = vnodes});
    std::uint64_t most = 0;
    for (int r = 0; r < 8; ++r) most = (std::max)(most, part.count(r));
    return static_cast<double>(most) / (100'000.0 / 8);
  };
  CHECK(fullest(1) > 1.5);
  CHECK(fullest(256) < 1.2);
}

TEST_CASE("token_ring: copies lie on the ranks of the next tokens, all different, the owner first") {
  auto const names = words(300);
  auto const part = tutti::partition(300, 5, tutti::token_ring{.vnodes = 8, .replicas = 3, .keys = names});
  // By hand: the tokens in order, starting behind the key.
  std::vector<std::pair<std::uint64_t, int>> tokens;
  for (int r = 0; r < 5; ++r)
    for (std::uint64_t v = 0; v < 8; ++v)
      tokens.push_back({tutti::detail::mix64(tutti::detail::mix64(static_cast<std::uint64_t>(r) + 1) + v), r});
  for (std::uint64_t i = 0; i < 300; ++i) {
    std::uint64_t const hash = tutti::hash_key(names[i]);
    std::sort(tokens.begin(), tokens.end(), [&](auto a, auto b) { return a.first - hash < b.first - hash; });
    std::vector<int> by_hand;
    for (auto const& [place, rank] : tokens) {
      if (by_hand.size() < 3 && std::find(by_hand.begin(), by_hand.end(), rank) == by_hand.end())
        by_hand.push_back(rank);
    }
    CHECK(part.holders(i) == by_hand);
    CHECK(part.owner(i) == by_hand[0]);
  }
  CHECK_THROWS_WITH_AS((void)tutti::partition(3, 2, tutti::token_ring{.replicas = 3}),
                       "token_ring: 3 replicas on 2 ranks; give 1 to as many as there are ranks", tutti::error);
}
