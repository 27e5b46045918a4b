// SPDX-License-Identifier: BSL-1.0
// Ranks with unequal amounts of data make the same number of steps: those that run out go on with empty ones.
#pragma once

#include <cstdint>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/index_iterator.hpp>
#include <tutti/data/item_range.hpp>
#include <tutti/group/communicator.hpp>

namespace tutti::inline TUTTI_ABI {

/// A rank's own items, batch by batch: a random-access range of item_range, whose last elements are empty on a rank
/// that has less than another.
class step_ranges {
 public:
  using iterator = detail::index_iterator<step_ranges>;

  step_ranges() = default;
  step_ranges(item_range mine, std::uint64_t batch, std::uint64_t steps) noexcept
      : mine_(mine), batch_(batch), steps_(steps) {}

  /// The number of steps, the same on every rank.
  [[nodiscard]] std::uint64_t size() const noexcept { return steps_; }
  /// Needs step < size().
  [[nodiscard]] item_range operator[](std::uint64_t step) const noexcept { return {cut(step), cut(step + 1)}; }
  [[nodiscard]] iterator begin() const { return {*this, 0}; }
  [[nodiscard]] iterator end() const { return {*this, steps_}; }

 private:
  [[nodiscard]] std::uint64_t cut(std::uint64_t step) const noexcept {
    return step < mine_.size() / batch_ + 1 && step * batch_ < mine_.size() ? mine_.first + step * batch_ : mine_.last;
  }

  item_range mine_{};
  std::uint64_t batch_ = 1;
  std::uint64_t steps_ = 0;
};

/// Collective. How many steps the rank with the most needs: what every rank then makes, so that no collective call
/// inside the loop waits for a rank that has left it.
template <transport::streams S>
[[nodiscard]] std::uint64_t synced_steps(basic_communicator<S>& comm, std::uint64_t mine, options how = {}) {
  return tutti::TUTTI_ABI::allreduce(comm, mine, max, how);
}

/// Collective. This rank's items in batches of `batch` (the last may be smaller), and then empty ones until the rank
/// with the most is through. Ranks may have nothing at all. An empty batch takes part in the step with weight 0:
///
///     for (tutti::item_range const mine : synced_steps(world, {0, data.size()}, 32)) {
///       for (auto const& row : data.read(mine)) …   // adds to gradient
///       dp.sync(gradient, double(mine.size()));
///     }
template <transport::streams S>
[[nodiscard]] step_ranges synced_steps(basic_communicator<S>& comm, item_range mine, std::uint64_t batch,
                                       options how = {}) {
  std::uint64_t const needed = batch == 0 ? ~std::uint64_t{0} : mine.size() / batch + (mine.size() % batch != 0);
  std::uint64_t const most = synced_steps(comm, needed, how);
  if (most == ~std::uint64_t{0})
    throw error(error_kind::config, "synced_steps: a rank asks for batches of 0 items; give at least 1");
  return {mine, batch, most};
}

}  // namespace tutti::inline TUTTI_ABI
