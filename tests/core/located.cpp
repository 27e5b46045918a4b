// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/located.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using pair = tutti::located<float>;

bool same(pair const& a, pair const& b) {
  return a.index == b.index && (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)));
}

TEST_CASE("located: extremes and their places, whatever the order of the ranks; ties go to the lowest index") {
  std::vector<pair> all{{2, 5}, {1, 7}, {1, 3}, {9, 2}, {9, 8}};
  std::sort(all.begin(), all.end(), [](pair const& a, pair const& b) { return a.index < b.index; });
  do {
    pair low = all[0];
    pair high = all[0];
    for (std::size_t i = 1; i < all.size(); ++i) {
      low = tutti::minloc(low, all[i]);
      high = tutti::maxloc(high, all[i]);
    }
    CHECK(low == pair{1, 3});
    CHECK(high == pair{9, 2});
  } while (
      std::next_permutation(all.begin(), all.end(), [](pair const& a, pair const& b) { return a.index < b.index; }));
}

TEST_CASE("located: a NaN outranks every number; of two, the lowest index") {
  float const nan = std::numeric_limits<float>::quiet_NaN();
  for (auto const& [a, b] : {std::pair{pair{nan, 4}, pair{1, 2}}, std::pair{pair{nan, 4}, pair{nan, 6}}}) {
    CHECK(same(tutti::minloc(a, b), pair{nan, 4}));
    CHECK(same(tutti::minloc(b, a), pair{nan, 4}));
    CHECK(same(tutti::maxloc(a, b), pair{nan, 4}));
    CHECK(same(tutti::maxloc(b, a), pair{nan, 4}));
  }
}

struct score {
  double value;
  unsigned char index;
};

TEST_CASE("located: any struct with a value and an index serves; a pair is written without its types") {
  CHECK(tutti::maxloc(score{1, 1}, score{2, 0}).index == 0);
  CHECK(tutti::minloc(tutti::located{1, 'b'}, tutti::located{1, 'a'}) == tutti::located{1, 'a'});
  CHECK_FALSE(tutti::reduction<tutti::minloc_op, float>);
}

}  // namespace
