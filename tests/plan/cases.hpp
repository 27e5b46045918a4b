// SPDX-License-Identifier: BSL-1.0
// What the tests of plans share: the plans of all ranks for one call, and sizes for the parts they cut.
#pragma once

#include <cstdint>
#include <vector>

#include <tutti/plan/choose.hpp>

namespace plan_cases {

namespace tp = tutti::plan;
using sizes = std::vector<std::uint64_t>;
using slot_cuts = std::vector<std::uint32_t>;

inline tp::request wanted(tp::row const& row, int size, int root = 0, slot_cuts cuts = {}) {
  tp::request w;
  w.what = row.what;
  w.algorithm = row.algorithm;
  w.size = size;
  w.root = root;
  w.cuts = std::move(cuts);
  w.order = row.fold == tp::folds::any ? tutti::order::any : tutti::order::canonical;
  return w;
}

/// The plans of all ranks, in rank order.
inline std::vector<tp::plan> all_plans(tp::row const& row, tp::request w) {
  std::vector<tp::plan> plans;
  for (w.rank = 0; w.rank < w.size; ++w.rank) plans.push_back(row.write(w));
  return plans;
}

/// Whether a row is for so many ranks.
inline bool serves(tp::row const& row, int size) { return row.serves(size); }

inline bool is_rooted(tp::collective what) {
  return what == tp::collective::broadcast || what == tp::collective::reduce || what == tp::collective::scatter ||
         what == tp::collective::gather;
}

/// What n bytes are cut into. A barrier is of one byte whatever n; given parts are ragged, some of them empty.
inline sizes part_sizes(tp::cut how, tp::collective what, int size, int root, std::uint64_t n) {
  auto const p = static_cast<std::uint64_t>(size);
  if (what == tp::collective::barrier) n = 1;
  sizes parts(p, 0);
  if (what == tp::collective::alltoall) {  // one for each pair, unlike in the two directions, some of them empty
    parts.clear();
    for (std::uint64_t s = 0; s < p; ++s)
      for (std::uint64_t d = 0; d < p; ++d)
        parts.push_back(how == tp::cut::even                 ? n % 7
                        : n == 0 || (s + 2 * d + n) % 3 == 1 ? 0
                                                             : n % 5 + (3 * s + d) % 7);
    return parts;
  }
  for (std::uint64_t q = 0; q < p; ++q) {
    auto const r = static_cast<std::uint64_t>(root);
    if (how == tp::cut::given)
      parts[q] = n == 0 || (q + n) % 3 == 1 ? 0 : n % 5 + q % 7;
    else if (how == tp::cut::even || p == 1)
      parts[q] = n / p + (q < n % p ? 1 : 0);
    else if (q != r)
      parts[q] = n / (p - 1) + ((q < r ? q : q - 1) < n % (p - 1) ? 1 : 0);
  }
  return parts;
}

}  // namespace plan_cases
