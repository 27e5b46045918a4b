// SPDX-License-Identifier: BSL-1.0
// Plans that are right but for one fault, planted or written by hand, and what the proof must say to that.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <tutti/plan/verify.hpp>

#include "cases.hpp"

namespace plan_cases {

using tp::buffer;
using tp::collective;
using tutti::algorithm;

inline std::string verdict(std::vector<tp::plan> const& plans, tp::request const& w, sizes const& parts,
                           bool watermarks = true) {
  return tp::verify(plans, w, parts, watermarks).value_or("proven");
}

// A correct set of plans, to be spoiled in one place.
struct specimen {
  tp::request w;
  std::vector<tp::plan> plans;
  sizes parts;

  specimen(collective what, algorithm how, int size, std::uint64_t n = 1000, slot_cuts cuts = {}) {
    tp::row const& row = *tp::find(what, how, size);
    w = wanted(row, size, 0, std::move(cuts));
    plans = all_plans(row, w);
    parts = part_sizes(plans[0].parts, what, size, 0, n);
    REQUIRE(verdict(plans, w, parts) == "proven");
  }
  // Plans written by hand, one function for each rank.
  specimen(collective what, std::vector<std::function<void(tp::writer&)>> const& ranks, slot_cuts cuts = {}) {
    w.what = what;
    w.size = static_cast<int>(ranks.size());
    w.cuts = std::move(cuts);
    for (w.rank = 0; w.rank < w.size; ++w.rank) {
      tp::writer pen(w, tp::cut::even);
      ranks[static_cast<std::size_t>(w.rank)](pen);
      plans.push_back(std::move(pen).finish());
    }
    parts.assign(ranks.size(), 10);
  }
  tp::step& step(std::size_t rank, std::size_t index) { return plans[rank].steps[index]; }
  void erase(std::size_t rank, std::size_t index) {
    auto& steps = plans[rank].steps;
    steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(index));
  }
  void refused(std::string const& place, std::string const& hazard) const {
    auto const said = verdict(plans, w, parts);
    CAPTURE(said);
    CHECK(said.find(place) != std::string::npos);
    CHECK(said.find(hazard) != std::string::npos);
  }
};

inline void nothing(tp::writer&) {}

}  // namespace plan_cases
