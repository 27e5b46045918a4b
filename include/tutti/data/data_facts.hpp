// SPDX-License-Identifier: BSL-1.0
// What a program knows of its rows, and the ways to place them that it considers: what reports and advice are made
// from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/partition.hpp>

namespace tutti::inline TUTTI_ABI {

/// Describes rows 0 … rows - 1, numbered as they lie here. Lists may be empty, else they hold one entry per row, and
/// must outlive the call.
struct data_facts {
  std::uint64_t rows = 0;            ///< may be left out where there is a list
  std::span<double const> costs{};   ///< seconds of work per row and pass
  double row_seconds = 1e-6;         ///< the same for every row, where there are no costs
  std::span<int const> labels{};     ///< small numbers from 0
  std::uint64_t row_bytes = 0;       ///< what it takes to move a row
  std::span<double const> speeds{};  ///< of the ranks; empty: all are 1
  /// Which item of the partitions row k is. Left out: k, behind the rows of lower ranks in a collective call.
  std::function<std::uint64_t(std::uint64_t k)> item{};
  /// Whether row k need not move to be read by this rank. Left out: collective calls count all rows that leave their
  /// rank, others none.
  std::function<bool(std::uint64_t k, int rank)> already_at{};

  /// How many rows are described; throws config where the lists do not agree.
  [[nodiscard]] std::uint64_t described() const {
    std::uint64_t const n = (std::max)({rows, std::uint64_t{costs.size()}, std::uint64_t{labels.size()}});
    bool const fits = (costs.empty() || costs.size() == n) && (labels.empty() || labels.size() == n);
    if (!fits || (rows != 0 && rows != n))
      throw error(error_kind::config, "data_facts: " + std::to_string(rows) + " rows, " + std::to_string(costs.size()) +
                                          " costs and " + std::to_string(labels.size()) +
                                          " labels; give one of each per row, or none");
    return n;
  }
};

/// A way to place rows, known by name: an index partition, or the destinations that a content partitioner found for the
/// rows described.
class candidate {
 public:
  template <index_partition Part>
  requires requires(Part const& p) { p.scheme().name; }
  candidate(Part const& part)  // NOLINT: lists of partitions read well
      : candidate(std::string(std::string_view(part.scheme().name)), part) {}
  template <index_partition Part>
  candidate(std::string called, Part const& part)
      : name_(std::move(called)),
        ranks_(part.ranks()),
        owner_([part](std::uint64_t, std::uint64_t item) { return part.owner(item); }) {}
  candidate(std::string called, std::vector<int> destinations, int ranks)
      : name_(std::move(called)),
        ranks_(ranks),
        owner_([to = std::make_shared<std::vector<int> const>(std::move(destinations)), ranks](std::uint64_t k,
                                                                                               std::uint64_t) {
          int const r = k < to->size() ? (*to)[static_cast<std::size_t>(k)] : -1;
          if (r < 0 || r >= ranks)
            throw error(error_kind::config,
                        "row " + std::to_string(k) + " has no destination among " + std::to_string(ranks) + " ranks");
          return r;
        }) {}

  [[nodiscard]] std::string const& name() const noexcept { return name_; }
  [[nodiscard]] int ranks() const noexcept { return ranks_; }
  /// The rank of row k, which is item `item` of a partition.
  [[nodiscard]] int owner(std::uint64_t k, std::uint64_t item) const { return owner_(k, item); }

 private:
  std::string name_;
  int ranks_;
  std::function<int(std::uint64_t, std::uint64_t)> owner_;
};

}  // namespace tutti::inline TUTTI_ABI
