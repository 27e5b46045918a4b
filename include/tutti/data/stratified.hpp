// SPDX-License-Identifier: BSL-1.0
// Every rank gets the same mix of labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <tutti/collective/scan.hpp>
#include <tutti/data/census.hpp>
#include <tutti/data/hash_key.hpp>
#include <tutti/data/repartition.hpp>

namespace tutti::inline TUTTI_ABI {

/// `stratified(&row::label)`, or a function of a row: the rows of each label are dealt out one by one, so the numbers
/// of rows of one label differ by at most one between ranks, and so do the numbers of all rows. Which row goes where
/// depends on the labels and on the order of all rows (by rank), not on how the ranks share them. Labels: see hash_key.
template <class Label>
class stratified {
 public:
  explicit stratified(Label label) : label_(std::move(label)) {}

  /// Collective: for each local row, its part of `parts` (0: one part per rank). Sends a few numbers per rank and
  /// label.
  template <transport::streams S, row_range Rows>
  [[nodiscard]] std::vector<int> assign(basic_communicator<S>& comm, Rows const& rows, int parts = 0) const {
    std::uint64_t const p = detail::checked_parts("stratified", parts, comm.size());
    auto const labels = detail::seen_in(rows, label_, [](auto const& l) { return hash_key(l); });
    auto census = detail::take_census(comm, labels, [&](std::vector<detail::key_count> const& counted) {
      std::vector<std::uint64_t> rows_before;
      std::uint64_t all = 0;
      for (auto const& t : counted) rows_before.push_back(std::exchange(all, all + t.count));
      std::uint64_t const elsewhere = exscan(comm, all);
      for (auto& before : rows_before) before += comm.rank() == 0 ? 0 : elsewhere;
      return rows_before;
    });
    std::vector<int> to;
    for (std::size_t const c : census.which) {
      auto& label = census.of[c];
      to.push_back(static_cast<int>((label.value + label.before++) % p));
    }
    return to;
  }

 private:
  Label label_;
};

}  // namespace tutti::inline TUTTI_ABI
