// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/verify.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "specimen.hpp"

namespace {

using namespace plan_cases;

// One CHECK per failure, not per case: there are tens of thousands of cases.
void must_be_proven(tp::row const& row, tp::request const& w, std::vector<tp::plan> const& plans, std::uint64_t n) {
  auto const parts = part_sizes(plans[0].parts, row.what, w.size, w.root, n);
  auto const refusal = tp::verify(plans, w, parts);
  if (!refusal) return;
  CAPTURE(tp::to_string(row.what));
  CAPTURE(static_cast<int>(row.algorithm));
  CAPTURE(w.size);
  CAPTURE(w.root);
  CAPTURE(n);
  CHECK(*refusal == "proven");
}

}  // namespace

TEST_CASE("every plan of the table is proven, for 1 to 64 ranks, every root and awkward counts") {
  for (tp::row const& row : tp::table())
    for (int size = 1; size <= 64; ++size) {
      if (!serves(row, size)) continue;
      auto const p = static_cast<std::uint64_t>(size);
      for (int root = 0; root < (is_rooted(row.what) ? size : 1); ++root) {
        auto const w = wanted(row, size, root);
        auto const plans = all_plans(row, w);
        must_be_proven(row, w, plans, 1000 * p + 3);
        if (size > 16 && root != size / 2) continue;
        for (std::uint64_t n : {std::uint64_t{0}, p - 1, std::uint64_t{1}, p, p + 1})
          if (size <= 16 || n == p - 1) must_be_proven(row, w, plans, n);
      }
    }
}

TEST_CASE("plans of hundreds of ranks are proven") {
  for (tp::row const& row : tp::table())
    for (int size : {100, 128, 1000, 1024}) {
      tp::request w = wanted(row, size);
      if (!row.serves(size)) continue;
      w.rank = size / 2;
      if (size > 128 && row.write(w).steps.size() > 100) continue;  // as many steps as ranks squared
      w.root = is_rooted(row.what) ? size / 3 : 0;
      must_be_proven(row, w, all_plans(row, w), 5000);
    }
}

TEST_CASE("slots cut over the ranks in any way are proven, ranks without slots included") {
  for (tp::row const& row : tp::table()) {
    if (!row.slots) continue;
    for (int size = 1; size <= 13; ++size) {
      if (!serves(row, size)) continue;
      auto const p = static_cast<std::uint32_t>(size);
      std::vector<slot_cuts> ways(5);
      for (std::uint32_t r = 0; r <= p; ++r) {
        ways[0].push_back(8 * r / p);                       // eight slots, evenly
        ways[1].push_back(r == 0 ? 0 : 8);                  // all on rank 0
        ways[2].push_back(r == p ? 11 : 0);                 // all on the last rank
        ways[3].push_back(r * (r + 1) / 2);                 // 1, 2, 3, …
        ways[4].push_back(r % 2 == 0 ? 3 * r : 3 * r - 2);  // 1 and 5 in turn
      }
      for (slot_cuts const& cuts : ways)
        for (int root = 0; root < (is_rooted(row.what) ? size : 1); ++root) {
          auto const w = wanted(row, size, root, cuts);
          auto const plans = all_plans(row, w);
          for (unsigned n : {0u, 1u, 12u, 13u, 14u, 5000u}) must_be_proven(row, w, plans, n);
        }
    }
  }
}

TEST_CASE("without the watermarks, plans that write in place are refused and those that touch nothing twice are not") {
  for (tp::row const& row : tp::table()) {
    int const size = row.serves(4) ? 4 : 2;
    auto const w = wanted(row, size);
    auto const plans = all_plans(row, w);
    auto const parts = part_sizes(plans[0].parts, row.what, size, 0, 1000);
    bool const moves_once =
        ((row.what == collective::scatter || row.what == collective::gather) && row.algorithm == algorithm::star) ||
        (row.what == collective::broadcast && row.algorithm == algorithm::star) ||
        (row.what == collective::reduce && row.algorithm == algorithm::star) ||
        (row.what == collective::allgather && row.algorithm == algorithm::direct) ||
        (row.what == collective::reduce_scatter && row.algorithm == algorithm::direct) ||
        (row.what == collective::alltoall && row.algorithm != algorithm::bruck);
    auto const said = verdict(plans, w, parts, false);
    CAPTURE(tp::to_string(row.what));
    CAPTURE(static_cast<int>(row.algorithm));
    CAPTURE(said);
    CHECK((said == "proven") == moves_once);
    CHECK((said.find("race") != std::string::npos) == !moves_once);
  }
}

TEST_CASE("values that are not there yet, or not those declared, are refused") {
  SUBCASE("read before write") {
    auto const root = [](tp::writer& w) { w.send(1, w.all(buffer::output)); };
    auto const relay = [](tp::writer& w) {
      w.send(2, w.all(buffer::output));
      w.recv(0, w.all(buffer::output));
    };
    auto const leaf = [](tp::writer& w) { w.recv(1, w.all(buffer::output)); };
    specimen const s(collective::broadcast, {root, relay, leaf});
    s.refused("rank 1, step 0 (send to 2", "before it is written");
  }
  SUBCASE("a fold in a collective that only moves data") {
    auto const root = [](tp::writer& w) { w.fold(w.all(buffer::output), {{w.all(buffer::output), {0, 1}}}); };
    specimen const s(collective::broadcast, {root});
    s.refused("rank 0, step 0", "only moves data");
  }
  SUBCASE("slots under a wrong name") {
    specimen s(collective::reduce, algorithm::star, 3);
    auto& sources = s.step(0, 2).sources;
    std::swap(sources[1].from, sources[2].from);
    s.refused("rank 0, step 2", "holds slots [2, 3)");
  }
}

TEST_CASE("a fold joins every slot exactly once, in order, along the bracket") {
  specimen s(collective::allreduce, algorithm::star, 4);
  auto& sources = s.step(0, 3).sources;
  SUBCASE("the wrong order") {
    std::swap(sources[1], sources[2]);
    s.refused("rank 0, step 3", "wrong order");
  }
  SUBCASE("a slot twice") {
    auto const whole = s.plans[0].scratch.size();
    s.plans[0].scratch.push_back({0, 4, false});
    tp::block const twin{buffer::scratch, static_cast<std::uint32_t>(whole), 0, 4};
    s.plans[0].steps.insert(s.plans[0].steps.begin(),
                            {tp::verb::copy, -1, twin, {{{buffer::output, 0, 0, 4}, {}}}, {}});
    for (auto& step : s.plans[0].steps)
      for (auto& before : step.after) ++before;
    s.step(0, 4).after.push_back(0);
    CHECK(verdict(s.plans, s.w, s.parts) == "proven");
    auto& fold = s.step(0, 4);
    fold.sources.insert(fold.sources.begin(), {twin, {0, 1}});
    s.refused("rank 0, step 4", "slot 0 is folded twice");
  }
  SUBCASE("a slot missing between others") {
    sources.erase(sources.begin());
    sources.erase(sources.begin() + 1);
    s.plans[0].scratch[1].window = false;
    s.plans[0].scratch[0].window = false;
    s.refused("rank 0, step 3", "slot 2 is missing");
  }
  SUBCASE("slots missing at the end") {
    sources.pop_back();
    sources.pop_back();
    for (auto& row : s.plans[0].scratch) row.window = false;
    s.refused("ends with slots [0, 2)", "a slot is missing");
  }
  SUBCASE("a join across the bracket") {
    sources.pop_back();
    sources.erase(sources.begin());
    for (auto& row : s.plans[0].scratch) row.window = false;
    s.refused("rank 0, step 3", "joins slots [1, 3), which is no node of the bracket");
  }
  SUBCASE("a partial that is no node") {
    sources[1].slots = {1, 3};
    s.refused("rank 0, step 3", "slots [1, 3), is no node of the bracket");
  }
}

TEST_CASE("in any order, slots are a run around the circle: each once, and none left out") {
  specimen s(collective::allreduce, algorithm::ring, 4);
  SUBCASE("a bracket is demanded") {
    s.w.order = tutti::order::canonical;
    s.refused("rank", "no node of the bracket");
  }
  SUBCASE("a slot twice") {
    specimen t(collective::barrier, algorithm::dissemination, 3, 1);
    t.w.what = collective::allreduce;
    t.w.order = tutti::order::any;
    t.refused("rank", "is folded twice");
  }
  SUBCASE("a slot missing") {
    auto const sum = [](tp::writer& w) {
      auto const out = w.all(buffer::output), heard = w.scratch(out);
      w.send(w.after(1), out);
      w.recv(w.after(2), heard);
      w.fold_run(out, heard, out, 1);
    };
    specimen t(collective::allreduce, {sum, sum, sum});
    t.w.order = tutti::order::any;
    t.refused("ends with slots", "a slot is missing");
  }
}

TEST_CASE("a rank that ends with something else than promised is named") {
  SUBCASE("reduce that leaves the result where the buffer should be unchanged") {
    specimen s(collective::allreduce, algorithm::star, 3);
    s.w.what = collective::reduce;
    s.refused("rank 1 ends with slots [0, 3)", "instead of slots [1, 2)");
  }
  SUBCASE("a broadcast from another root") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.w.root = 1;
    s.refused("rank 0, step 0", "before it is written");
  }
  SUBCASE("a part that never arrives") {
    specimen s(collective::gather, algorithm::star, 3);
    s.erase(0, 0);
    s.erase(1, 0);
    s.refused("rank 0 ends with nothing in output part 1", "instead of the data of ranks [1, 2)");
  }
}
