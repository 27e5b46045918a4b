// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/ragged.hpp>

#include <doctest/doctest.h>

#include <span>
#include <vector>

namespace {

TEST_CASE("ragged: blocks lie one after another, empty ones between them") {
  tutti::ragged<int> r{{1, 2}, {}, {3}};
  CHECK(r.size() == 3);
  CHECK(r.values == std::vector<int>{1, 2, 3});
  CHECK(r.counts == std::vector<std::uint64_t>{2, 0, 1});
  CHECK(r[0].data() == r.values.data());
  CHECK(r[0].size() == 2);
  CHECK(r[1].empty());
  CHECK(r[2].data() == r.values.data() + 2);
  r[2][0] = 7;
  auto const& same = r;
  CHECK(same[2][0] == 7);
}

TEST_CASE("ragged: built block by block, it equals the one that was written down") {
  tutti::ragged<int> r;
  CHECK(r.size() == 0);
  r.push_back(std::vector<int>{1, 2});
  r.push_back(std::span<int const>{});
  r.push_back(std::vector<int>{3});
  CHECK(r == tutti::ragged<int>{{1, 2}, {}, {3}});
  CHECK_FALSE(r == tutti::ragged<int>{{1}, {2}, {3}});
  CHECK(r == tutti::ragged<int>({1, 2, 3}, {2, 0, 1}));
}

}  // namespace
