// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/messages.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "cases.hpp"

namespace tp = tutti::plan;
using tutti::algorithm;

namespace {

std::vector<tp::sent> of(tp::collective what, algorithm how, int size) {
  tp::row const& row = *tp::find(what, how, size);
  return tp::messages(plan_cases::all_plans(row, plan_cases::wanted(row, size)));
}

}  // namespace

TEST_CASE("messages: a star is one round up and one down, a chain a round for each hop") {
  CHECK(of(tp::collective::allreduce, algorithm::star, 3) ==
        std::vector<tp::sent>{{1, 1, 0, {0, 3}}, {1, 2, 0, {0, 3}}, {2, 0, 1, {0, 3}}, {2, 0, 2, {0, 3}}});
  CHECK(of(tp::collective::broadcast, algorithm::chain, 4) ==
        std::vector<tp::sent>{{1, 0, 1, {0, 4}}, {2, 1, 2, {0, 4}}, {3, 2, 3, {0, 4}}});
}

TEST_CASE("messages: dissemination takes as many rounds as bits, a ring two for each neighbour") {
  auto const token = of(tp::collective::barrier, algorithm::dissemination, 5);
  CHECK(token.size() == 15);
  CHECK(token.back().round == 3);
  auto const ring = of(tp::collective::allreduce, algorithm::ring, 5);
  CHECK(ring.size() == 40);
  CHECK(ring.back().round == 8);
  for (tp::sent const& m : ring) CHECK(m.to == (m.from + 1) % 5);
}
