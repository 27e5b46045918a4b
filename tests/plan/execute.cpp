// SPDX-License-Identifier: BSL-1.0
// Plans, run the slow way in any order, give what serial code gives; and what verify() accepts, too.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <tutti/plan/verify.hpp>

#include "slow_run.hpp"

namespace {

using namespace plan_cases;

// Words spell out the order; what may leave it is compared as sums, which tell how often a slot was folded.
std::string run_row(tp::row const& row, tp::request const& w, std::vector<tp::plan> const& plans, sizes const& parts,
                    unsigned seed, bool byte_order = true) {
  if (row.algorithm == tutti::algorithm::dissemination) return run_once<sets>(w, plans, parts, seed, byte_order);
  if (row.fold == tp::folds::any) return run_once<integers>(w, plans, parts, seed, byte_order);
  return run_once<words>(w, plans, parts, seed, byte_order);
}

void must_agree(tp::row const& row, tp::request const& w, unsigned seed) {
  auto const plans = all_plans(row, w);
  auto const p = static_cast<std::uint64_t>(w.size);
  for (std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, p - 1, p, p + 1, std::uint64_t{37}}) {
    auto const parts = part_sizes(plans[0].parts, row.what, w.size, w.root, n);
    CAPTURE(tp::to_string(row.what));
    CAPTURE(static_cast<int>(row.algorithm));
    CAPTURE(w.size);
    CAPTURE(w.root);
    CAPTURE(n);
    CAPTURE(seed);
    CHECK(run_row(row, w, plans, parts, seed) == "");
    CHECK(run_row(row, w, plans, parts, seed + 1) == "");
  }
}

}  // namespace

TEST_CASE("every plan, run in any order with any granule and no buffering, gives the serial result") {
  for (tp::row const& row : tp::table())
    for (int size : {1, 2, 3, 4, 5, 6, 7, 8, 13}) {
      if (!serves(row, size)) continue;
      for (unsigned seed = 0; seed < 3; ++seed) {
        int const root = is_rooted(row.what) ? static_cast<int>(seed * 5) % size : 0;
        must_agree(row, wanted(row, size, root), 100 * seed + static_cast<unsigned>(size));
      }
    }
}

TEST_CASE("slots cut over any number of ranks give the same words") {
  for (tp::row const& row : tp::table()) {
    if (!row.slots) continue;
    for (int size : {1, 2, 3, 4, 5, 6, 7, 8, 13}) {
      if (!serves(row, size)) continue;
      slot_cuts even, uneven;
      for (std::uint32_t r = 0; r <= static_cast<std::uint32_t>(size); ++r) {
        even.push_back(8 * r / static_cast<std::uint32_t>(size));
        uneven.push_back(r < 2 ? r : r % 2 == 0 ? 3 * r / 2 : 3 * r / 2 - 1);
      }
      must_agree(row, wanted(row, size, size - 1, even), 7);
      must_agree(row, wanted(row, size, 0, uneven), 8);
    }
  }
}

TEST_CASE("without the byte order, an in-place plan gives wrong results: the order is what makes it right") {
  for (tp::row const& row : tp::table()) {
    if (row.what != collective::allreduce) continue;
    int const size = row.serves(3) ? 3 : row.serves(4) ? 4 : 2;
    auto const w = wanted(row, size);
    auto const plans = all_plans(row, w);
    auto const parts = part_sizes(plans[0].parts, row.what, size, 0, 37);
    int wrong = 0;
    for (unsigned seed = 0; seed < 10; ++seed) {
      CHECK(run_row(row, w, plans, parts, seed) == "");
      wrong += run_row(row, w, plans, parts, seed, false) != "" ? 1 : 0;
    }
    CHECK(wrong > 0);
  }
}

TEST_CASE("an edge of the byte order that is dropped gives wrong results at some schedule") {
  tp::row const& row = *tp::find(collective::allreduce, tutti::algorithm::exchange, 2);
  auto const w = wanted(row, 2);
  auto plans = all_plans(row, w);
  auto const parts = part_sizes(plans[0].parts, row.what, 2, 0, 37);
  auto& after = plans[0].steps.back().after;  // the fold in place waits for the send of what it overwrites
  REQUIRE(after == std::vector<std::uint32_t>{0, 1});
  after = {1};
  int wrong = 0;
  for (unsigned seed = 0; seed < 20; ++seed) wrong += run_once<words>(w, plans, parts, seed) != "" ? 1 : 0;
  CHECK(wrong > 0);
}

namespace {

// One random change to one plan; `mended` finds its byte order anew, as a faulty algorithm would leave it.
void spoil(std::vector<tp::plan>& plans, tp::request w, std::mt19937& random, bool mended) {
  auto const any = [&](std::size_t n) { return random() % n; };
  tp::plan& p = plans[any(plans.size())];
  if (p.steps.empty()) return;
  tp::step& s = p.steps[any(p.steps.size())];
  auto const part = static_cast<std::uint32_t>(any(plans.size()));
  switch (any(9)) {
    case 0:
      std::swap(s, p.steps[any(p.steps.size())]);
      break;
    case 1:
      p.steps.erase(p.steps.begin() + (&s - p.steps.data()));
      break;
    case 2:
      p.steps.push_back(s);
      break;
    case 3:
      s.peer = static_cast<int>(part);
      break;
    case 4:
      if (s.at.where == buffer::scratch) mended = false;  // the writer takes rows at their word
      s.at.first = part;
      s.at.last = part + 1;
      break;
    case 5:
      if (!p.scratch.empty()) {
        auto& row = p.scratch[any(p.scratch.size())];
        row.window = !row.window;
      }
      break;
    case 6:
      if (!s.sources.empty()) std::swap(s.sources[0].from, s.sources.back().from);
      break;
    case 7:
      if (!s.after.empty()) s.after.erase(s.after.begin() + static_cast<std::ptrdiff_t>(any(s.after.size())));
      break;
    default:
      if (!s.sources.empty()) s.at = s.sources[any(s.sources.size())].from;
      break;
  }
  if (!mended) return;
  w.rank = p.rank;
  tp::writer pen(w, p.parts);
  for (tp::scratch_row const& row : p.scratch) {
    tp::block const like{buffer::scratch, 0, row.first, row.last};
    static_cast<void>(row.window ? pen.window(like) : pen.scratch(like));
  }
  for (tp::step const& each : p.steps) {
    if (each.what == tp::verb::send)
      pen.send(each.peer, each.at);
    else if (each.what == tp::verb::recv)
      pen.recv(each.peer, each.at);
    else if (each.what == tp::verb::copy)
      pen.copy(each.at, each.sources[0].from);
    else
      pen.fold(each.at, each.sources);
  }
  auto const how = p.algorithm;
  p = std::move(pen).finish();
  p.algorithm = how;
}

}  // namespace

TEST_CASE("whatever verify accepts runs right, also among plans spoiled at random") {
  std::mt19937 random(11);
  int accepted = 0, refused = 0;
  for (tp::row const& row : tp::table())
    for (int trial = 0; trial < 400; ++trial) {
      int const size = row.serves(2 + trial % 4) ? 2 + trial % 4 : 2;
      bool const slotted = row.slots && row.what == collective::allreduce && trial % 3 == 0;
      slot_cuts cuts;
      for (std::uint32_t r = 0; slotted && r <= static_cast<std::uint32_t>(size); ++r) cuts.push_back(r * (r + 1) / 2);
      auto const w = wanted(row, size, is_rooted(row.what) ? trial % size : 0, cuts);
      auto plans = all_plans(row, w);
      auto const parts = part_sizes(plans[0].parts, row.what, size, w.root, 37);
      spoil(plans, w, random, trial % 2 == 0);
      if (tp::verify(plans, w, parts)) {
        ++refused;
        continue;
      }
      ++accepted;
      CAPTURE(tp::to_string(row.what));
      CAPTURE(static_cast<int>(row.algorithm));
      CAPTURE(trial);
      for (unsigned seed = 0; seed < 6; ++seed) CHECK(run_row(row, w, plans, parts, seed) == "");
    }
  CHECK(refused > 1000);
  CHECK(accepted > 1000);
}

TEST_CASE("two messages of one stream into windows of one fold do stop for ever") {
  tp::row const& row = *tp::find(collective::allreduce, tutti::algorithm::star, 2);
  auto const w = wanted(row, 2, 0, {0, 1, 4});
  auto plans = all_plans(row, w);
  auto const parts = part_sizes(plans[0].parts, row.what, 2, 0, 37);
  CHECK(run_once<words>(w, plans, parts, 1) == "");
  for (auto& each : plans[0].scratch) each.window = true;
  CHECK(run_once<words>(w, plans, parts, 1) == "deadlock");
}
