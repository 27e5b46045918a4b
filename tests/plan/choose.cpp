// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/choose.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cases.hpp"

namespace {

namespace tp = tutti::plan;
using tutti::algorithm;

constexpr tp::collective collectives[] = {
    tp::collective::broadcast, tp::collective::reduce,    tp::collective::allreduce,      tp::collective::scatter,
    tp::collective::gather,    tp::collective::allgather, tp::collective::reduce_scatter, tp::collective::barrier};
constexpr algorithm algorithms[] = {algorithm::automatic, algorithm::exchange, algorithm::star, algorithm::direct};
constexpr std::size_t byte_counts[] = {
    0, 1, 4, 1024, 8192, 8193, 32768, 32769, 262144, 262145, 1 << 20, (1 << 20) + 1, std::size_t{1} << 40};

bool equal(tp::plan const& a, tp::plan const& b) {
  auto const same_sources = [](tp::source const& x, tp::source const& y) {
    return x.from == y.from && x.slots == y.slots;
  };
  auto const same_steps = [&](tp::step const& x, tp::step const& y) {
    return x.what == y.what && x.peer == y.peer && x.at == y.at && x.after == y.after &&
           std::equal(x.sources.begin(), x.sources.end(), y.sources.begin(), y.sources.end(), same_sources);
  };
  auto const same_rows = [](tp::scratch_row const& x, tp::scratch_row const& y) {
    return x.first == y.first && x.last == y.last && x.window == y.window;
  };
  return a.rank == b.rank && a.size == b.size && a.algorithm == b.algorithm && a.parts == b.parts &&
         std::equal(a.steps.begin(), a.steps.end(), b.steps.begin(), b.steps.end(), same_steps) &&
         std::equal(a.scratch.begin(), a.scratch.end(), b.scratch.begin(), b.scratch.end(), same_rows);
}

}  // namespace

TEST_CASE("every collective has a plan at every size and length, whatever is forced") {
  for (tp::collective what : collectives)
    for (int size = 1; size <= 64; ++size)
      for (std::size_t length : byte_counts)
        for (algorithm forced : algorithms) {
          algorithm const chosen = tp::choose(what, size, length, forced);
          CAPTURE(tp::to_string(what));
          CAPTURE(size);
          CAPTURE(length);
          REQUIRE(tp::find(what, chosen, size) != nullptr);
          CHECK(chosen == tp::choose(what, size, length, forced));
        }
}

TEST_CASE("a forced algorithm is used wherever it exists, and ignored elsewhere") {
  for (tp::collective what : collectives)
    for (int size = 1; size <= 64; ++size)
      for (std::size_t length : byte_counts)
        for (algorithm forced : algorithms) {
          bool exists = false;
          for (tp::row const& row : tp::table())
            exists = exists || (row.what == what && row.algorithm == forced && plan_cases::serves(row, size));
          algorithm const automatic = tp::choose(what, size, length, algorithm::automatic);
          CAPTURE(tp::to_string(what));
          CAPTURE(size);
          CHECK(tp::choose(what, size, length, forced) == (exists ? forced : automatic));
        }
}

TEST_CASE("no row of the table hides another") {
  for (tp::row const& a : tp::table())
    for (tp::row const& b : tp::table())
      CHECK((&a == &b || a.what != b.what || a.algorithm != b.algorithm || a.size != b.size));
}

TEST_CASE("equal requests give equal plans, which carry the rank, size and algorithm asked for") {
  for (tp::row const& row : tp::table())
    for (int size : {1, 2, 3, 8, 13}) {
      if (!plan_cases::serves(row, size)) continue;
      tp::request w = plan_cases::wanted(row, size, size - 1);
      for (w.rank = 0; w.rank < size; ++w.rank) {
        tp::plan const made = tp::make(w);
        CAPTURE(tp::to_string(row.what));
        CHECK(equal(made, tp::make(w)));
        CHECK(made.rank == w.rank);
        CHECK(made.size == size);
        CHECK(made.algorithm == row.algorithm);
      }
    }
}
