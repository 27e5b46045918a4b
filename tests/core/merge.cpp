// SPDX-License-Identifier: BSL-1.0
// Promises of core/merge.hpp.
#include <tutti/core/merge.hpp>

#include <doctest/doctest.h>

#include <map>
#include <set>

#include <tutti/core/op.hpp>

namespace {

struct largest {
  int value = 0;
  void merge(largest const& other) { value = value < other.value ? other.value : value; }
};
struct total {
  int value = 0;
  total& operator+=(total const& other) {
    value += other.value;
    return *this;
  }
};
struct none {};

// Containers' own merge() moves elements over: another matter.
static_assert(tutti::mergeable<largest> && !tutti::mergeable<total> && !tutti::mergeable<std::set<int>> &&
              !tutti::mergeable<std::map<int, int>>);
static_assert(tutti::element_reduction<tutti::merge_op, largest> && tutti::element_reduction<tutti::merge_op, total> &&
              !tutti::element_reduction<tutti::merge_op, none>);

TEST_CASE("merge: takes merge() where there is one, else +=; both sides stay what they were") {
  largest const a{3}, b{5};
  CHECK(tutti::merge(a, b).value == 5);
  CHECK(a.value == 3);
  CHECK(tutti::merge(total{3}, total{5}).value == 8);
}

}  // namespace
