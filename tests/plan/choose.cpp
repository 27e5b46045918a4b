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
constexpr algorithm algorithms[] = {algorithm::automatic, algorithm::exchange, algorithm::star,
                                    algorithm::direct,    algorithm::binomial, algorithm::doubling,
                                    algorithm::halving,   algorithm::bruck,    algorithm::dissemination,
                                    algorithm::pairwise,  algorithm::chain,    algorithm::ring};
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
            exists = exists || (row.what == what && row.algorithm == forced && plan_cases::serves(row, size) &&
                                row.fold != tp::folds::any);
          algorithm const automatic = tp::choose(what, size, length, algorithm::automatic);
          CAPTURE(tp::to_string(what));
          CAPTURE(size);
          CHECK(tp::choose(what, size, length, forced) == (exists ? forced : automatic));
        }
}

TEST_CASE("what leaves the canonical order is chosen only where it is allowed, what takes one slot never for several") {
  for (tp::row const& row : tp::table()) {
    int const size = 4;
    if (!row.serves(size)) continue;
    CAPTURE(tp::to_string(row.what));
    CAPTURE(tutti::to_string(row.algorithm));
    auto const chosen = [&](tp::demand const& asked) {
      return tp::choose(row.what, size, 1 << 20, row.algorithm, asked);
    };
    CHECK(chosen({.order = tutti::order::any}) == row.algorithm);
    CHECK((chosen({}) == row.algorithm) == (row.fold != tp::folds::any));
    if (row.what == tp::collective::reduce || row.what == tp::collective::allreduce ||
        row.what == tp::collective::reduce_scatter)
      CHECK((chosen({.slots = true}) == row.algorithm) == row.slots);
    CHECK((chosen({.order = tutti::order::any, .whole_folds_only = true}) == row.algorithm) ==
          (row.fold == tp::folds::whole));
  }
}

TEST_CASE(
    "over loopback: an exchange of two, a star while messages cost more than bytes, then plans that share the work") {
  using c = tp::collective;
  auto const best = [](c what, int size, std::size_t bytes) {
    return tp::choose(what, size, bytes, algorithm::automatic);
  };
  CHECK(best(c::allreduce, 2, 4) == algorithm::exchange);
  CHECK(best(c::allreduce, 2, 256 << 10) == algorithm::exchange);
  for (int size : {3, 4, 8}) {
    CHECK(best(c::barrier, size, 1) == algorithm::star);
    CHECK(best(c::allreduce, size, 4) == algorithm::star);
    CHECK(best(c::broadcast, size, 4) == algorithm::star);
    CHECK(best(c::gather, size, 64 << 10) == algorithm::star);
    CHECK(best(c::allreduce, size, 64 << 20) != algorithm::star);
    CHECK(best(c::broadcast, size, 64 << 20) != algorithm::star);
    CHECK(best(c::allgather, size, 64 << 20) != algorithm::star);
  }
}

TEST_CASE("on a slow link, what is chosen for large calls carries no more than the best possible: the bound") {
  tutti::machine link;
  link.per_host = 1;
  link.link = 8;
  link.distance = 50;
  for (double cores : {2.0, 0.5})  // 0.5: four addresses on one machine
    for (int size : {2, 3, 4, 8, 64}) {
      double const q = (size - 1.0) / size;
      std::pair<tp::collective, double> const bounds[] = {
          {tp::collective::allreduce, 2 * q}, {tp::collective::allgather, q}, {tp::collective::reduce_scatter, q},
          {tp::collective::alltoall, q},      {tp::collective::broadcast, 1}, {tp::collective::reduce, 1}};
      for (auto const& each : bounds) {
        auto const what = each.first;
        double const bound = each.second;
        link.cores = cores;
        algorithm const chosen = tp::choose(what, size, 8 << 20, algorithm::automatic, {}, link);
        tp::work const w = tp::find(what, chosen, size)->effort(size);
        CAPTURE(tp::to_string(what));
        CAPTURE(tutti::to_string(chosen));
        CHECK(w.most_sent <= doctest::Approx(bound));
        CHECK(w.most_received <= doctest::Approx(bound));
      }
    }
  CHECK(tp::choose(tp::collective::allreduce, 1024, 4, algorithm::automatic, {}, link) == algorithm::doubling);
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
