// SPDX-License-Identifier: BSL-1.0
// k folds: which fold each row belongs to, by chance, by label or by group.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/scan.hpp>
#include <tutti/data/permutation.hpp>
#include <tutti/data/repartition.hpp>

namespace tutti::inline TUTTI_ABI {

/// Parts of equal size, one row more or less, drawn at random. Same seed, number and order of all rows (by rank): the
/// same parts, on any number of ranks.
class shuffled {
 public:
  explicit shuffled(std::uint64_t seed = 0) : seed_(seed) {}

  /// Collective: for each local row, its part of `parts` (0: one part per rank). Sends two numbers per rank.
  template <transport::streams S, row_range Rows>
  [[nodiscard]] std::vector<int> assign(basic_communicator<S>& comm, Rows const& rows, int parts = 0) const {
    std::uint64_t const p = detail::checked_parts("shuffled", parts, comm.size());
    auto const mine = static_cast<std::uint64_t>(std::distance(std::begin(rows), std::end(rows)));
    std::uint64_t const lower_ranks = exscan(comm, mine);
    std::uint64_t at = comm.rank() == 0 ? 0 : lower_ranks;
    permutation const order(allreduce(comm, mine), seed_);
    std::vector<int> to;
    for (std::uint64_t i = 0; i < mine; ++i) to.push_back(static_cast<int>(order[at++] % p));
    return to;
  }

 private:
  std::uint64_t seed_;
};

/// `kfold(5)`, `kfold(5, stratified(&row::label))`, `kfold(5, grouped(&row::patient))`: a fold is a part, and every row
/// is in exactly one, the same on any number of ranks.
template <class By = shuffled>
class kfold {
 public:
  explicit kfold(int k, By by = By()) : k_(k), by_(std::move(by)) {
    if (k < 2) throw error(error_kind::config, "kfold(" + std::to_string(k) + "): there must be at least two folds");
  }
  [[nodiscard]] int k() const noexcept { return k_; }

  /// Collective: the fold of each local row.
  template <transport::streams S, row_range Rows>
  [[nodiscard]] std::vector<int> assign(basic_communicator<S>& comm, Rows const& rows) const {
    return by_.assign(comm, rows, k_);
  }

 private:
  int k_;
  By by_;
};

}  // namespace tutti::inline TUTTI_ABI
