// SPDX-License-Identifier: BSL-1.0
// Compares with the definition, part by part: a step comes after the last that wrote there, and a write after all that
// have read since.
#include <tutti/plan/hazards.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "cases.hpp"

namespace tp = tutti::plan;

namespace {

bool touches(tp::block const& b, tp::block const& at, std::uint32_t part) {
  return b.where == at.where && b.row == at.row && b.first <= part && part < b.last;
}
bool writes(tp::step const& s, tp::block const& at, std::uint32_t part) {
  return s.what != tp::verb::send && touches(s.at, at, part);
}
bool reads(tp::step const& s, tp::block const& at, std::uint32_t part) {
  if (s.what == tp::verb::send && touches(s.at, at, part)) return true;
  for (tp::source const& f : s.sources)
    if (touches(f.from, at, part)) return true;
  return false;
}

std::vector<std::uint32_t> due(tp::plan const& p, std::size_t i) {
  std::set<std::uint32_t> found;
  auto const look = [&](tp::block const& b, bool as_writer) {
    for (std::uint32_t part = b.first; part < b.last; ++part)
      for (std::size_t j = i; j-- > 0;) {
        bool const wrote = writes(p.steps[j], b, part);
        if (wrote || (as_writer && reads(p.steps[j], b, part))) found.insert(static_cast<std::uint32_t>(j));
        if (wrote) break;
      }
  };
  tp::step const& s = p.steps[i];
  for (tp::source const& f : s.sources) look(f.from, false);
  look(s.at, s.what != tp::verb::send);
  return {found.begin(), found.end()};
}

}  // namespace

TEST_CASE("every step comes after exactly those that touch the same bytes and must not change places with it") {
  for (tp::row const& row : tp::table())
    for (int size : {1, 2, 3, 4, 5, 8}) {
      if (!row.serves(size)) continue;
      for (tp::plan const& p : plan_cases::all_plans(row, plan_cases::wanted(row, size)))
        for (std::size_t i = 0; i < p.steps.size(); ++i) {
          INFO(tp::to_string(row.what) << " by " << tutti::to_string(row.algorithm) << " among " << size << ", rank "
                                       << p.rank << ", step " << i);
          CHECK(p.steps[i].after == due(p, i));
        }
    }
}
