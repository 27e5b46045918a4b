// SPDX-License-Identifier: BSL-1.0
// Promises of data/sampler.hpp and data/batch.hpp.
#include <tutti/data/sampler.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

static_assert(std::is_aggregate_v<tutti::sampler>);
static_assert(std::is_trivially_copyable_v<tutti::sampler_state>);
static_assert(std::input_iterator<tutti::epoch_batches::iterator>);

namespace {

struct place {  // all a sampler asks of a communicator
  int rank_in, ranks;
  [[nodiscard]] int rank() const { return rank_in; }
  [[nodiscard]] int size() const { return ranks; }
};

using ids = std::vector<std::uint64_t>;

// All samples of the run in training order: batch by batch, slot by slot, as P ranks hand them out together.
// Stops after `steps` batches; every rank's sampler must then stand at the same place, which is returned in `state`.
ids run(tutti::sampler start, std::uint64_t epochs, int ranks, std::uint64_t steps, tutti::sampler_state& state) {
  std::vector<std::vector<ids>> slots_of_step;
  for (int r = 0; r < ranks; ++r) {
    tutti::sampler s = start;
    std::uint64_t step = 0;
    for (auto batch : s.epochs(epochs).on(place{r, ranks})) {
      slots_of_step.resize((std::max)(slots_of_step.size(), static_cast<std::size_t>(step) + 1));
      auto& slots = slots_of_step[step];
      slots.resize(static_cast<std::size_t>(start.slots));
      for (auto slot : batch.slots()) {
        ids& mine = slots[static_cast<std::size_t>(slot.index())];
        REQUIRE(mine.empty());  // no slot is computed on two ranks
        for (auto id : slot) mine.push_back(id);
        REQUIRE(mine.size() == slot.size());
      }
      if (++step == steps) break;
    }
    if (r == 0) state = s.state();
    CHECK(s.state() == state);
  }
  ids all;
  for (auto const& slots : slots_of_step) {
    for (auto const& slot : slots) all.insert(all.end(), slot.begin(), slot.end());
  }
  return all;
}
ids run(tutti::sampler const& start, std::uint64_t epochs, int ranks) {
  tutti::sampler_state end;
  return run(start, epochs, ranks, UINT64_MAX, end);
}

std::vector<int> times_seen(ids const& all, std::uint64_t n) {
  std::vector<int> times(n, 0);
  for (auto id : all) ++times.at(id);
  return times;
}

}  // namespace

TEST_CASE("in ten epochs every sample comes exactly ten times, at any number of ranks") {
  for (unsigned n : {1U, 7U, 64U, 1003U}) {
    for (unsigned global_batch : {1U, 10U, 64U, 5000U}) {
      for (int ranks : {1, 2, 3, 4, 5, 8, 11}) {
        auto const all = run({.size = n, .global_batch = global_batch, .seed = 1}, 10, ranks);
        CHECK(times_seen(all, n) == std::vector<int>(n, 10));
      }
    }
  }
}

// Control: what elastic samplers commonly do, pad each epoch to a multiple of the ranks, fails the test above.
TEST_CASE("a sampler that pads would show some samples more often") {
  std::uint64_t const n = 1003;
  std::uint64_t const ranks = 4;
  ids padded;
  for (std::uint64_t epoch = 0; epoch < 10; ++epoch) {
    tutti::permutation const order(n, 1, epoch);
    for (std::uint64_t i = 0; i < (n + ranks - 1) / ranks * ranks; ++i) padded.push_back(order[i % n]);
  }
  CHECK(times_seen(padded, n) != std::vector<int>(n, 10));
}

TEST_CASE("order and slots do not depend on the number of ranks") {
  tutti::sampler const s{.size = 1003, .global_batch = 60, .seed = 9};
  auto const alone = run(s, 3, 1);
  for (int ranks : {2, 3, 4, 5, 7, 8, 13}) CHECK(run(s, 3, ranks) == alone);
}

TEST_CASE("4 -> 3 -> 2 ranks in mid-epoch continue the list exactly, from 24 bytes") {
  tutti::sampler const s{.size = 1003, .global_batch = 60, .seed = 9};
  auto const whole = run(s, 3, 1);
  tutti::sampler_state state;
  ids all = run(s, 3, 4, 7, state);
  CHECK(state == tutti::sampler_state{.seed = 9, .epoch = 0, .cursor = 420});
  for (auto [ranks, steps] : {std::pair{3, 15}, std::pair{2, 1000}}) {
    unsigned char saved[24];
    std::memcpy(saved, &state, 24);
    tutti::sampler_state loaded;
    std::memcpy(&loaded, saved, 24);
    tutti::sampler next{.size = 1003, .global_batch = 60};
    next.resume(loaded);
    auto const more = run(next, 3, ranks, static_cast<std::uint64_t>(steps), state);
    all.insert(all.end(), more.begin(), more.end());
  }
  CHECK(all == whole);
  CHECK(state == tutti::sampler_state{.seed = 9, .epoch = 3, .cursor = 0});
}

TEST_CASE("saved after any batch, the last of an epoch too, the rest of the run follows") {
  tutti::sampler const start{.size = 100, .global_batch = 30, .seed = 2};
  auto const whole = run(start, 2, 1);
  for (std::uint64_t steps = 1; steps <= 8; ++steps) {
    tutti::sampler_state state;
    ids all = run(start, 2, 3, steps, state);
    CHECK(state.cursor <= 100);
    tutti::sampler next{.size = 100, .global_batch = 30};
    next.resume(state);
    auto const more = run(next, 2, 2);
    all.insert(all.end(), more.begin(), more.end());
    CHECK(all == whole);
  }
}

TEST_CASE("a batch's own state hands out that batch again") {
  tutti::sampler s{.size = 100, .global_batch = 30, .seed = 2};
  for (auto batch : s.epochs(2).on(place{0, 1})) {
    tutti::sampler again{.size = 100, .global_batch = 30};
    again.resume(batch.state());
    auto range = again.epochs(2).on(place{0, 1});
    auto const repeated = *range.begin();
    CHECK(repeated.epoch() == batch.epoch());
    CHECK(repeated.step() == batch.step());
    CHECK(std::equal(batch.all().begin(), batch.all().end(), repeated.all().begin(), repeated.all().end()));
    CHECK(again.state() == s.state());
  }
}

TEST_CASE("another global batch may go on in mid-epoch: still every sample once") {
  tutti::sampler_state state;
  ids all = run({.size = 1003, .global_batch = 60, .seed = 9}, 1, 4, 7, state);
  tutti::sampler next{.size = 1003, .global_batch = 128, .slots = 5};
  next.resume(state);
  auto const more = run(next, 1, 3);
  all.insert(all.end(), more.begin(), more.end());
  CHECK(times_seen(all, 1003) == std::vector<int>(1003, 1));
}

// From the Python implementation that made the golden values of the permutation.
TEST_CASE("golden batches") {
  tutti::sampler s{.size = 10, .global_batch = 4, .seed = 1, .slots = 2};
  std::vector<std::vector<ids>> batches;
  for (auto batch : s.epochs(2).on(place{0, 1})) {
    std::vector<ids> slots;
    for (auto slot : batch.slots()) slots.emplace_back(slot.begin(), slot.end());
    batches.push_back(slots);
  }
  CHECK(batches == std::vector<std::vector<ids>>{
                       {{3, 4}, {1, 9}}, {{7, 5}, {6, 8}}, {{0}, {2}}, {{3, 7}, {4, 1}}, {{6, 2}, {5, 0}}, {{8}, {9}}});
}

TEST_CASE("batches know where they stand; the last of an epoch is smaller, none is empty") {
  tutti::sampler s{.size = 10, .global_batch = 4};
  std::vector<std::uint64_t> epochs, steps, sizes;
  int firsts = 0;
  for (auto batch : s.epochs(2).on(place{0, 1})) {
    epochs.push_back(batch.epoch());
    steps.push_back(batch.step());
    sizes.push_back(batch.size());
    firsts += batch.first_of_epoch() ? 1 : 0;
    CHECK(batch.first_of_epoch() == (batch.step() == 0));
  }
  CHECK(epochs == ids{0, 0, 0, 1, 1, 1});
  CHECK(steps == ids{0, 1, 2, 0, 1, 2});
  CHECK(sizes == ids{4, 4, 2, 4, 4, 2});
  CHECK(firsts == 2);
}

TEST_CASE("slots are contiguous parts of the batch, sizes differing by at most one") {
  tutti::sampler s{.size = 1003, .global_batch = 61, .seed = 4, .slots = 7};
  for (auto batch : s.epochs(1).on(place{0, 1})) {
    std::uint64_t at = 0;
    for (auto slot : batch.slots()) {
      CHECK(slot.size() >= batch.size() / 7);
      CHECK(slot.size() <= batch.size() / 7 + 1);
      for (auto id : slot) CHECK(id == batch.all()[at++]);
    }
    CHECK(at == batch.size());
  }
}

TEST_CASE("epochs shuffle differently") {
  auto const all = run({.size = 1000, .global_batch = 100, .seed = 1}, 2, 1);
  CHECK_FALSE(std::equal(all.begin(), all.begin() + 1000, all.begin() + 1000));
}

TEST_CASE("epochs(e) means up to epoch e: what is done is not done again") {
  tutti::sampler s{.size = 10, .global_batch = 4, .epoch = 2, .cursor = 8};
  std::vector<std::uint64_t> sizes;
  for (auto batch : s.epochs(3).on(place{0, 1})) sizes.push_back(batch.size());
  CHECK(sizes == ids{2});
  for (auto batch : s.epochs(3).on(place{0, 1})) FAIL("epoch " << batch.epoch() << " again");
}

// The oracle: the list of ids that each tail policy means, from the permutations alone.
TEST_CASE("keep, drop and wrap do to the end of an epoch what they say, and 4 -> 3 -> 2 ranks continue each exactly") {
  using tutti::tail;
  for (std::uint64_t n : {1U, 59U, 60U, 61U, 1003U}) {
    for (tail policy : {tail::keep, tail::drop, tail::wrap}) {
      ids expected;
      for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
        std::uint64_t const batch = 60;
        std::uint64_t const whole = n / batch * batch;
        std::uint64_t const end = policy == tail::keep || n == whole ? n : policy == tail::drop ? whole : whole + batch;
        for (std::uint64_t i = 0; i < end; ++i) expected.push_back(tutti::permutation(n, 9, epoch)[i % n]);
      }
      tutti::sampler const s{.size = n, .global_batch = 60, .seed = 9, .tail = policy};
      for (int ranks : {1, 2, 3, 4, 5, 7, 8, 13}) CHECK(run(s, 3, ranks) == expected);
      for (std::uint64_t steps : {1U, 2U, 16U, 17U, 18U, 30U}) {
        tutti::sampler_state state;
        ids all = run(s, 3, 4, steps, state);
        for (auto [ranks, more_steps] : {std::pair{3, 9U}, std::pair{2, 1000U}}) {
          tutti::sampler next{.size = n, .global_batch = 60, .tail = policy};
          next.resume(state);
          auto const more = run(next, 3, ranks, more_steps, state);
          all.insert(all.end(), more.begin(), more.end());
        }
        CHECK(all == expected);
      }
    }
  }
}

TEST_CASE("wrap says which samples are repeats, in the batch and in each of its slots") {
  for (std::uint64_t n : {3U, 10U, 16U, 17U}) {
    tutti::sampler s{.size = n, .global_batch = 16, .slots = 5, .tail = tutti::tail::wrap};
    std::vector<int> seen(n, 0);
    std::uint64_t fresh = 0;
    for (auto batch : s.epochs(1).on(place{0, 1})) {
      CHECK(batch.size() == 16);
      std::uint64_t in_slots = 0;
      for (auto slot : batch.slots()) {
        for (std::uint64_t i = 0; i < slot.size(); ++i) CHECK((i < slot.fresh()) == (seen[slot[i]]++ == 0));
        in_slots += slot.fresh();
      }
      CHECK(in_slots == batch.all().fresh());
      fresh += in_slots;
    }
    CHECK(fresh == n);
  }
}

TEST_CASE("shares give each rank its part of the slots to less than one, and the list of ids stays the same") {
  tutti::sampler const s{.size = 1003, .global_batch = 100, .seed = 3, .slots = 50};
  for (std::vector<double> const& shares : {std::vector<double>{1}, std::vector<double>{1, 1, 1, .5},
                                            std::vector<double>{0, 2, 0, 1, 1e-12}, std::vector<double>{3, 0}}) {
    int const ranks = static_cast<int>(shares.size());
    double total = 0;
    for (double share : shares) total += share;
    std::vector<ids> slots(50);
    for (int r = 0; r < ranks; ++r) {
      tutti::sampler mine = s;
      auto range = mine.epochs(1).on(place{r, ranks}, shares);
      auto const batch = *range.begin();
      double const ideal = shares[static_cast<std::size_t>(r)] / total * 50;
      CHECK(static_cast<double>(batch.slots().size()) > ideal - 1);
      CHECK(static_cast<double>(batch.slots().size()) < ideal + 1);
      for (auto slot : batch.slots()) {
        CHECK(slots[static_cast<std::size_t>(slot.index())].empty());
        slots[static_cast<std::size_t>(slot.index())].assign(slot.begin(), slot.end());
      }
    }
    ids all;
    for (auto const& slot : slots) all.insert(all.end(), slot.begin(), slot.end());
    tutti::permutation const order(1003, 3, 0);
    CHECK(std::equal(all.begin(), all.end(), order.begin(), order.begin() + 100));
  }
  tutti::sampler mine = s;
  std::vector<double> const negative{1, -1}, none{0, 0};
  CHECK_THROWS_WITH_AS((void)mine.epochs(1).on(place{0, 3}, none), "sampler: 2 shares for 3 ranks: give one per rank",
                       tutti::error);
  CHECK_THROWS_AS((void)mine.epochs(1).on(place{0, 2}, none), tutti::error);
  CHECK_THROWS_AS((void)mine.epochs(1).on(place{0, 2}, negative), tutti::error);
}

TEST_CASE("an empty data set has no batches; settings that cannot work are refused in one sentence") {
  tutti::sampler none{.size = 0, .global_batch = 4};
  for (auto batch : none.epochs(3).on(place{0, 1})) FAIL("a batch of " << batch.size());
  tutti::sampler s{.size = 10, .global_batch = 0};
  CHECK_THROWS_WITH_AS((void)s.epochs(1).on(place{0, 1}), "sampler: global_batch must be at least 1", tutti::error);
  s = {.size = 10, .slots = 0};
  CHECK_THROWS_WITH_AS((void)s.epochs(1).on(place{0, 1}), "sampler: slots must be at least 1, not 0", tutti::error);
  CHECK_THROWS_WITH_AS(s.resume({.seed = 0, .epoch = 1, .cursor = 11}),
                       "the saved sampler stands at sample 11 of an epoch, this data set has 10", tutti::error);
}
