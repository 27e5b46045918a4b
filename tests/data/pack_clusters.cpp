// SPDX-License-Identifier: BSL-1.0
// Promises of data/pack_clusters.hpp.
#include <tutti/data/pack_clusters.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include <tutti/data/permutation.hpp>

namespace {

using sizes = std::vector<std::uint64_t>;

sizes loads(std::vector<tutti::detail::quota> const& quotas, int ranks, sizes& given) {
  sizes load(static_cast<std::size_t>(ranks));
  for (auto const& q : quotas) {
    load[static_cast<std::size_t>(q.rank)] += q.count;
    given[q.cluster] += q.count;
  }
  return load;
}

// The fullest rank of the best packing, by trying all.
std::uint64_t best(sizes const& all, sizes& load, std::size_t next = 0) {
  if (next == all.size()) return *std::max_element(load.begin(), load.end());
  std::uint64_t least = UINT64_MAX;
  for (auto& l : load) {
    l += all[next];
    least = std::min(least, best(all, load, next + 1));
    l -= all[next];
  }
  return least;
}

TEST_CASE("pack_clusters: whole clusters, within 4/3 - 1/(3P) of the best packing there is") {
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    for (int p : {1, 2, 3, 4}) {
      sizes all(seed % 8), given(all.size());
      for (std::size_t c = 0; c < all.size(); ++c) all[c] = tutti::detail::mix64(seed * 16 + c) % 50;
      auto const quotas = tutti::detail::pack_clusters(all, p);
      auto const load = loads(quotas, p, given);
      CHECK(given == all);
      CHECK(quotas.size() <= all.size());
      sizes none(static_cast<std::size_t>(p));
      auto const optimum = static_cast<double>(best(all, none));
      CHECK(static_cast<double>(*std::max_element(load.begin(), load.end())) <= (4.0 / 3 - 1.0 / (3 * p)) * optimum);
    }
}

TEST_CASE("pack_clusters: no rank has more than the limit, every row is dealt, only what must be is cut") {
  for (auto const& all : {sizes{100, 1, 1}, sizes{0, 0, 9}, sizes{5, 5, 5, 5}, sizes{40, 30, 20, 10}}) {
    std::uint64_t n = 0;
    for (auto s : all) n += s;
    for (int p : {1, 2, 3, 7}) {
      std::uint64_t const most = (n + static_cast<std::uint64_t>(p) - 1) / static_cast<std::uint64_t>(p);
      sizes given(all.size());
      auto const quotas = tutti::detail::pack_clusters(all, p, most);
      auto const load = loads(quotas, p, given);
      CHECK(given == all);
      CHECK(*std::max_element(load.begin(), load.end()) <= most);
      CHECK(quotas.size() < all.size() + static_cast<std::size_t>(p));
    }
  }
  CHECK(tutti::detail::pack_clusters({5, 5, 5, 5}, 4, 5).size() == 4);
}

}  // namespace
