// SPDX-License-Identifier: BSL-1.0
// Rows, spread unevenly over the ranks, and where a content partitioner wants them: for its tests, which compare with
// serial code over all rows.
#pragma once

#include <tutti/data/repartition.hpp>
#include <tutti/group/testing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace content {

struct row {
  int label = 0;
  int group = 0;
  double price = 0;
  int id = 0;
  char weight[104] = {};  // so that rows outweigh what is said about them
};

/// Labels 0 … 9, the lower the more frequent; groups of 1 to 20 rows; few prices, most of them the same.
inline std::vector<row> rows(int n, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<row> all(static_cast<std::size_t>(n));
  int group = 0;
  for (int i = 0; i < n; ++i) {
    row& r = all[static_cast<std::size_t>(i)];
    if (random() % 10 == 0) ++group;
    r.id = i;
    r.label = static_cast<int>(std::min(random() % 10, random() % 10));
    r.group = group * 7919;
    r.price = random() % 3 == 0 ? static_cast<double>(random() % 50) : 25.0;
  }
  return all;
}

/// Where rank r's rows begin: the first rank has none, the others uneven shares.
inline std::size_t cut(std::size_t n, int p, int r) {
  if (p == 1) return r == 0 ? 0 : n;
  auto const at = static_cast<std::size_t>(r), of = static_cast<std::size_t>(p);
  return at <= 1 ? 0 : n * at * at / (of * of);
}
inline std::vector<row> share(std::vector<row> const& all, int p, int r) {
  return {all.begin() + static_cast<std::ptrdiff_t>(cut(all.size(), p, r)),
          all.begin() + static_cast<std::ptrdiff_t>(cut(all.size(), p, r + 1))};
}

/// by.assign of every row, in the order of all rows, on p ranks.
template <class By>
std::vector<int> assigned(std::vector<row> const& all, int p, By const& by, int parts = 0) {
  std::vector<std::vector<int>> of(static_cast<std::size_t>(p));
  tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
    of[static_cast<std::size_t>(world.rank())] = by.assign(world, share(all, p, world.rank()), parts);
  });
  std::vector<int> to;
  for (auto const& one : of) to.insert(to.end(), one.begin(), one.end());
  return to;
}

/// What repartition gives each of p ranks, and the most bytes any of them received on the way.
template <class By>
std::vector<std::vector<row>> repartitioned(std::vector<row> const& all, int p, By const& by,
                                            std::uint64_t* most_received = nullptr) {
  std::vector<std::vector<row>> of(static_cast<std::size_t>(p));
  std::vector<std::uint64_t> received(static_cast<std::size_t>(p));
  tutti::testing::run_ranks(p, [&](tutti::communicator& world) {
    auto const r = static_cast<std::size_t>(world.rank());
    of[r] = repartition(world, share(all, p, world.rank()), by);
    received[r] = world.stats().bytes_received;
  });
  if (most_received != nullptr) *most_received = *std::max_element(received.begin(), received.end());
  return of;
}

/// How many rows of `all` that have `look(row) == key` go to each of p parts.
template <class Look>
std::vector<int> counts(std::vector<row> const& all, std::vector<int> const& to, int p, Look look) {
  std::vector<int> n(static_cast<std::size_t>(p));
  for (std::size_t i = 0; i < all.size(); ++i)
    if (look(all[i])) ++n[static_cast<std::size_t>(to[i])];
  return n;
}
inline int spread(std::vector<int> const& n) {
  return *std::max_element(n.begin(), n.end()) - *std::min_element(n.begin(), n.end());
}

}  // namespace content
