// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/chooser.hpp>

#include <doctest/doctest.h>

#include <cstddef>

namespace tp = tutti::plan;
using tutti::algorithm;

TEST_CASE("a remembered choice is the choice, whatever was asked in between, however often") {
  tutti::machine m;
  m.cores = 4;
  for (int size : {1, 2, 5, 8}) {
    tp::chooser remembered(size, m, {});
    for (int again = 0; again < 2; ++again)
      for (std::size_t bytes = 0; bytes < 5'000'000; bytes += 1 + bytes / 7)
        for (auto const order : {tutti::order::canonical, tutti::order::any})
          for (auto const what : {tp::collective::allreduce, tp::collective::broadcast, tp::collective::reduce_scatter})
            for (auto const asked : {algorithm::automatic, algorithm::star, algorithm::ring})
              if (remembered(what, bytes, asked, {.order = order}) !=
                  tp::choose(what, size, bytes, asked, {.order = order}, m))
                FAIL("another choice for " << bytes << " bytes among " << size);
  }
}

TEST_CASE("a preference is followed where it can be, and a call's own word goes first") {
  tp::preferences wish{};
  wish[static_cast<std::size_t>(tp::collective::allreduce)] = algorithm::ring;
  wish[static_cast<std::size_t>(tp::collective::broadcast)] = algorithm::chain;
  tp::chooser choose(4, {}, wish);
  CHECK(choose(tp::collective::broadcast, 4, algorithm::automatic, {}) == algorithm::chain);
  CHECK(choose(tp::collective::broadcast, 4, algorithm::direct, {}) == algorithm::direct);
  CHECK(choose(tp::collective::allreduce, 4, algorithm::automatic, {}) == algorithm::star);
  CHECK(choose(tp::collective::allreduce, 4, algorithm::automatic, {.order = tutti::order::any}) == algorithm::ring);
  CHECK(choose(tp::collective::gather, 4, algorithm::automatic, {}) == algorithm::star);
}
