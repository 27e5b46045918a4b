// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/barrier.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <memory>

#include "worlds.hpp"

namespace {

TEST_CASE("barrier: nobody leaves before everyone has come, a hundred times in a row, for every algorithm") {
  for (worlds::over const medium : {worlds::over::memory, worlds::over::sockets})
    for (int const size : {1, 2, 3, 4, 5, 7, 8}) {
      if (medium == worlds::over::sockets && size > 5) continue;
      CAPTURE(size);
      std::atomic<int> come{0};
      std::atomic<int> too_early{0};
      std::atomic<int> too_late{0};
      auto const on_rank = [&](tutti::communicator& world) {
        int round = 0;
        for (worlds::algorithm const a : worlds::algorithms)
          for (int i = 0; i < 25; ++i) {
            ++round;
            ++come;
            barrier(world, {.algorithm = a});
            int const seen = come.load();
            if (seen < round * size) ++too_early;
            if (seen >= (round + 1) * size) ++too_late;  // this rank itself has not come to the next one
          }
      };
      tutti::testing::run_ranks(size, on_rank, medium);
      CHECK(come == 100 * size);
      CHECK(too_early == 0);
      CHECK(too_late == 0);
    }
}

}  // namespace
