// SPDX-License-Identifier: BSL-1.0
// Every row of the table of plans, run by the engine: what a call returns does not depend on how it was done.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/alltoall.hpp>
#include <tutti/collective/barrier.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/collective/gather.hpp>
#include <tutti/collective/reduce.hpp>
#include <tutti/collective/reduce_scatter.hpp>
#include <tutti/collective/scan.hpp>
#include <tutti/collective/scatter.hpp>

#include "worlds.hpp"

namespace {

using tutti::plan::collective;
using numbers = std::vector<std::int64_t>;

numbers part(numbers const& all, int r, std::size_t n) {
  auto const begin = all.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(r) * n);
  return {begin, begin + static_cast<std::ptrdiff_t>(n)};
}

// One call by one algorithm, against what follows from its definition.
void check(tutti::communicator& world, collective what, std::size_t n, tutti::options const& how) {
  int const size = world.size(), me = world.rank();
  std::size_t const whole = n * static_cast<std::size_t>(size);
  numbers mine = worlds::numbers(me, n);
  switch (what) {
    case collective::broadcast:
      broadcast(world, mine, how);
      CHECK(mine == worlds::numbers(how.root, n));
      break;
    case collective::reduce:
      reduce(world, mine, tutti::sum, how);
      CHECK(mine == (me == how.root ? worlds::sums(size, n) : worlds::numbers(me, n)));
      break;
    case collective::allreduce:
      allreduce(world, mine, tutti::sum, how);
      CHECK(mine == worlds::sums(size, n));
      break;
    case collective::scatter:
      scatter(world, worlds::numbers(how.root, whole), mine, how);
      CHECK(mine == part(worlds::numbers(how.root, whole), me, n));
      break;
    case collective::gather: {
      numbers all(me == how.root ? whole : 0);
      gather(world, mine, all, how);
      if (me == how.root) CHECK(all == worlds::all_numbers(size, n));
      break;
    }
    case collective::allgather: {
      numbers all(whole);
      allgather(world, mine, all, how);
      CHECK(all == worlds::all_numbers(size, n));
      break;
    }
    case collective::reduce_scatter:
      reduce_scatter(world, worlds::numbers(me, whole), mine, tutti::sum, how);
      CHECK(mine == part(worlds::sums(size, whole), me, n));
      break;
    case collective::barrier:
      barrier(world, how);
      break;
    case collective::alltoall: {  // everyone sends the same to all: an allgather
      numbers out;
      for (int d = 0; d < size; ++d) out.insert(out.end(), mine.begin(), mine.end());
      numbers all(whole);
      alltoall(world, out, all, how);
      CHECK(all == worlds::all_numbers(size, n));
      break;
    }
    case collective::scan:
      scan(world, mine, tutti::sum, how);
      CHECK(mine == worlds::sums(me + 1, n));
      break;
    case collective::exscan:
      exscan(world, mine, tutti::sum, how);
      CHECK(mine == (me == 0 ? worlds::numbers(0, n) : worlds::sums(me, n)));
      break;
  }
}

// Float sums whose bits depend on every bracket, where the order is canonical.
void check_bits(tutti::communicator& world, collective what, std::size_t n, tutti::options const& how) {
  auto const due = worlds::wild_sums(world.size(), n);
  auto mine = worlds::wilds(world.rank(), n);
  if (what == collective::allreduce) {
    allreduce(world, mine, tutti::sum, how);
    CHECK(worlds::same_bits(mine, due));
  } else if (what == collective::reduce) {
    reduce(world, mine, tutti::sum, how);
    if (world.rank() == how.root) CHECK(worlds::same_bits(mine, due));
  } else if (what == collective::reduce_scatter && n % static_cast<std::size_t>(world.size()) == 0) {
    std::vector<float> sums(n / static_cast<std::size_t>(world.size()));
    reduce_scatter(world, mine, sums, tutti::sum, how);
    auto const begin = due.begin() + static_cast<std::ptrdiff_t>(sums.size()) * world.rank();
    CHECK(worlds::same_bits(sums, {begin, begin + static_cast<std::ptrdiff_t>(sums.size())}));
  }
}

}  // namespace

TEST_CASE("every algorithm of every collective gives the defined result, and the canonical ones the canonical bits") {
  worlds::run({1, 2, 3, 4, 5, 8, 13}, [](tutti::communicator& world) {
    int const size = world.size();
    for (tutti::plan::row const& row : tutti::plan::table()) {
      if (!row.serves(size)) continue;
      bool const any = row.fold == tutti::plan::folds::any;
      tutti::options how{.algorithm = row.algorithm, .order = any ? tutti::order::any : tutti::order::canonical};
      auto const p = static_cast<std::size_t>(size);
      for (std::size_t const n : {std::size_t{0}, std::size_t{1}, p + 1, size > 5 ? 2 * p : 4000 * p})
        for (int const root : {size / 3, size - 1}) {
          if (root != size - 1 && row.what != collective::broadcast && row.what != collective::reduce &&
              row.what != collective::gather && row.what != collective::scatter)
            continue;
          INFO(tutti::plan::to_string(row.what)
               << " by " << tutti::to_string(row.algorithm) << ", n " << n << ", root " << root);
          how.root = root;
          check(world, row.what, n, how);
          if (!any) check_bits(world, row.what, n, how);
        }
    }
  });
}
