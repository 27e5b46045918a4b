// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/verify.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cases.hpp"

namespace {

namespace tp = tutti::plan;
using plan_cases::sizes;
using plan_cases::slot_cuts;
using tp::buffer;
using tp::collective;
using tutti::algorithm;

std::string verdict(std::vector<tp::plan> const& plans, tp::request const& w, sizes const& parts,
                    bool watermarks = true) {
  return tp::verify(plans, w, parts, watermarks).value_or("proven");
}

// One CHECK per failure, not per case: there are tens of thousands of cases.
void must_be_proven(tp::row const& row, tp::request const& w, std::vector<tp::plan> const& plans, std::uint64_t n) {
  auto const parts = plan_cases::part_sizes(plans[0].parts, row.what, w.size, w.root, n);
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
      if (!plan_cases::serves(row, size)) continue;
      auto const p = static_cast<std::uint64_t>(size);
      for (int root = 0; root < (plan_cases::is_rooted(row.what) ? size : 1); ++root) {
        auto const w = plan_cases::wanted(row, size, root);
        auto const plans = plan_cases::all_plans(row, w);
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
      tp::request w = plan_cases::wanted(row, size);
      if (!row.serves(size)) continue;
      w.rank = size / 2;
      if (size > 128 && row.write(w).steps.size() > 100) continue;  // as many steps as ranks squared
      w.root = plan_cases::is_rooted(row.what) ? size / 3 : 0;
      must_be_proven(row, w, plan_cases::all_plans(row, w), 5000);
    }
}

TEST_CASE("slots cut over the ranks in any way are proven, ranks without slots included") {
  for (tp::row const& row : tp::table()) {
    if (!row.slots) continue;
    for (int size = 1; size <= 13; ++size) {
      if (!plan_cases::serves(row, size)) continue;
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
        for (int root = 0; root < (plan_cases::is_rooted(row.what) ? size : 1); ++root) {
          auto const w = plan_cases::wanted(row, size, root, cuts);
          auto const plans = plan_cases::all_plans(row, w);
          for (unsigned n : {0u, 1u, 12u, 13u, 14u, 5000u}) must_be_proven(row, w, plans, n);
        }
    }
  }
}

TEST_CASE("without the watermarks, plans that write in place are refused and those that touch nothing twice are not") {
  for (tp::row const& row : tp::table()) {
    int const size = row.serves(4) ? 4 : 2;
    auto const w = plan_cases::wanted(row, size);
    auto const plans = plan_cases::all_plans(row, w);
    auto const parts = plan_cases::part_sizes(plans[0].parts, row.what, size, 0, 1000);
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

namespace {

// A correct set of plans, to be spoiled in one place.
struct specimen {
  tp::request w;
  std::vector<tp::plan> plans;
  sizes parts;

  specimen(collective what, algorithm how, int size, std::uint64_t n = 1000, slot_cuts cuts = {}) {
    tp::row const& row = *tp::find(what, how, size);
    w = plan_cases::wanted(row, size, 0, std::move(cuts));
    plans = plan_cases::all_plans(row, w);
    parts = plan_cases::part_sizes(plans[0].parts, what, size, 0, n);
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

void nothing(tp::writer&) {}

}  // namespace

TEST_CASE("messages that do not match are refused") {
  SUBCASE("a missing receive") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.erase(2, 0);
    s.refused("rank 0, step 1 (send to 2", "no receive meets this send");
  }
  SUBCASE("an extra send") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.plans[0].steps.push_back(s.step(0, 0));
    s.refused("rank 0, step 2 (send to 1", "no receive meets this send");
  }
  SUBCASE("a missing send") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.erase(0, 0);
    s.refused("rank 1, step 0 (recv from 0", "no send meets this receive");
  }
  SUBCASE("a stream that only one side opens, when no byte is sent") {
    specimen s(collective::broadcast, algorithm::star, 3, 0);
    s.erase(2, 0);
    s.refused("rank 0, step 1", "opens a stream");
    s = specimen(collective::broadcast, algorithm::star, 3, 0);
    s.erase(0, 1);
    s.refused("rank 2, step 0", "waits for a header");
  }
  SUBCASE("a wrong part") {
    specimen s(collective::broadcast, algorithm::direct, 4);
    s.step(1, 0).at = {buffer::output, 0, 2, 3};
    s.refused("rank 0, step 0", "a receive of other parts");
  }
  SUBCASE("a swapped order on one stream") {
    auto const sends = [](tp::writer& w) {
      w.send(1, w.part(0, buffer::output));
      w.send(1, w.part(1, buffer::output));
    };
    auto const receives = [](tp::writer& w) {
      w.recv(0, w.part(1, buffer::output));
      w.recv(0, w.part(0, buffer::output));
    };
    specimen const s(collective::broadcast, {sends, receives});
    s.refused("rank 0, step 0", "a receive of other parts");
  }
}

TEST_CASE("waiting in a circle is refused") {
  SUBCASE("two relays that wait for each other") {
    auto const relay = [](int peer) {
      return [peer](tp::writer& w) {
        w.recv(peer, w.all(buffer::output));
        w.send(peer, w.all(buffer::output));
      };
    };
    specimen const s(collective::broadcast, {nothing, relay(2), relay(1)});
    s.refused("rank", "deadlock: it waits for");
  }
  SUBCASE("a message that waits for the one behind it on the same stream") {
    auto const plans =
        [](bool well) {  // rank 1 sends back what it gets; rank 0 wants it back before, or after, it sends
          auto const first = [well](tp::writer& w) {
            auto const own = w.part(1, buffer::output), back = w.scratch(own);
            if (well) w.send(1, own);
            w.recv(1, back);
            w.send(1, back);
            if (!well) w.send(1, own);
            w.send(1, w.part(0, buffer::output));
          };
          auto const second = [well](tp::writer& w) {
            auto const got = w.part(1, buffer::output), back = w.scratch(got);
            if (!well) w.recv(0, back);
            w.recv(0, got);
            w.send(0, got);
            if (well) w.recv(0, back);
            w.recv(0, w.part(0, buffer::output));
          };
          return specimen(collective::broadcast, {first, second});
        };
    auto const good = plans(true);
    CHECK(verdict(good.plans, good.w, good.parts) == "proven");
    plans(false).refused("rank", "deadlock: it waits for");
  }
  SUBCASE("a window fed by two messages of one stream") {
    specimen s(collective::allreduce, algorithm::star, 2, 1000, {0, 1, 4});  // rank 1 sends [1,2) and [2,4)
    for (auto& row : s.plans[0].scratch) row.window = true;
    s.refused("rank", "deadlock: it must follow");
  }
  SUBCASE("a window whose fold also needs, whole, what comes after it on the stream") {
    specimen s(collective::allreduce, algorithm::star, 2, 1000, {0, 1, 4});
    for (auto& row : s.plans[0].scratch) row.window = !row.window;
    s.refused("rank", "deadlock");
  }
}

TEST_CASE("a window is filled by one receive and read by one later fold") {
  specimen s(collective::reduce, algorithm::star, 3);  // rank 0: recv, recv, fold
  auto const a = s.step(0, 0).at;
  SUBCASE("read twice") {
    s.plans[0].steps.push_back(s.step(0, 2));
    s.refused("rank 0, step 3", "read twice");
  }
  SUBCASE("filled twice") {
    s.step(0, 1).at = a;
    s.refused("rank 0, step 1", "filled twice");
  }
  SUBCASE("read before it is filled") {
    std::swap(s.plans[0].steps[1], s.plans[0].steps[2]);
    s.refused("rank 0, step 1", "before it is filled");
  }
  SUBCASE("never read") {
    s.step(0, 2).sources.erase(s.step(0, 2).sources.begin() + 1);
    s.refused("rank 0, step 0", "never read");
  }
  SUBCASE("filled in part") {
    s.step(0, 0).at.last = 2;
    s.refused("rank 0, step 0", "filled in part");
  }
  SUBCASE("read in part") {
    auto& fold = s.step(0, 2);
    fold.at.last = 2;
    for (auto& f : fold.sources) f.from.last = 2;
    s.refused("rank 0, step 2", "is read in part");
  }
  SUBCASE("sent on") {
    s.plans[0].steps.push_back({tp::verb::send, 1, a, {}, {0}});
    s.refused("rank 0, step 3", "only a fold may read it");
  }
  SUBCASE("never filled") {
    s.plans[0].scratch.push_back({0, 3, true});
    s.refused("rank 0", "nothing fills");
  }
}

TEST_CASE("blocks out of bounds, messages to oneself and writes to the input are refused") {
  SUBCASE("self send") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.step(0, 0).peer = 0;
    s.refused("rank 0, step 0", "itself");
  }
  SUBCASE("a peer that is no rank") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.step(0, 0).peer = 3;
    s.refused("rank 0, step 0", "peer is out of range");
  }
  SUBCASE("a part too many") {
    specimen s(collective::broadcast, algorithm::star, 3);
    s.step(0, 0).at.last = 4;
    s.refused("rank 0, step 0", "out of bounds");
  }
  SUBCASE("a part of another rank, where only one's own is bound") {
    specimen s(collective::scatter, algorithm::star, 3);
    s.step(1, 0).at = {buffer::output, 0, 0, 1};
    s.refused("rank 1, step 0", "out of bounds");
  }
  SUBCASE("a source too far") {
    specimen s(collective::reduce, algorithm::star, 3);
    s.step(0, 2).sources[1].from.row = 7;
    s.refused("rank 0, step 2", "out of bounds");
  }
  SUBCASE("a source of other parts") {
    specimen s(collective::reduce, algorithm::star, 3);
    s.step(0, 2).sources[1].from.last = 2;
    s.refused("rank 0, step 2", "spans other parts");
  }
  SUBCASE("input written") {
    specimen s(collective::gather, algorithm::star, 3);
    s.step(0, 2).at.where = buffer::input;
    s.refused("rank 0, step 2", "input is written");
  }
}

TEST_CASE("steps over the same bytes must be kept in order by the plan") {
  SUBCASE("an overwrite, its edge dropped") {
    specimen s(collective::allreduce, algorithm::star, 3);
    s.step(1, 1).after.clear();
    s.refused("rank 1, step 1 (recv from 0", "may overwrite what is still read by rank 1, step 0");
  }
  SUBCASE("a read that may come too early") {
    specimen s(collective::allreduce, algorithm::star, 3);
    s.step(0, 3).after.clear();
    s.refused("rank 0, step 3 (send to 1", "may read before the write of rank 0, step 2");
  }
  SUBCASE("an edge to a step that comes later") {
    specimen s(collective::allreduce, algorithm::star, 3);
    s.step(1, 0).after = {1};
    s.refused("rank 1, step 0", "not an earlier one");
  }
  SUBCASE("a way round, over steps that all touch the bytes, keeps them in order too") {
    auto const shuffle = [](tp::writer& w) {
      auto const a = w.scratch(w.all(buffer::output));
      w.copy(a, w.all(buffer::output));
      w.copy(w.all(buffer::output), a);
      w.copy(a, w.all(buffer::output));  // after the read of a (1) and the write of a (0)
    };
    specimen s(collective::broadcast, {shuffle});
    REQUIRE(s.step(0, 2).after == std::vector<std::uint32_t>{0, 1});
    s.step(0, 2).after = {1};
    CHECK(verdict(s.plans, s.w, s.parts) == "proven");
  }
  SUBCASE("a way round over a step that touches other bytes does not: watermarks are per byte") {
    auto const shuffle = [](tp::writer& w) {
      auto const a = w.scratch(w.all(buffer::output));
      w.copy(a, w.all(buffer::output));
      w.copy(w.part(0, buffer::output), w.part(0, buffer::scratch, a.row));
      w.copy(a, w.all(buffer::output));
    };
    auto const other = [](tp::writer& w) { w.recv(0, w.all(buffer::output)); };
    specimen s(collective::broadcast, {[&](tp::writer& w) {
                                         shuffle(w);
                                         w.send(1, w.all(buffer::output));
                                       },
                                       other});
    REQUIRE(s.step(0, 2).after == std::vector<std::uint32_t>{0, 1});
    CHECK(verdict(s.plans, s.w, s.parts) == "proven");
    s.step(0, 2).after = {1};
    s.refused("rank 0, step 2", "at part 1");
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

TEST_CASE("plans of another rank, size or cut are refused") {
  specimen s(collective::allreduce, algorithm::star, 3);
  SUBCASE("rank") {
    std::swap(s.plans[0], s.plans[1]);
    s.refused("rank 0", "another rank or size");
  }
  SUBCASE("cut") {
    s.plans[2].parts = tp::cut::given;
    s.refused("rank 2", "cuts the parts unlike rank 0");
  }
  SUBCASE("slot cuts") {
    s.w.cuts = {0, 2, 1, 3};
    s.refused("cuts", "must rise");
  }
}
