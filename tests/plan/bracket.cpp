// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/bracket.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace {

using tutti::plan::interval;

// Another definition of the same tree: aligned blocks of 1, 2, 4, … slots, cut off at the end.
std::vector<interval> all_nodes(std::uint32_t total) {
  std::vector<interval> nodes;
  for (std::uint32_t width = 1;; width *= 2) {
    for (std::uint32_t first = 0; first < total; first += width) {
      interval const node{first, (std::min)(first + width, total)};
      if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
    }
    if (width >= total) return nodes;
  }
}
bool within(interval a, interval b) { return b.first <= a.first && a.last <= b.last; }

}  // namespace

TEST_CASE("five slots are ((s0 s1)(s2 s3)) s4") {
  using tutti::plan::split_point;
  static_assert(split_point({0, 5}) == 4);
  static_assert(split_point({0, 4}) == 2);
  static_assert(split_point({0, 2}) == 1);
  static_assert(split_point({2, 4}) == 3);
  static_assert(tutti::plan::is_node({0, 4}, 5));
  static_assert(!tutti::plan::is_node({3, 5}, 5));
}

TEST_CASE("the left half of every node is the largest power of two below its slots") {
  for (std::uint32_t total = 2; total <= 70; ++total) {
    std::uint32_t left = 1;
    while (left * 2 < total) left *= 2;
    CHECK(tutti::plan::split_point({0, total}) == left);
    CHECK(tutti::plan::split_point({9, 9 + total}) == 9 + left);
  }
}

TEST_CASE("exactly the aligned blocks, cut off at the end, are nodes") {
  for (std::uint32_t total = 0; total <= 33; ++total) {
    auto const nodes = all_nodes(total);
    for (std::uint32_t first = 0; first <= total + 2; ++first)
      for (std::uint32_t last = first; last <= total + 2; ++last) {
        bool const expected = std::find(nodes.begin(), nodes.end(), interval{first, last}) != nodes.end();
        CAPTURE(total);
        CAPTURE(first);
        CAPTURE(last);
        CHECK(tutti::plan::is_node({first, last}, total) == expected);
      }
  }
}

TEST_CASE("partials are the largest nodes that a rank owns whole, in order, and few") {
  for (std::uint32_t total = 0; total <= 33; ++total) {
    auto const nodes = all_nodes(total);
    for (std::uint32_t first = 0; first <= total; ++first)
      for (std::uint32_t last = first; last <= total; ++last) {
        std::vector<interval> expected;
        for (interval a : nodes) {
          bool largest = within(a, {first, last});
          for (interval b : nodes) largest = largest && (a == b || !within(b, {first, last}) || !within(a, b));
          if (largest) expected.push_back(a);
        }
        std::sort(expected.begin(), expected.end(), [](interval a, interval b) { return a.first < b.first; });
        CAPTURE(total);
        CAPTURE(first);
        CAPTURE(last);
        CHECK(tutti::plan::partials({first, last}, total) == expected);
        if (total > 1) CHECK(expected.size() <= 2u * static_cast<unsigned>(std::bit_width(total - 1)));
      }
  }
}
