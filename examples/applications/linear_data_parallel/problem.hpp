// SPDX-License-Identifier: BSL-1.0
// A made-up linear problem, its solution by the normal equations, and the table in which both programs end.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <tutti/train.hpp>
#include <utility>
#include <vector>

namespace linear {

inline constexpr std::size_t samples = 1003, features = 21;  // nothing divides anything
inline constexpr int steps = 120;
inline constexpr double rate = 0.35;

/// Independent numbers of mean 0 and variance 1, the same whoever asks.
inline double noise(std::uint64_t which) {
  std::uint64_t h = (which + 1) * 0x9e3779b97f4a7c15ULL;
  h = (h ^ h >> 30U) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ h >> 27U) * 0x94d049bb133111ebULL;
  return (static_cast<double>(h >> 11U) / 9007199254740992.0 - 0.5) * 3.4641016151377544;
}
/// Neighbouring features have something in common.
inline double feature(std::size_t sample, std::size_t j) {
  return noise(sample * 1000 + j) + 0.3 * noise(sample * 1000 + j + 1);
}
inline double target(std::size_t sample) {
  double y = 0.1 * noise(1'000'000'000 + sample);
  for (std::size_t j = 0; j < features; ++j) y += feature(sample, j) * std::sin(static_cast<double>(j));
  return y;
}

/// Whatever is here of X, samples x features, and of y, samples x 1.
template <class X, class Y>
void fill(X& x, Y& y) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::size_t const at = x.layout().index_in_whole(i);
    x[i] = feature(at / features, at % features);
  }
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = target(y.here(0).begin + i);
}

/// X'X w = X'y, by elimination in one process.
inline std::vector<double> solve_normal_equations() {
  std::vector<std::vector<double>> rows(features, std::vector<double>(features + 1));
  for (std::size_t s = 0; s < samples; ++s)
    for (std::size_t i = 0; i < features; ++i) {
      for (std::size_t j = 0; j < features; ++j) rows[i][j] += feature(s, i) * feature(s, j);
      rows[i][features] += feature(s, i) * target(s);
    }
  for (std::size_t p = 0; p < features; ++p)  // X'X is positive definite: no pivoting
    for (std::size_t i = 0; i < features; ++i) {
      if (i == p) continue;
      double const factor = rows[i][p] / rows[p][p];
      for (std::size_t j = p; j <= features; ++j) rows[i][j] -= factor * rows[p][j];
    }
  std::vector<double> w;
  for (std::size_t i = 0; i < features; ++i) w.push_back(rows[i][features] / rows[i][i]);
  return w;
}

/// One line per process, and how far the weights are from the normal equations'. Collective.
inline void report(tutti::communicator& world, tutti::statistics const& moved, std::size_t numbers,
                   std::vector<double> const& weights) {
  struct line {
    std::uint64_t numbers, calls, bytes;
  };
  std::vector<line> const mine{{numbers, moved.calls, moved.bytes_sent}};
  std::vector<line> lines(static_cast<std::size_t>(world.size()));
  allgather(world, mine, lines);
  if (world.rank() != 0) return;
  std::printf("process  numbers of X  calls per step  bytes sent per step\n");
  for (std::size_t r = 0; r < lines.size(); ++r)
    std::printf("%7zu %13zu %15.1f %20.0f\n", r, static_cast<std::size_t>(lines[r].numbers),
                static_cast<double>(lines[r].calls) / steps, static_cast<double>(lines[r].bytes) / steps);
  auto const due = solve_normal_equations();
  double most = 0;
  for (std::size_t j = 0; j < features; ++j) most = (std::max)(most, std::abs(weights[j] - due[j]));
  std::printf("%zu samples, %zu features, %d steps: %.1e from the normal equations\n", samples, features, steps, most);
}

}  // namespace linear
