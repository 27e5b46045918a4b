// SPDX-License-Identifier: BSL-1.0
// Promises of data/exchange_rows.hpp.
#include <tutti/data/exchange_rows.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

struct point {  // travels as it lies in memory
  std::int32_t from;
  std::int32_t number;
  friend bool operator==(point const&, point const&) = default;
};
struct document {  // travels as an object
  std::string text;
  std::vector<int> words;
  friend bool operator==(document const&, document const&) = default;
};

void make(point& p, int rank, std::size_t i) { p = {rank, static_cast<int>(i)}; }
void make(document& d, int rank, std::size_t i) {
  d = {"document " + std::to_string(i) + " of rank " + std::to_string(rank), std::vector<int>(i % 5, rank)};
}

// Uneven, and rank 1 has nothing.
std::size_t rows_of(int rank) { return rank == 1 ? 0 : static_cast<std::size_t>(20 + 3 * rank); }
int destination(int rank, std::size_t i, int size) {
  return static_cast<int>((static_cast<std::size_t>(rank) * 7 + i * i) % static_cast<std::size_t>(size));
}

template <class Row>
void check(int size) {
  tutti::testing::run_ranks(size, [](tutti::communicator& world) {
    std::vector<Row> mine(rows_of(world.rank()));
    std::vector<int> to;
    for (std::size_t i = 0; i < mine.size(); ++i) {
      make(mine[i], world.rank(), i);
      to.push_back(destination(world.rank(), i, world.size()));
    }
    std::vector<Row> due;  // by hand: what everyone sends here, in rank order
    for (int r = 0; r < world.size(); ++r) {
      for (std::size_t i = 0; i < rows_of(r); ++i) {
        if (destination(r, i, world.size()) == world.rank()) make(due.emplace_back(), r, i);
      }
    }
    CHECK(exchange_rows(world, mine, to) == due);
  });
}

}  // namespace

TEST_CASE("every row arrives where it should, in the order of senders, whatever its type") {
  for (int size : {1, 2, 3, 4, 5, 7, 8, 13}) {
    CAPTURE(size);
    check<point>(size);
    check<document>(size);
  }
}

TEST_CASE("only rows that change their rank are sent: not one byte more") {
  tutti::testing::run_ranks(3, [](tutti::communicator& world) {
    auto const payload = [&](std::size_t moving) {
      std::vector<std::uint64_t> rows(100, 1);
      std::vector<int> to(rows.size(), world.rank());
      for (std::size_t i = 0; i < moving; ++i) to[i] = (world.rank() + 1) % world.size();
      auto const before = world.stats();
      CHECK(exchange_rows(world, rows, to).size() == 100);
      auto const after = world.stats();
      constexpr std::size_t header = 48;
      return after.bytes_sent - before.bytes_sent - header * (after.messages_sent - before.messages_sent);
    };
    std::uint64_t const counts = payload(0);
    CHECK(counts == 2 * 8);  // to each of the others, how many rows will come
    CHECK(payload(40) == counts + 40 * 8);
  });
}

TEST_CASE("a wrong destination is refused in one sentence") {
  tutti::testing::run_ranks(1, [](tutti::communicator& world) {
    std::vector<int> const rows{1, 2};
    CHECK_THROWS_WITH_AS((void)exchange_rows(world, rows, std::vector<int>{0, 1}),
                         "exchange_rows: a row is to go to rank 1, which is not between 0 and 0", tutti::error);
    CHECK_THROWS_WITH_AS((void)exchange_rows(world, rows, std::vector<int>{0}),
                         "exchange_rows: 2 rows with 1 destinations; give one per row", tutti::error);
  });
}
