// SPDX-License-Identifier: BSL-1.0
// Rows in the order of a key: rank r's are not above those of rank r + 1.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/data/repartition.hpp>

namespace tutti::inline TUTTI_ABI {

// Sample sort, by regular sampling of one stride.
// Why     one allgather of samples tells every rank all cuts; rows travel once. Ties are broken by place, so equal keys
//         are cut like any others.
// Trace   p=2, w=2: rank 0 has 1 5 9 11, rank 1 has 2 3 4: samples 5 11 | 3; sorted 3 5 11; the cut lies behind 3: rank
//         0 gets 1 2 3, rank 1 the others.
// Cost    local sorts, and n/w <= 16 p(p+1) keys to everyone
// Limits  a stride of w = n / (8 p (p + 1)) rows, at least 1, leaves p (w - 1) rows unseen between two samples: no part
//         has more than n/p + (p + 1) w <= 9/8 n/p rows, or, where w = 1, more than n/p + 1.
// See     Shi & Schaeffer 1992 (regular sampling).

/// `sorted(&row::price)`, or a function of a row: contiguous ranges of the key, of nearly equal size (no more than 9/8
/// n/P + 1 rows each, whatever the ties). Keys are compared by `<`, a strict weak order (no NaN), and must be of a type
/// that can be sent. Equal keys count in the order of ranks, then of rows: sort what arrives stably, and all rows
/// together are sorted stably.
template <class Key>
class sorted {
 public:
  explicit sorted(Key key) : key_(std::move(key)) {}

  /// Collective: for each local row, its part of `parts` (0: one part per rank).
  template <transport::streams S, row_range Rows>
  [[nodiscard]] std::vector<int> assign(basic_communicator<S>& comm, Rows const& rows, int parts = 0) const {
    auto const p = detail::checked_parts("sorted", parts, comm.size());
    auto const keys = detail::seen_in(rows, key_, [](auto const& k) { return std::remove_cvref_t<decltype(k)>(k); });
    std::vector<std::size_t> order(keys.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });

    std::uint64_t const n = allreduce(comm, static_cast<std::uint64_t>(keys.size()));
    auto const ranks = static_cast<std::uint64_t>(comm.size());
    std::uint64_t const stride = (std::max)(n / (8 * p * (ranks + 1)), std::uint64_t{1});
    auto const samples = everyones(comm, keys, order, static_cast<std::size_t>(stride));

    std::vector<int> to(keys.size());
    std::size_t from = 0;
    for (std::uint64_t part = 0; part < p; ++part) {
      std::uint64_t const taken = (part + 1) * samples.size() / p;
      std::size_t const end = part + 1 == p ? order.size()
                              : taken == 0
                                  ? 0
                                  : up_to(samples[static_cast<std::size_t>(taken - 1)], keys, order, comm.rank());
      for (; from < end; ++from) to[order[from]] = static_cast<int>(part);
    }
    return to;
  }

 private:
  template <class K>
  struct sample {
    K key;
    int rank;
    std::size_t place;  ///< in the order of its rank
  };

  template <class Comm, class K>
  static std::vector<sample<K>> everyones(Comm& comm, std::vector<K> const& keys, std::vector<std::size_t> const& order,
                                          std::size_t stride) {
    std::vector<K> mine;
    for (std::size_t i = stride - 1; i < order.size(); i += stride) mine.push_back(keys[order[i]]);
    auto const all = allgather(comm, mine);
    std::vector<sample<K>> samples;
    for (int r = 0; r < comm.size(); ++r) {
      std::size_t place = stride - 1;
      for (K const& k : all[static_cast<std::size_t>(r)])
        samples.push_back({k, r, std::exchange(place, place + stride)});
    }
    std::stable_sort(samples.begin(), samples.end(), [](auto const& a, auto const& b) { return a.key < b.key; });
    return samples;
  }
  /// How many of the local rows do not come behind `cut`.
  template <class K>
  static std::size_t up_to(sample<K> const& cut, std::vector<K> const& keys, std::vector<std::size_t> const& order,
                           int rank) {
    auto const below = [&](std::size_t i, K const& k) { return keys[i] < k; };
    auto const above = [&](K const& k, std::size_t i) { return k < keys[i]; };
    auto const end = rank > cut.rank ? std::lower_bound(order.begin(), order.end(), cut.key, below)
                                     : std::upper_bound(order.begin(), order.end(), cut.key, above);
    return rank == cut.rank ? cut.place + 1 : static_cast<std::size_t>(end - order.begin());
  }

  Key key_;
};

}  // namespace tutti::inline TUTTI_ABI
