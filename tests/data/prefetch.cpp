// SPDX-License-Identifier: BSL-1.0
// Promises of data/prefetch.hpp.
#include <tutti/data/prefetch.hpp>

#include <tutti/data/memory_source.hpp>
#include <tutti/data/synced_steps.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "scratch.hpp"

namespace {

using tutti::item_range;
using ids = std::vector<std::uint64_t>;

/// Row i is i; counts the calls, and fails at row `broken`.
struct numbers {
  using value_type = std::uint64_t;
  std::uint64_t rows;
  std::atomic<int>* reads;
  std::uint64_t broken = ~std::uint64_t{0};
  ids buffer{};
  [[nodiscard]] std::uint64_t size() const { return rows; }
  ids const& read(item_range r) {
    buffer.assign(r.begin(), r.end());
    for (auto const i : buffer)
      if (i == broken) throw std::runtime_error("row " + std::to_string(i));
    ++*reads;
    return buffer;
  }
};

bool soon(std::atomic<int>& reads, int expected) {
  for (int i = 0; i < 10000 && reads < expected; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return reads == expected;
}

struct place {
  int rank_in, ranks;
  [[nodiscard]] int rank() const { return rank_in; }
  [[nodiscard]] int size() const { return ranks; }
};

}  // namespace

TEST_CASE("while the caller computes, exactly `ahead` pieces are read on; the pieces come in order, each once") {
  for (int const ahead : {1, 2, 5, 100}) {
    std::atomic<int> reads{0};
    std::vector<item_range> pieces;
    for (std::uint64_t i = 0; i < 20; ++i) pieces.push_back({i * 3, i * 3 + i % 4});
    int at = 0, expected_reads = 0;
    ids seen, expected;
    std::vector<int> read_after{0};  // reads after so many pieces: an empty one takes none
    for (auto const& piece : pieces) {
      expected.insert(expected.end(), piece.begin(), piece.end());
      read_after.push_back(read_after.back() + (piece.empty() ? 0 : 1));
    }
    for (auto const& rows : tutti::prefetch(numbers{100, &reads}, pieces, ahead)) {
      expected_reads = read_after[static_cast<std::size_t>(at + 1 + ahead < 20 ? at + 1 + ahead : 20)];
      CHECK(soon(reads, expected_reads));
      if (at == 3) {  // and not one more
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        CHECK(reads == expected_reads);
      }
      CHECK(rows.size() == pieces[static_cast<std::size_t>(at)].size());
      seen.insert(seen.end(), rows.begin(), rows.end());
      ++at;
    }
    CHECK(at == 20);
    CHECK(seen == expected);
  }
}

TEST_CASE("the batches of a sampler with their rows: those it hands out without prefetch; `next` resumes behind them") {
  for (int const ranks : {1, 2, 3, 5})
    for (int rank = 0; rank < ranks; ++rank) {
      std::atomic<int> reads{0};
      tutti::sampler const order{.size = 1003, .global_batch = 60, .seed = 9};
      std::vector<ids> expected, seen;
      tutti::sampler plain = order;
      tutti::sampler_state middle;
      for (auto const& batch : plain.epochs(2).on(place{rank, ranks})) {
        for (auto const slot : batch.slots()) expected.emplace_back(slot.begin(), slot.end());
        if (batch.epoch() == 1 && batch.step() == 3) middle = plain.state();
      }
      tutti::sampler_state saved;
      for (auto const& [batch, rows, next] : tutti::prefetch(numbers{1003, &reads}, order, 2, place{rank, ranks}, 3)) {
        CHECK(rows.size() == batch.slots().size());
        seen.insert(seen.end(), rows.begin(), rows.end());
        saved = next;
        if (batch.epoch() == 1 && batch.step() == 3) break;
      }
      CHECK(saved == middle);
      tutti::sampler again = order;
      again.resume(saved);
      for (auto const& loaded : tutti::prefetch(numbers{1003, &reads}, again, 2, place{rank, ranks}, 3))
        seen.insert(seen.end(), loaded.rows.begin(), loaded.rows.end());
      CHECK(seen == expected);
    }
}

TEST_CASE("what reading throws comes where its rows would, after those before it; leaving early ends the thread") {
  std::atomic<int> reads{0};
  int at = 0;
  std::vector<item_range> const pieces{{0, 1}, {1, 2}, {2, 3}, {3, 4}};
  CHECK(refusal([&] {
          for (auto const& rows : tutti::prefetch(numbers{4, &reads, 2}, pieces, 10))
            CHECK(rows == ids{static_cast<std::uint64_t>(at++)});
        }) == "row 2");
  CHECK(at == 2);
  for (auto const& rows : tutti::prefetch(numbers{4, &reads}, pieces, 1)) {
    CHECK(rows == ids{0});
    break;
  }
  { auto const never_walked = tutti::prefetch(numbers{4, &reads}, pieces, 4); }
  CHECK(refusal([&] {
          auto const none = tutti::prefetch(numbers{4, &reads}, pieces, 0);
        }) == "prefetch: at least 1 is read ahead, not 0");
}

TEST_CASE("beside a collective in every step, on every rank") {
  tutti::testing::run_ranks(3, [](tutti::communicator& world) {
    std::atomic<int> reads{0};
    std::uint64_t const mine = world.rank() == 1 ? 0 : 100;
    std::uint64_t total[1] = {0};
    auto const steps = synced_steps(world, {0, mine}, 7);
    for (auto const& rows : tutti::prefetch(numbers{mine, &reads}, steps, 2)) {
      std::uint64_t count[] = {rows.size()};
      allreduce(world, count);
      total[0] += count[0];
    }
    CHECK(total[0] == 200);
  });
}
