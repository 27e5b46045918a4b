// SPDX-License-Identifier: BSL-1.0
// What owner(i) takes for every index scheme, as docs/data.md shows it: nanoseconds a query, one after the other (each
// waits for the one before) and in a stream; and how long the partition took to prepare.
//
//   g++ -std=c++20 -O2 -Iinclude tests/bench/owners.cpp -o owners && ./owners
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <tutti/data/block_cyclic.hpp>
#include <tutti/data/bounds.hpp>
#include <tutti/data/by_cost.hpp>
#include <tutti/data/by_hash.hpp>
#include <tutti/data/locality.hpp>
#include <tutti/data/partition.hpp>
#include <tutti/data/random.hpp>
#include <tutti/data/rendezvous_hash.hpp>
#include <tutti/data/token_ring.hpp>
#include <tutti/data/weighted.hpp>
#include <tutti/data/with_copies.hpp>

namespace {

using clock_type = std::chrono::steady_clock;
using tutti::partition;

double since(clock_type::time_point begin) { return std::chrono::duration<double>(clock_type::now() - begin).count(); }

template <class Make>
void row(Make const& make) {
  auto const begin = clock_type::now();
  auto const part = make();
  double const prepared = since(begin);
  std::vector<std::uint64_t> asked;
  for (std::uint64_t i = 0; i < 65'536; ++i) asked.push_back(tutti::detail::mix64(i) % part.size());
  double chained = 1e9, streamed = 1e9;
  unsigned kept = 0;
  for (int round = 0; round < 20; ++round) {
    auto start = clock_type::now();
    unsigned last = 0;
    for (std::uint64_t i : asked) {
      std::uint64_t const next = i ^ (last & 1U);  // not known before the answer
      last = static_cast<unsigned>(part.owner(next < part.size() ? next : i));
    }
    chained = (std::min)(chained, since(start));
    kept += last;
    start = clock_type::now();
    for (std::uint64_t i : asked) kept += static_cast<unsigned>(part.owner(i));
    streamed = (std::min)(streamed, since(start));
  }
  double const each = 1e9 / static_cast<double>(asked.size());
  std::printf("%-16s %8.1f %8.1f %10.3f%s\n", part.scheme().name.data(), chained * each, streamed * each, prepared,
              kept == 1 ? " " : "");
}

void table(std::uint64_t n, int size) {
  std::vector<double> costs, speeds;
  std::vector<std::vector<int>> hosts;
  std::vector<std::uint64_t> cuts{0};
  for (std::uint64_t i = 0; i < n; ++i) {
    auto const host = [&](unsigned shift) {
      return static_cast<int>((tutti::hash_key(i) >> shift) % static_cast<unsigned>(size));
    };
    costs.push_back(static_cast<double>(i % 97));
    hosts.push_back({host(0), host(20), host(40)});
  }
  for (int r = 0; r < size; ++r) {
    speeds.push_back(1 + r % 7);
    cuts.push_back(n / static_cast<unsigned>(size) * static_cast<unsigned>(r + 1));
  }
  cuts.back() = n;
  std::printf("\n%llu items, %d ranks\n%-16s %8s %8s %10s\n", static_cast<unsigned long long>(n), size, "scheme",
              "chained", "streamed", "prepare, s");
  row([&] { return partition(n, size, tutti::block{}); });
  row([&] { return partition(n, size, tutti::cyclic{}); });
  row([&] { return partition(n, size, tutti::block_cyclic{16}); });
  row([&] { return partition(n, size, tutti::random{3}); });
  row([&] { return partition(n, size, tutti::weighted{speeds}); });
  row([&] { return partition(n, size, tutti::bounds{cuts}); });
  row([&] { return partition(n, size, tutti::by_cost{costs}); });
  row([&] { return partition(n, size, tutti::by_hash{}); });
  row([&] { return partition(n, size, tutti::rendezvous_hash{}); });
  row([&] { return partition(n, size, tutti::token_ring{}); });
  row([&] { return partition(n, size, tutti::locality{hosts}); });
  row([&] { return tutti::with_copies<2>(partition(n, size, tutti::block{})).without({size / 2}); });
}

}  // namespace

int main() {
  table(1'000'003, 8);
  table(1'000'003, 1000);
  table((1U << 20U) + 1, 8);  // just above a power of two: `random` must not mind
}
