// SPDX-License-Identifier: BSL-1.0
// Who has how many rows of which key, found out without moving a row: the ranks share the keys among them, each counts
// its own, decides something about them, and tells those that hold rows of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <tutti/collective/alltoall.hpp>

namespace tutti::inline TUTTI_ABI::detail {

struct key_count {
  std::uint64_t key = 0;
  std::uint64_t count = 0;
};

/// One key that occurs on this rank.
struct standing {
  std::uint64_t before = 0;  ///< rows of this key on lower ranks
  std::uint64_t total = 0;   ///< on all
  std::uint64_t value = 0;   ///< what was decided
};

struct census {
  std::vector<std::uint64_t> keys;  ///< of this rank, each once, increasing
  std::vector<standing> of;         ///< by place in `keys`
  std::vector<std::size_t> which;   ///< by local row, the place of its key
};

/// The rank that counts `key`, and about whom else: keys are shared in runs, so that key order is rank order.
[[nodiscard]] inline std::size_t counts_key(std::uint64_t key, int ranks) {
  auto const p = static_cast<std::uint64_t>(ranks);
  return static_cast<std::size_t>((std::min)(key / (UINT64_MAX / p), p - 1));
}

/// Collective. `keys`: of the local rows. decide(tallies) is called once on every rank, with the keys this rank counts,
/// increasing, over all ranks; it returns a value for each, and may call collectives.
template <class Comm, class Decide>
[[nodiscard]] census take_census(Comm& comm, std::vector<std::uint64_t> const& keys, Decide decide) {
  census mine;
  mine.keys = keys;
  std::sort(mine.keys.begin(), mine.keys.end());
  mine.keys.erase(std::unique(mine.keys.begin(), mine.keys.end()), mine.keys.end());
  auto const place_in = [](auto const& all, std::uint64_t key, auto of) {
    auto const at = std::lower_bound(all.begin(), all.end(), key,
                                     [&](auto const& a, std::uint64_t wanted) { return of(a) < wanted; });
    return static_cast<std::size_t>(at - all.begin());
  };

  ragged<key_count> told;
  told.counts.resize(static_cast<std::size_t>(comm.size()));
  for (std::uint64_t const key : mine.keys) {
    told.values.push_back({key, 0});
    ++told.counts[detail::counts_key(key, comm.size())];
  }
  for (std::uint64_t const key : keys) {
    mine.which.push_back(place_in(mine.keys, key, [](std::uint64_t k) { return k; }));
    ++told.values[mine.which.back()].count;
  }

  ragged<key_count> const heard = tutti::TUTTI_ABI::alltoall(comm, told);
  std::vector<key_count> totals(heard.values);
  std::sort(totals.begin(), totals.end(), [](key_count const& a, key_count const& b) { return a.key < b.key; });
  totals.erase(
      std::unique(totals.begin(), totals.end(), [](key_count const& a, key_count const& b) { return a.key == b.key; }),
      totals.end());
  for (key_count& t : totals) t.count = 0;
  std::vector<std::size_t> place;
  ragged<standing> answers;
  answers.counts = heard.counts;
  for (key_count const& t : heard.values) {  // by source, so that `before` is of lower ranks
    place.push_back(place_in(totals, t.key, [](key_count const& a) { return a.key; }));
    answers.values.push_back({std::exchange(totals[place.back()].count, totals[place.back()].count + t.count), 0, 0});
  }
  std::vector<std::uint64_t> const values = decide(totals);
  for (std::size_t i = 0; i < place.size(); ++i) {
    answers.values[i].total = totals[place[i]].count;
    answers.values[i].value = values[place[i]];
  }
  mine.of = tutti::TUTTI_ABI::alltoall(comm, answers).values;
  return mine;
}

}  // namespace tutti::inline TUTTI_ABI::detail
