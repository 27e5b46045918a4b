// SPDX-License-Identifier: BSL-1.0
// What every survivor of a fault must have said, and how soon.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "job.hpp"

namespace faults {

/// Times from the fault to the throw, over all survivors of all runs.
class latencies {
 public:
  void add(std::int64_t ns) { all_.push_back(static_cast<double>(ns) * 1e-6); }
  void print(std::string const& what, double promise_ms) {
    if (all_.empty()) return;
    std::sort(all_.begin(), all_.end());
    auto const at = [&](double q) { return all_[static_cast<std::size_t>(q * static_cast<double>(all_.size() - 1))]; };
    auto const late = std::count_if(all_.begin(), all_.end(), [&](double t) { return t > promise_ms; });
    std::printf(
        "  %-28s %5zu survivors: p50 %8.2f ms  p99 %8.2f ms  max %8.2f ms; promised %.0f ms, later than that: %td\n",
        what.c_str(), all_.size(), at(0.5), at(0.99), all_.back(), promise_ms, late);
  }

 private:
  std::vector<double> all_;
};

/// What every survivor must have seen, in the call it was making.
struct expected {
  error_kind kind{};
  int blamed = -1;
  std::chrono::milliseconds promise = 100ms;
  std::vector<std::string> words{};  ///< of its cause
};

inline std::string text(record const& r) {
  return (r.what == record::news::threw ? std::string(to_string(r.kind)) : std::to_string(static_cast<int>(r.what))) +
         ", rank " + std::to_string(r.blamed) + ", \"" + r.operation + "\": " + r.cause;
}

/// Kind, blamed rank, operation and time of one survivor.
inline void check_said(record const& r, int rank, std::int64_t fault_at, expected const& e,
                       latencies* times = nullptr) {
  CAPTURE(rank);
  INFO("said: " << text(r));
  CHECK(r.what == record::news::threw);
  CHECK(to_string(r.kind) == to_string(e.kind));
  CHECK(r.blamed == e.blamed);
  for (auto const& w : e.words) {
    CAPTURE(w);
    CHECK(has(r.cause, w));
  }
  std::string const call = r.calling + (r.message ? " (" : " #" + std::to_string(r.calls) + " ");
  CAPTURE(call);
  CHECK(std::string(r.operation).starts_with(call));
  CHECK(r.at > fault_at);
  CHECK(r.at - fault_at < 10 * std::chrono::nanoseconds(e.promise).count());
  CHECK(r.same_again);
  CHECK(r.again_took < 1'000'000'000);
  if (times != nullptr) times->add(r.at - fault_at);
}
/// And that its process ended clean.
inline void check_survivor(job const& j, int rank, expected const& e, latencies* times = nullptr) {
  check_said(j.said(rank), rank, j.shared->fault_at, e, times);
  CAPTURE(rank);
  CHECK(j.said(rank).leaked == 0);
  CHECK(j.status(rank) == 0);
}
inline void check_survivors(job const& j, expected const& e, latencies* times = nullptr) {
  for (int r = 0; r < j.size(); ++r)
    if (r != e.blamed) check_survivor(j, r, e, times);
}

/// All ranks returned, and nothing is left of them.
inline void check_unharmed(job const& j, int rank) {
  record const& r = j.said(rank);
  CAPTURE(rank);
  INFO("said: " << text(r));
  CHECK(r.what == record::news::returned);
  CHECK(r.leaked == 0);
  CHECK(j.status(rank) == 0);
}

/// The same for ranks that are threads of this process.
template <class Program>
std::vector<record> live_as_threads(int n, tutti::join_options const& how, board& shared, Program const& program) {
  std::vector<record> said(static_cast<std::size_t>(n));
  auto const ended = tutti::testing::try_ranks(
      n,
      [&](tutti::communicator& world) {
        record& r = said[static_cast<std::size_t>(world.rank())];
        seat self;
        self.rank = world.rank();
        self.shared = &shared;
        try {
          program(world, self);
          r.what = record::news::returned;
        } catch (tutti::error const& e) {
          note(r, e);
          ask_again(r, world);
        }
        sum_up(r, self);
      },
      tutti::testing::over::memory, how);
  for (std::size_t k = 0; k < ended.size(); ++k)
    if (ended[k].thrown) said[k].what = record::news::threw_else;
  return said;
}

}  // namespace faults
