// SPDX-License-Identifier: BSL-1.0
// How fast the ranks are, measured on the user's own steps, and when it pays to cut the data anew.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/partition.hpp>
#include <tutti/data/weighted.hpp>

namespace tutti::inline TUTTI_ABI {

/// Collective: the speed of every rank, in items per second, when this rank did `items` in `took`. A rank that did none
/// counts as fast as the mean of the others; if none did any, all count as 1.
template <transport::streams S>
[[nodiscard]] std::vector<double> calibrate(basic_communicator<S>& comm, std::uint64_t items,
                                            std::chrono::nanoseconds took) {
  double const seconds = std::chrono::duration<double>(took).count();
  std::vector<double> const mine{items > 0 && seconds > 0 ? static_cast<double>(items) / seconds : 0};
  std::vector<double> speeds(static_cast<std::size_t>(comm.size()));
  allgather(comm, mine, speeds);
  double known = 0, total = 0;
  for (double s : speeds) {
    known += s > 0 ? 1 : 0;
    total += s;
  }
  for (double& s : speeds)
    if (!(s > 0)) s = known > 0 ? total / known : 1;
  return speeds;
}

/// Collective: the same, of a `step` that computes `items` items and makes no calls: run `times` times after one to
/// warm up, the quickest counts.
template <transport::streams S, class Step>
requires std::invocable<Step&>
[[nodiscard]] std::vector<double> calibrate(basic_communicator<S>& comm, std::uint64_t items, Step&& step,
                                            int times = 3) {
  step();
  std::chrono::nanoseconds quickest = (std::chrono::nanoseconds::max)();
  for (int i = 0; i < times; ++i) {
    auto const begin = comm.now();
    step();
    quickest = (std::min)(quickest, std::chrono::nanoseconds(comm.now() - begin));
  }
  return calibrate(comm, items, quickest);
}

/// Watches the times of steps, and says when other shares would make them shorter by more than `hysteresis`: moving
/// rows costs, and times vary. Every rank holds one with the same values.
struct rebalance {
  double hysteresis = 0.1;       ///< the gain, as a part of the step, below which all stays as it is
  double memory = 0.5;           ///< how much of a known speed stays when a new one is measured: 0 … 1
  std::vector<double> speeds{};  ///< items per second as known so far

  /// Collective, after a step in which this rank did its items of `now` in `took`. The partition to move to, the same
  /// on every rank, or nothing: stay.
  template <transport::streams S, index_partition Part>
  [[nodiscard]] std::optional<partition<detail::runs>> operator()(basic_communicator<S>& comm, Part const& now,
                                                                  std::chrono::nanoseconds took) {
    if (now.ranks() != comm.size())
      throw error(failure{
          error_kind::config, comm.rank(), "rebalance",
          "a partition over " + std::to_string(now.ranks()) + " ranks in a world of " + std::to_string(comm.size())});
    auto const measured = calibrate(comm, now.count(comm.rank()), took);
    if (speeds.empty()) speeds = measured;
    for (std::size_t r = 0; r < speeds.size(); ++r) speeds[r] = memory * speeds[r] + (1 - memory) * measured[r];
    partition better(now.size(), now.ranks(), weighted{speeds});
    if (slowest(now) <= (1 + hysteresis) * slowest(better)) return std::nullopt;
    return better;
  }

 private:
  [[nodiscard]] double slowest(index_partition auto const& part) const {
    double latest = 0;
    for (int r = 0; r < part.ranks(); ++r)
      latest = (std::max)(latest, static_cast<double>(part.count(r)) / speeds[static_cast<std::size_t>(r)]);
    return latest;
  }
};

}  // namespace tutti::inline TUTTI_ABI
