// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/tree.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

using tutti::plan::interval;
using tutti::plan::level;
using tutti::plan::tree;

TEST_CASE("every rank but the root has one parent, and holds what hangs below it: whole nodes of the bracket") {
  for (int size = 1; size <= 40; ++size)
    for (int root = 0; root < size; ++root) {
      auto const n = static_cast<std::uint32_t>(size);
      std::vector<tree> all;
      for (int r = 0; r < size; ++r) all.push_back(tutti::plan::place_in_tree(r, size, root));
      for (int r = 0; r < size; ++r) {
        tree const& t = all[static_cast<std::size_t>(r)];
        CAPTURE(size);
        CAPTURE(root);
        CAPTURE(r);
        CHECK((t.parent < 0) == (r == root));
        CHECK(tutti::plan::is_node(t.holds, n));
        std::uint32_t below = 1;
        for (tree::child const& c : t.children) {
          CHECK(all[static_cast<std::size_t>(c.rank)].parent == r);
          CHECK(all[static_cast<std::size_t>(c.rank)].holds == c.holds);
          CHECK((t.holds.first <= c.holds.first && c.holds.last <= t.holds.last));
          below += c.holds.size();
        }
        CHECK(below == t.holds.size());
        int depth = 0;
        for (int at = r; at != root && depth <= size; at = all[static_cast<std::size_t>(at)].parent) ++depth;
        CHECK(depth <= std::bit_width(n - 1));
      }
    }
}

TEST_CASE("at every level each rank hears one rank of the other half and tells those that hear it") {
  for (int size = 1; size <= 40; ++size) {
    std::vector<std::vector<level>> all;
    for (int r = 0; r < size; ++r) all.push_back(tutti::plan::levels(r, size));
    for (int r = 0; r < size; ++r)
      for (level const& l : all[static_cast<std::size_t>(r)]) {
        std::vector<int> hearing;
        for (std::uint32_t other = l.theirs.first; other < l.theirs.last; ++other)
          for (level const& o : all[other])
            if (o.theirs == l.mine && o.from == r) hearing.push_back(static_cast<int>(other));
        CAPTURE(size);
        CAPTURE(r);
        CHECK(hearing == l.to);
        CHECK((l.theirs.first <= static_cast<std::uint32_t>(l.from) &&
               static_cast<std::uint32_t>(l.from) < l.theirs.last));
        CHECK(static_cast<int>(l.mine.size()) >= 1);
      }
    CHECK((all[0].empty() ? 1u : all[0].back().mine.size() + all[0].back().theirs.size()) ==
          static_cast<std::uint32_t>(size));
  }
}

TEST_CASE("halves of an even range, the rank's own first") {
  CHECK(tutti::plan::halves({4, 8}, false) == std::pair(interval{4, 6}, interval{6, 8}));
  CHECK(tutti::plan::halves({4, 8}, true) == std::pair(interval{6, 8}, interval{4, 6}));
}
