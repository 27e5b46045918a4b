// SPDX-License-Identifier: BSL-1.0
// Promises of data/locality.hpp.
#include <tutti/data/locality.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <tutti/data/partition.hpp>

namespace {

using lists = std::vector<std::vector<int>>;

lists random_hosts(std::mt19937& dice, std::size_t items, unsigned hosts, unsigned copies) {
  lists all(items);
  for (auto& h : all) {
    while (h.size() < copies) {
      int const host = static_cast<int>(dice() % hosts);
      if (std::find(h.begin(), h.end(), host) == h.end()) h.push_back(host);
    }
  }
  return all;
}

std::uint64_t near_items(auto const& part, lists const& hosts) {
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    found += std::find(hosts[i].begin(), hosts[i].end(), part.owner(i)) != hosts[i].end() ? 1U : 0U;
  return found;
}

/// How many items can be near at all: augmenting paths, one item after the other (Kuhn), places as single things.
std::uint64_t most_near(lists const& hosts, int size, std::size_t capacity) {
  std::vector<std::vector<std::size_t>> placed(static_cast<std::size_t>(size));
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    std::vector<bool> tried(placed.size());
    auto const place = [&](auto const& again, std::size_t item) -> bool {
      for (int h : hosts[item]) {
        auto const rank = static_cast<std::size_t>(h);
        if (tried[rank]) continue;
        tried[rank] = true;
        if (placed[rank].size() < capacity) {
          placed[rank].push_back(item);
          return true;
        }
        for (std::size_t& other : placed[rank]) {
          if (again(again, other)) {
            other = item;
            return true;
          }
        }
      }
      return false;
    };
    found += place(place, i) ? 1U : 0U;
  }
  return found;
}

}  // namespace

TEST_CASE("no assignment within the capacity leaves more items near (augmenting paths)") {
  std::mt19937 dice(2);
  for (int trial = 0; trial < 400; ++trial) {
    auto const roll = [&](unsigned below) { return static_cast<unsigned>(dice() % below); };
    unsigned const size = 1 + roll(9), copies = 1 + roll((std::min)(size, 3U));
    std::size_t const items = roll(60);
    auto hosts = random_hosts(dice, items, 1 + roll(size), 1);  // few hosts: crowded ones
    for (auto& h : hosts)
      for (unsigned c = 1; c < copies; ++c) h.push_back(static_cast<int>(roll(size)));
    std::uint64_t const capacity = items / size + 1 + roll(3);
    auto const part = tutti::partition(items, static_cast<int>(size), tutti::locality{hosts, capacity});
    CHECK(near_items(part, hosts) == most_near(hosts, static_cast<int>(size), capacity));
    for (int r = 0; r < part.ranks(); ++r) CHECK(part.count(r) <= capacity);
  }
}

TEST_CASE("with three copies 95 % are near though every rank holds its share and no more; blocks leave most far") {
  std::mt19937 dice(4);
  for (int size : {4, 16, 64}) {
    auto const hosts = random_hosts(dice, 20'003, static_cast<unsigned>(size), 3);
    auto const part = tutti::partition(hosts.size(), size, tutti::locality{hosts});
    CHECK(near_items(part, hosts) >= hosts.size() * 95 / 100);
    std::uint64_t const share = (hosts.size() + static_cast<unsigned>(size) - 1) / static_cast<unsigned>(size);
    for (int r = 0; r < size; ++r) CHECK(part.count(r) <= share);
    CHECK(near_items(tutti::partition(hosts.size(), size, tutti::block{}), hosts) < hosts.size() * 80 / 100);
  }
}

TEST_CASE("several ranks of a host share what lies there; items that lie nowhere go where there is room") {
  lists const hosts{{100}, {100}, {100}, {100}, {7}, {}, {200, 200}, {}};
  auto const part =
      tutti::partition(8, 4, tutti::locality{.hosts = hosts, .capacity = 2, .host_of_rank = {100, 100, 200, 200}});
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(part.owner(i) <= 1);
  CHECK(part.owner(6) >= 2);
  for (int r = 0; r < 4; ++r) CHECK(part.count(r) == 2);
}

TEST_CASE("what does not fit is refused in one sentence") {
  lists const hosts{{0}, {1}, {0}};
  CHECK_THROWS_WITH_AS((void)tutti::partition(4, 2, tutti::locality{hosts}), "locality: hosts of 3 items for 4 items",
                       tutti::error);
  CHECK_THROWS_WITH_AS((void)tutti::partition(3, 2, tutti::locality{hosts, 1}),
                       "locality: a capacity of 1 on 2 ranks cannot hold 3 items", tutti::error);
  CHECK_THROWS_WITH_AS((void)tutti::partition(3, 2, tutti::locality{hosts, 0, {1}}),
                       "locality: host_of_rank names 1 hosts for 2 ranks", tutti::error);
}
