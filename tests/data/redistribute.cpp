// SPDX-License-Identifier: BSL-1.0
// Promises of data/redistribute.hpp.
#include <tutti/data/redistribute.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <tutti/data/by_hash.hpp>
#include <tutti/data/random.hpp>
#include <tutti/data/weighted.hpp>

namespace {

using tutti::partition;

struct record {  // travels as it lies in memory
  std::uint64_t id;
  double value;
  friend bool operator==(record const&, record const&) = default;
};
struct document {  // travels as an object
  std::uint64_t id = 0;
  std::string text{};
  friend bool operator==(document const&, document const&) = default;
};

void make(record& r, std::uint64_t item) { r = {item, static_cast<double>(item) / 3}; }
void make(document& d, std::uint64_t item) { d = {item, std::string(item % 23, 'x') + std::to_string(item)}; }

template <class Row>
std::vector<Row> rows_of(auto const& part, int rank) {
  std::vector<Row> rows;
  if (rank >= part.ranks()) return rows;
  for (std::uint64_t i : part.local(rank)) make(rows.emplace_back(), i);
  return rows;
}

/// What the world sent in `move`, beside the headers of messages.
template <class Move>
std::uint64_t payload_of(tutti::communicator& world, Move&& move) {
  auto const before = world.stats();
  move();
  auto const after = world.stats();
  constexpr std::uint64_t header = 48;
  std::uint64_t const mine =
      after.bytes_sent - before.bytes_sent - header * (after.messages_sent - before.messages_sent);
  return allreduce(world, mine);
}

template <class Row>
void check(tutti::communicator& world, auto const& from, auto const& to) {
  std::vector<Row> mine;
  std::uint64_t const bytes =
      payload_of(world, [&] { mine = redistribute(world, rows_of<Row>(from, world.rank()), from, to); });
  CHECK(mine == rows_of<Row>(to, world.rank()));
  std::uint64_t moved = 0, bytes_of_moved = 0;
  for (std::uint64_t i = 0; i < from.size(); ++i) {
    if (from.owner(i) == to.owner(i)) continue;
    Row row{};
    make(row, i);
    ++moved;
    bytes_of_moved += tutti::encode(std::vector<Row>{row}).size() - tutti::encode(std::vector<Row>{}).size();
  }
  if constexpr (tutti::element<Row>) {
    CHECK(bytes == moved * sizeof(Row));
  } else {  // the objects that move, between each two ranks their number, and who has how many bytes
    CHECK(bytes >= bytes_of_moved);
    auto const p = static_cast<std::uint64_t>(world.size());
    CHECK(bytes <= bytes_of_moved + p * p * 32);
  }
}

void check_all(int size, std::uint64_t n) {
  tutti::testing::run_ranks(size, [n](tutti::communicator& world) {
    int const p = world.size();
    partition const blocks(n, p, tutti::block{}), fewer(n, (p + 1) / 2, tutti::block{});
    partition const shuffled(n, p, tutti::random{3}), again(n, p, tutti::random{4});
    partition const hashed(n, p, tutti::by_hash{});
    check<record>(world, blocks, shuffled);
    check<record>(world, shuffled, again);
    check<record>(world, again, hashed);
    check<record>(world, hashed, fewer);
    check<record>(world, fewer, blocks);
    if (n < 500) check<document>(world, shuffled, again);
  });
}

}  // namespace

TEST_CASE("every row arrives at its place, and nothing is sent but rows whose owner changes") {
  for (int size : {1, 2, 3, 4, 5, 8}) {
    for (int n : {0, 1, size - 1, size, size + 1, 207, 1003}) {
      CAPTURE(size);
      CAPTURE(n);
      check_all(size, static_cast<std::uint64_t>(n));
    }
  }
}

TEST_CASE("to the same partition, not a message is sent; megabytes arrive over sockets") {
  tutti::testing::run_ranks(
      3,
      [](tutti::communicator& world) {
        partition const blocks(300'000, 3, tutti::block{});
        partition const shuffled(300'000, 3, tutti::random{1});
        auto rows = rows_of<record>(blocks, world.rank());
        CHECK(payload_of(world, [&] { rows = redistribute(world, std::move(rows), blocks, blocks); }) == 0);
        rows = redistribute(world, std::move(rows), blocks, shuffled);
        CHECK(rows == rows_of<record>(shuffled, world.rank()));
        CHECK(redistribute(world, std::move(rows), shuffled, blocks) == rows_of<record>(blocks, world.rank()));
      },
      tutti::testing::over::sockets);
}

TEST_CASE("what does not fit is refused in one sentence") {
  tutti::testing::run_ranks(1, [](tutti::communicator& world) {
    partition const ten(10, 1, tutti::block{}), nine(9, 1, tutti::block{}), of_two(10, 2, tutti::block{});
    std::vector<int> const rows(10);
    CHECK_THROWS_WITH_AS((void)redistribute(world, rows, ten, nine),
                         "redistribute: from a partition of 10 rows to one of 9", tutti::error);
    CHECK_THROWS_WITH_AS((void)redistribute(world, rows, of_two, ten),
                         "redistribute: a partition over 2 ranks in a world of 1", tutti::error);
    CHECK_THROWS_WITH_AS((void)redistribute(world, rows, nine, nine),
                         "redistribute: rank 0 gives 10 rows, and holds 9 by the partition they come from",
                         tutti::error);
  });
}
