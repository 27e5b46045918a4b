// SPDX-License-Identifier: BSL-1.0
// A bootstrap sample of all rows, drawn with replacement and shared evenly.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/alltoall.hpp>
#include <tutti/data/permutation.hpp>
#include <tutti/data/repartition.hpp>
#include <tutti/data/slots.hpp>

namespace tutti::inline TUTTI_ABI {

/// As many draws as there are rows, each any row with equal chance: a row may come several times, and about 37 % of
/// them never do (Efron 1979). Rank r gets the draws of its even share. Same seed and order of all rows (by rank): the
/// same sample, on any number of ranks.
class bootstrap {
 public:
  explicit bootstrap(std::uint64_t seed) : seed_(seed) {}

  /// Collective: which local rows each rank drew, in the order it drew them. A rank sends 8 bytes per draw.
  template <transport::streams S, row_range Rows>
  [[nodiscard]] picks assign(basic_communicator<S>& comm, Rows const& rows) const {
    std::array<std::uint64_t, 1> const mine{
        static_cast<std::uint64_t>(std::distance(std::begin(rows), std::end(rows)))};
    std::vector<std::uint64_t> ends(static_cast<std::size_t>(comm.size()));
    allgather(comm, mine, ends);
    for (std::size_t r = 1; r < ends.size(); ++r) ends[r] += ends[r - 1];
    std::uint64_t const n = ends.back();
    auto const cut = [&](int r) {
      return detail::even_cut(n, static_cast<std::uint64_t>(comm.size()), static_cast<std::uint64_t>(r));
    };
    std::vector<std::vector<std::uint64_t>> wanted(ends.size());
    std::uint64_t const key = detail::mix64(seed_ + 0x9e3779b97f4a7c15ULL);
    for (std::uint64_t draw = cut(comm.rank()); draw < cut(comm.rank() + 1); ++draw) {
      std::uint64_t const row = detail::mix64(key + draw * 0x9e3779b97f4a7c15ULL) % n;
      auto const holder = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), row) - ends.begin());
      wanted[holder].push_back(row - (holder == 0 ? 0 : ends[holder - 1]));
    }
    picks asked;
    for (auto const& of_one : wanted) asked.push_back(of_one);
    return tutti::TUTTI_ABI::alltoall(comm, asked);
  }

 private:
  std::uint64_t seed_;
};

}  // namespace tutti::inline TUTTI_ABI
