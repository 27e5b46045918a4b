// SPDX-License-Identifier: BSL-1.0
#include <tutti/plan/cost.hpp>

#include <doctest/doctest.h>

#include <cmath>

#include <tutti/plan/granule.hpp>

using tutti::machine;
using tutti::plan::predict;
using tutti::plan::unsent;
using tutti::plan::work;

TEST_CASE("a message between two ranks costs its latency, its overheads and its bytes") {
  machine m;
  m.cores = 1e9;  // each its own: only the longest way counts
  work const one{1, 1, 1, 0, 0, 1, 1, 0, 0};
  double const busiest = m.overhead + 1000 * m.copy;
  double const shared = (2 * m.overhead + 2 * 1000 * m.copy) / 2;
  CHECK(predict(one, 2, 1e6, m) == doctest::Approx(m.latency + std::hypot(busiest, shared)));
  CHECK(predict(one, 1, 1e6, m) == 0);
}

TEST_CASE("fewer cores, a slower link and more ranks than cores cost time; more hosts save it where cores are short") {
  work const all{56, 2, 14, 7, 0, 28, 1.75, 1.75, 0.875};
  machine few, many;
  few.cores = 2;
  many.cores = 8;
  CHECK(predict(all, 8, 1e6, many) < predict(all, 8, 1e6, few));
  machine apart = few;
  apart.per_host = 1;
  CHECK(predict(all, 8, 1e6, apart) < predict(all, 8, 1e6, few));
  apart.link = 8;  // 1 Gbit/s
  CHECK(predict(all, 8, 1e6, apart) > 1.75 * 8000);
  CHECK(predict(all, 8, 1e6, apart) < 1.75 * 8000 * 1.1);
  CHECK(predict(all, 8, 1e6, apart) < predict(all, 8, 2e6, apart));
}

TEST_CASE("bytes cost more where the buffers of all ranks of a host, and their scratch, outgrow its cache") {
  work const kept{2, 1, 2, 0, 2, 2, 1, 1, 0}, free{2, 1, 2, 0, 0, 2, 1, 1, 0};
  machine m;
  machine near = m;
  near.uncached = 0;
  CHECK(predict(free, 2, m.cache / 2, m) == predict(free, 2, m.cache / 2, near));
  CHECK(predict(free, 2, m.cache, m) > predict(free, 2, m.cache, near));
  CHECK(predict(kept, 2, m.cache / 4, m) == predict(free, 2, m.cache / 4, m));
  CHECK(predict(kept, 2, m.cache / 2, m) > predict(free, 2, m.cache / 2, m));
  near.per_host = m.per_host = 1;  // a cache of its own for each
  CHECK(predict(free, 2, m.cache, m) == predict(free, 2, m.cache, near));
}

TEST_CASE("a lane holds back what a slow link carries in a millisecond and two round trips; others what they like") {
  machine m;
  CHECK(unsent(m) == 0);  // one host
  m.link = 8;             // 1 Gbit/s
  m.distance = 50;
  CHECK(unsent(m) > 125000);
  CHECK(unsent(m) < 160000);
  m.link = 64;  // 100 Mbit/s: not less than a few granules
  CHECK(unsent(m) == 65536);
  m.link = 8;
  m.distance = 500;  // far away, more must be on its way than may be asked for
  CHECK(unsent(m) == 0);
  m.link = 0.8;  // 10 Gbit/s
  m.distance = 20;
  CHECK(unsent(m) == 0);
}
