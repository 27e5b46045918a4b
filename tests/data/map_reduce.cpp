// SPDX-License-Identifier: BSL-1.0
// Promises of data/map_reduce.hpp.
#include <tutti/data/map_reduce.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <tutti/group/testing.hpp>

namespace {

/// Lines of words, some frequent, most of them rare.
std::vector<std::string> text(int lines) {
  std::mt19937 random(5);
  std::vector<std::string> all(static_cast<std::size_t>(lines));
  for (auto& line : all)
    for (auto words = random() % 12; words > 0; --words)
      line += "w" + std::to_string(random() % (1U + random() % 700)) + (random() % 9 == 0 ? "  " : " ");
  return all;
}
/// The lines of rank r: some ranks have none.
std::vector<std::string> share(std::vector<std::string> const& all, int p, int r) {
  auto const cut = [&](int of) {
    return all.size() * static_cast<std::size_t>(of / 2 * 2) / static_cast<std::size_t>(p);
  };
  return {all.begin() + static_cast<std::ptrdiff_t>(cut(r)),
          all.begin() + static_cast<std::ptrdiff_t>(r + 1 == p ? all.size() : cut(r + 1))};
}
template <class Each>
void for_each_word(std::string_view line, Each each) {
  while (!line.empty()) {
    auto const end = std::min(line.find(' '), line.size());
    if (end > 0) each(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
}

/// map_reduce on p ranks: all keys, none twice, each rank's increasing.
template <class Key, class Value, class Map, class Combine>
std::map<Key, Value> on(int p, std::vector<std::string> const& all, Map map, Combine combine) {
  std::vector<std::vector<tutti::key_value<Key, Value>>> of(static_cast<std::size_t>(p));
  tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
    of[static_cast<std::size_t>(world.rank())] =
        tutti::map_reduce<Key, Value>(world, share(all, p, world.rank()), map, combine);
  });
  std::map<Key, Value> together;
  for (int r = 0; r < p; ++r) {
    auto const& one = of[static_cast<std::size_t>(r)];
    for (std::size_t i = 0; i < one.size(); ++i) {
      CHECK(tutti::by_hash::rank(one[i].key, p) == r);
      CHECK(together.emplace(one[i].key, one[i].value).second);
      if (i > 0) CHECK(one[i - 1].key < one[i].key);
    }
  }
  return together;
}

TEST_CASE("map_reduce: counting words gives what a serial count gives, on 1 to 5 ranks") {
  for (int const lines : {0, 1, 4, 2000}) {
    auto const all = text(lines);
    std::map<std::string, std::uint64_t> serial;
    for (auto const& line : all) for_each_word(line, [&](std::string_view w) { ++serial[std::string(w)]; });
    auto const words = [](std::string const& line, auto const& emit) {
      for_each_word(line, [&](std::string_view w) { emit(w, 1); });
    };
    for (int const p : {1, 2, 3, 4, 5, 8})
      CHECK((on<std::string, std::uint64_t>(p, all, words, std::plus<>()) == serial));
  }
}

TEST_CASE("map_reduce: values meet in the order of ranks and rows, so what is only associative will do") {
  auto const all = text(300);
  std::map<int, std::string> serial;
  for (auto const& line : all) serial[static_cast<int>(line.size() % 7)] += line;
  auto const by_length = [](std::string const& line, auto const& emit) { emit(line.size() % 7, line); };
  for (int const p : {1, 3, 5}) CHECK((on<int, std::string>(p, all, by_length, std::plus<>()) == serial));
}

TEST_CASE("map_reduce: each rank sends a key once, however often it was emitted, and numbers as they lie in memory") {
  tutti::testing::run_ranks(2, [](tutti::communicator& world) {
    std::vector<int> const rows(50'000, 1);
    auto const before = world.stats().bytes_sent;
    auto const sums = tutti::map_reduce<std::uint64_t, std::uint64_t>(
        world, rows, [n = std::uint64_t{0}](int, auto const& emit) mutable { emit(n++ % 100, 1U); }, std::plus<>());
    CHECK(world.stats().bytes_sent - before <= 100 * 16 + 200);
    for (auto const& [key, value] : sums) CHECK(value == 1000);
    CHECK(allreduce(world, sums.size()) == 100);
  });
}

}  // namespace
