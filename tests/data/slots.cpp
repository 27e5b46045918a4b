// SPDX-License-Identifier: BSL-1.0
// Promises of data/slots.hpp.
#include <tutti/data/slots.hpp>

#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

TEST_CASE("slot cuts: rank r owns [r K / P, (r+1) K / P), all slots are owned, runs differ by at most one") {
  for (int slots = 0; slots <= 40; ++slots) {
    for (int size = 1; size <= 12; ++size) {
      auto const cuts = tutti::slot_cuts(slots, size);
      REQUIRE(cuts.size() == static_cast<std::size_t>(size) + 1);
      CHECK(cuts.front() == 0);
      CHECK(cuts.back() == static_cast<std::uint32_t>(slots));
      for (int r = 0; r < size; ++r) {
        CHECK(tutti::slot_cut(slots, size, r) == r * slots / size);
        CHECK(static_cast<int>(cuts[static_cast<std::size_t>(r)]) == r * slots / size);
        int const run = tutti::slot_cut(slots, size, r + 1) - tutti::slot_cut(slots, size, r);
        CHECK(run >= slots / size);
        CHECK(run <= slots / size + 1);
      }
    }
  }
  CHECK(tutti::slot_cuts(8, 3) == std::vector<std::uint32_t>{0, 2, 5, 8});
}

TEST_CASE("even cuts do not overflow where at * n would") {
  constexpr std::uint64_t n = UINT64_MAX;
  CHECK(tutti::detail::even_cut(n, 3, 1) == n / 3);
  CHECK(tutti::detail::even_cut(n, 3, 3) == n);
  CHECK(tutti::detail::even_cut(n, 2147483647, 2147483647) == n);
}
