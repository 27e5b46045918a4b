// SPDX-License-Identifier: BSL-1.0
// What every algorithm asks of p ranks, in closed form. Takes p, hands down counts that plan/cost.hpp turns into time;
// the tests count the same in the plans themselves. Bytes are in units of n, the bytes of the call in all.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::plan {

struct work {
  double messages = 0;       ///< of all ranks
  double rounds = 0;         ///< messages of which each waits for the one before
  double bytes = 0;          ///< sent by all ranks
  double folded = 0;         ///< bytes that are combined with others, by all ranks
  double kept = 0;           ///< bytes of whole scratch, on all ranks
  double most_messages = 0;  ///< sent and received by the busiest rank; each of these may be another rank
  double most_sent = 0;
  double most_received = 0;
  double most_folded = 0;
};

namespace works {

[[nodiscard]] constexpr double log2_up(double p) noexcept {
  return static_cast<double>(std::bit_width(static_cast<std::uint64_t>(p) - 1));
}
/// The largest power of two below p.
[[nodiscard]] constexpr double left_half(double p) noexcept {
  return static_cast<double>(std::bit_floor(static_cast<std::uint64_t>(p) - 1));
}
/// How often recursive doubling is told something, by all ranks: each once for every level it has.
[[nodiscard]] constexpr double levels_of_all(double p) noexcept {
  double sum = 0;
  for (; p > 1; p -= left_half(p)) sum += p + left_half(p) * log2_up(left_half(p));
  return sum;
}
/// How many messages the busiest rank of a doubling sends: one of the last, shorter halves.
[[nodiscard]] constexpr double tells(double p) noexcept {
  double sum = 0;
  for (double rest = p; rest > 1; rest -= left_half(rest)) {
    double const shorter = rest - left_half(rest);
    sum += static_cast<double>((static_cast<std::uint64_t>(left_half(rest)) - 1) / static_cast<std::uint64_t>(shorter) +
                               1);
    if (shorter == left_half(rest)) return sum + log2_up(shorter);
  }
  return sum;
}
/// How many parts the busiest rank of an allgather by doubling sends, at most.
[[nodiscard]] constexpr double tells_parts(double p) noexcept {
  double sum = left_half(p) - 1;
  for (double rest = p; rest > 1; rest -= left_half(rest)) {
    auto const left = static_cast<std::uint64_t>(left_half(rest)), right = static_cast<std::uint64_t>(rest) - left;
    sum += static_cast<double>((left + right - 1) / right * right);
    if (left == right) break;
  }
  return sum;
}
/// How far all parts travel in the binomial tree, each from its rank to the root.
[[nodiscard]] constexpr double hops(double p) noexcept {
  double sum = 0;
  for (double rest = p, above = 0; rest > 1; ++above) {
    double const left = left_half(rest);
    sum += left * log2_up(left) / 2 + above * left + (rest - left == 1 ? above + 1 : 0);
    rest -= left;
  }
  return sum;
}

// p is the number of ranks, q = (p-1)/p, l = ceil(log2 p).
//                                     messages     rounds   bytes      folded kept       of the busiest rank: the same
[[nodiscard]] constexpr work broadcast_star(double p) { return {p - 1, 1, p - 1, 0, 0, p - 1, p - 1, 1, 0}; }
[[nodiscard]] constexpr work broadcast_direct(double p) {
  return {(p - 1) * (p - 1), p > 2 ? 2.0 : 1.0, p - 1, 0, 0, p > 2 ? 2 * p - 3 : 1, 1, 1, 0};
}
[[nodiscard]] constexpr work broadcast_binomial(double p) {
  double const l = log2_up(p);
  return {p - 1, l, p - 1, 0, 0, l, l, 1, 0};
}
[[nodiscard]] constexpr work broadcast_chain(double p) {
  return {p - 1, p - 1, p - 1, 0, 0, p > 2 ? 2.0 : 1.0, 1, 1, 0};
}
[[nodiscard]] constexpr work reduce_star(double p) { return {p - 1, 1, p - 1, p - 1, 0, p - 1, 1, p - 1, p - 1}; }
[[nodiscard]] constexpr work reduce_direct(double p) { return {p * (p - 1), 2, p, p - 1, 1, 2 * p - 2, 1, 1, 1}; }
[[nodiscard]] constexpr work reduce_binomial(double p) {
  double const l = log2_up(p), kept = (std::max)(p / 2 - 1, 0.0);
  return {p - 1, l, p - 1, p - 1, kept, l, 1, l, l};
}
[[nodiscard]] constexpr work reduce_chain(double p) {
  return {p - 1, p - 1, p - 1, p - 1, p - 2, p > 2 ? 2.0 : 1.0, 1, 1, 1};
}
[[nodiscard]] constexpr work allreduce_exchange(double) { return {2, 1, 2, 2, 2, 2, 1, 1, 1}; }
[[nodiscard]] constexpr work allreduce_star(double p) {
  return {2 * p - 2, 2, 2 * p - 2, p - 1, 0, 2 * p - 2, p - 1, p - 1, p - 1};
}
[[nodiscard]] constexpr work allreduce_direct(double p) {
  double const q = (p - 1) / p;
  return {2 * p * (p - 1), 2, 2 * p - 2, p - 1, 0, 4 * p - 4, 2 * q, 2 * q, q};
}
[[nodiscard]] constexpr work allreduce_binomial(double p) {
  double const l = log2_up(p);
  return {2 * p - 2, 2 * l, 2 * p - 2, p - 1, 0, 2 * l, l, l, l};
}
[[nodiscard]] constexpr work allreduce_doubling(double p) {
  double const l = log2_up(p), all = levels_of_all(p), sent = tells(p);
  return {all, l, all, all, p, sent + l, sent, l, l};
}
[[nodiscard]] constexpr work allreduce_halving(double p) {
  double messages = 0, most = 0;
  for (double rest = p, above = 0; rest > 0;) {  // halves from the left; each has its sum on `holders` ranks
    double const holders = rest > 1 && left_half(rest) * 2 > rest ? left_half(rest) : rest;
    double const last = holders == rest ? 0 : 1;
    messages += holders * (log2_up(holders) + last);
    most = (std::max)(most, 2 * log2_up(holders) + last + above / holders);
    above = holders;
    rest -= holders;
  }
  bool const even = left_half(p) * 2 == p;
  double const l = even ? log2_up(p) : log2_up(left_half(p)), q = (p - 1) / p;
  double const folds = even ? q : 1 + l / p, moved = even ? 2 * q : 2 + l / p;  // off powers of two, at most
  return {2 * messages, 2 * l, 2 * p - 2, p - 1, 0, 2 * most, moved, moved, folds};
}
[[nodiscard]] constexpr work allreduce_ring(double p) {
  double const q = (p - 1) / p;
  return {2 * p * (p - 1), 2 * p - 2, 2 * p - 2, p - 1, 0, 4 * p - 4, 2 * q, 2 * q, q};
}
[[nodiscard]] constexpr work barrier_dissemination(double p) {
  double const l = log2_up(p);
  return {p * l, l, p * l, p * l, p, 2 * l, l, l, l};
}
[[nodiscard]] constexpr work scatter_star(double p) {
  double const q = (p - 1) / p;
  return {p - 1, 1, q, 0, 0, p - 1, q, 1 / p, 0};
}
[[nodiscard]] constexpr work scatter_binomial(double p) {
  double const l = log2_up(p), q = (p - 1) / p, largest = (std::max)(p - left_half(p), left_half(p) / 2);
  return {p - 1, l, hops(p) / p, 0, (std::max)(hops(p) / p - 0.5, 0.0), l, q, largest / p, 0};
}
[[nodiscard]] constexpr work gather_star(double p) {
  double const q = (p - 1) / p;
  return {p - 1, 1, q, 0, 0, p - 1, 1 / p, q, 0};
}
[[nodiscard]] constexpr work gather_binomial(double p) {
  work w = scatter_binomial(p);
  std::swap(w.most_sent, w.most_received);
  return w;
}
[[nodiscard]] constexpr work allgather_star(double p) {
  double const q = (p - 1) / p;
  return {2 * p - 2, 2, p - 1 + q, 0, 0, 2 * p - 2, p - 1, 1, 0};
}
[[nodiscard]] constexpr work allgather_direct(double p) {
  double const q = (p - 1) / p;
  return {p * (p - 1), 1, p - 1, 0, 0, 2 * p - 2, q, q, 0};
}
[[nodiscard]] constexpr work allgather_doubling(double p) {
  double const l = log2_up(p), q = (p - 1) / p;
  return {levels_of_all(p), l, p - 1, 0, 0, tells(p) + l, tells_parts(p) / p, q, 0};
}
[[nodiscard]] constexpr work allgather_bruck(double p) {
  double const l = log2_up(p), q = (p - 1) / p;
  return {p * l, l, p - 1, 0, 0, 2 * l, q, q, 0};
}
[[nodiscard]] constexpr work allgather_ring(double p) {
  double const q = (p - 1) / p;
  return {p * (p - 1), p - 1, p - 1, 0, 0, 2 * p - 2, q, q, 0};
}
[[nodiscard]] constexpr work reduce_scatter_star(double p) {
  double const q = (p - 1) / p;
  return {2 * p - 2, 2, p - 1 + q, p - 1, 1, 2 * p - 2, 1, p - 1, p - 1};
}
[[nodiscard]] constexpr work reduce_scatter_direct(double p) {
  double const q = (p - 1) / p;
  return {p * (p - 1), 1, p - 1, p - 1, 0, 2 * p - 2, q, q, q};
}
[[nodiscard]] constexpr work reduce_scatter_halving(double p) {
  double const l = log2_up(p), q = (p - 1) / p;
  double moved = p;  // parts that are not at home yet: those whose number is no palindrome in bits
  for (double half = (l + 1) / 2, i = 1, same = 1; i <= half; ++i) same *= 2, moved = p - same;
  bool const any = moved > 0;
  return {p * l + moved,         l + (any ? 1 : 0), p - 1 + moved / p, p - 1, p,
          2 * l + (any ? 2 : 0), any ? 1 : q,       any ? 1 : q,       q};
}
[[nodiscard]] constexpr work reduce_scatter_pairwise(double p) {
  double const l = log2_up(p), q = (p - 1) / p;
  return {p * (p - 1), left_half(p), p - 1, p - 1, l, 2 * p - 2, q, q, q};
}
[[nodiscard]] constexpr work reduce_scatter_ring(double p) {
  double const q = (p - 1) / p;
  return {p * (p - 1), p - 1, p - 1, p - 1, p, 2 * p - 2, q, q, q};
}

[[nodiscard]] constexpr work alltoall_direct(double p) { return allgather_direct(p); }
[[nodiscard]] constexpr work alltoall_bruck(double p) {
  double const l = log2_up(p);
  double moved = 0;  // parts, by each rank
  for (std::uint64_t i = 1; i < static_cast<std::uint64_t>(p); ++i) moved += std::popcount(i);
  return {p * l, l, moved, 0, 3 * p, 2 * l, moved / p, moved / p, 0};
}
[[nodiscard]] constexpr work scan_exchange(double p) {
  double const all = p * (p - 1) / 2;
  return {all, 1, all, all, 0, p - 1, p - 1, p - 1, p - 1};
}
[[nodiscard]] constexpr work exscan_exchange(double p) {
  double const all = p * (p - 1) / 2;
  return {all, 1, all, all - p + 1, 0, p - 1, p - 1, p - 1, p - 2};
}
/// What the prefixes of m contributions take: joins, and blocks for their results.
struct prefix_work {
  double joins = 0;
  double kept = 0;
};
[[nodiscard]] constexpr prefix_work prefixes(double m) noexcept {
  auto const n = static_cast<std::uint64_t>(m);
  double const runs = m - std::popcount(n);
  prefix_work w{runs, runs + m - static_cast<double>(std::bit_width(n))};
  for (std::uint64_t k = 1; k <= n; ++k) w.joins += std::popcount(k) - 1;
  return w;
}
[[nodiscard]] constexpr work scan_star(double p) {
  auto const [joins, kept] = prefixes(p);
  return {2 * p - 2, 2, 2 * p - 2, joins, p - 1 + kept, 2 * p - 2, p - 1, p - 1, joins};
}
[[nodiscard]] constexpr work exscan_star(double p) {
  auto const [joins, kept] = prefixes(p - 1);
  double const most = (std::max)(p - 2, 1.0);
  return {2 * p - 3, p > 2 ? 2.0 : 1.0, 2 * p - 3, joins, p - 2 + kept, 2 * p - 3, p - 1, most, joins};
}
[[nodiscard]] constexpr work scan_direct(double p) {
  auto const [joins, kept] = prefixes(p);
  double const q = (p - 1) / p;
  return {2 * p * (p - 1), 2, 2 * p - 2, joins, p - 1 + kept, 4 * p - 4, 2 * q, 2 * q, joins / p};
}
[[nodiscard]] constexpr work exscan_direct(double p) {
  if (p == 2) return {1, 1, 1, 0, 0.5, 2, 1, 1, 0};
  auto const [joins, kept] = prefixes(p - 1);
  double const q = (p - 1) / p, messages = 2 * (p - 1) * (p - 1);
  return {messages, 2, messages / p, joins, (p - 1) * q + kept, 4 * p - 6, 2 * q, 2 * q, joins / p};
}

}  // namespace works
}  // namespace tutti::inline TUTTI_ABI::plan
