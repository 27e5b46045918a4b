// SPDX-License-Identifier: BSL-1.0
// Who sends what to whom, and when at the earliest: takes the plans of all ranks, hands down their messages by round.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/plan.hpp>

namespace tutti::inline TUTTI_ABI::plan {

struct sent {
  int round = 0;  ///< from 1: one more than the latest message that it, or its receive, waits for
  int from = 0;
  int to = 0;
  interval parts;
  friend bool operator==(sent const&, sent const&) = default;
};

namespace detail {

template <class = on_use>
class rounds {
 public:
  explicit rounds(std::span<plan const> plans) : plans_(plans) {
    for (plan const& p : plans) {
      known_.emplace_back(p.steps.size(), -1);
      place_.emplace_back(p.steps.size(), 0);
      for (std::uint32_t i = 0; i < p.steps.size(); ++i) {
        step const& s = p.steps[i];
        if (s.what != verb::send && s.what != verb::recv) continue;
        bool const sends = s.what == verb::send;
        auto& stream = streams_[sends ? std::pair(p.rank, s.peer) : std::pair(s.peer, p.rank)];
        auto& steps = sends ? stream.first : stream.second;
        place_.back()[i] = steps.size();
        steps.push_back(i);
      }
    }
  }

  [[nodiscard]] std::vector<sent> all() {
    std::vector<sent> found;
    for (plan const& p : plans_)
      for (std::uint32_t i = 0; i < p.steps.size(); ++i)
        if (step const& s = p.steps[i]; s.what == verb::send)
          found.push_back({round(p.rank, i), p.rank, s.peer, {s.at.first, s.at.last}});
    std::stable_sort(found.begin(), found.end(), [](sent const& a, sent const& b) { return a.round < b.round; });
    return found;
  }

 private:
  [[nodiscard]] plan const& of(int rank) const { return plans_[static_cast<std::size_t>(rank)]; }
  /// The round of a message; of a copy or fold, the latest round it waits for.
  int round(int rank, std::uint32_t i) {
    int& known = known_[static_cast<std::size_t>(rank)][i];
    if (known >= 0) return known;
    step const& s = of(rank).steps[i];
    int latest = before(rank, i);
    if (s.what == verb::send || s.what == verb::recv) {
      bool const sends = s.what == verb::send;
      auto const& stream = streams_[sends ? std::pair(rank, s.peer) : std::pair(s.peer, rank)];
      auto const& others = sends ? stream.second : stream.first;
      latest = 1 + (std::max)(latest, before(s.peer, others[place_[static_cast<std::size_t>(rank)][i]]));
    }
    return known_[static_cast<std::size_t>(rank)][i] = latest;
  }
  int before(int rank, std::uint32_t i) {
    int latest = 0;
    for (std::uint32_t e : of(rank).steps[i].after) latest = (std::max)(latest, round(rank, e));
    return latest;
  }

  std::span<plan const> plans_;
  std::vector<std::vector<int>> known_;
  std::vector<std::vector<std::size_t>> place_;  // of a step in its stream
  std::map<std::pair<int, int>, std::pair<std::vector<std::uint32_t>, std::vector<std::uint32_t>>> streams_;
};

}  // namespace detail

/// The messages of proven plans, round by round, each round in rank order.
template <class = on_use>
[[nodiscard]] std::vector<sent> messages(std::span<plan const> plans) {
  return detail::rounds<>(plans).all();
}

}  // namespace tutti::inline TUTTI_ABI::plan
