// SPDX-License-Identifier: BSL-1.0
// One global batch, its slots, and the samples in them: what a sampler hands out.
#pragma once

#include <cstdint>

#include <tutti/core/version.hpp>
#include <tutti/data/index_iterator.hpp>
#include <tutti/data/permutation.hpp>
#include <tutti/data/slots.hpp>

namespace tutti::inline TUTTI_ABI {

/// Where a sampler stands: 24 bytes that continue the run at any number of ranks.
struct sampler_state {
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  std::uint64_t cursor = 0;  ///< samples of this epoch that were handed out
  friend bool operator==(sampler_state const&, sampler_state const&) = default;
};
static_assert(sizeof(sampler_state) == 24);

/// A run of samples in the shuffled order, which begins again behind its end: a random-access range of sample numbers,
/// computed, never stored.
class samples {
 public:
  using iterator = detail::index_iterator<samples>;

  samples() = default;
  samples(permutation const& order, std::uint64_t first, std::uint64_t size) noexcept
      : order_(order), first_(first), size_(size) {}

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// Needs i < size().
  [[nodiscard]] std::uint64_t operator[](std::uint64_t i) const noexcept {
    std::uint64_t const at = first_ + i;
    return order_[at < order_.size() ? at : at % order_.size()];
  }
  /// How many of them, from the front, come for the first time in this epoch: all, but where `tail::wrap` filled the
  /// last batch up. The others deserve the weight 0 in a metric.
  [[nodiscard]] std::uint64_t fresh() const noexcept {
    std::uint64_t const left = first_ < order_.size() ? order_.size() - first_ : 0;
    return size_ < left ? size_ : left;
  }
  [[nodiscard]] iterator begin() const { return {*this, 0}; }
  [[nodiscard]] iterator end() const { return {*this, size_}; }

  /// Part `at` of `parts`, cut as evenly as can be.
  [[nodiscard]] samples part(std::uint64_t parts, std::uint64_t at) const noexcept {
    std::uint64_t const from = detail::even_cut(size_, parts, at);
    return {order_, first_ + from, detail::even_cut(size_, parts, at + 1) - from};
  }

 private:
  permutation order_{};
  std::uint64_t first_ = 0;
  std::uint64_t size_ = 0;
};

/// One slot of a batch: the samples that are computed together, on one rank, whichever that is. Which samples they are
/// depends on (size, global_batch, seed, slots) of the sampler, the epoch and the batch, never on the ranks.
class sample_slot : public samples {
 public:
  sample_slot() = default;
  sample_slot(samples const& all_of_batch, int slots, int index) noexcept
      : samples(all_of_batch.part(static_cast<std::uint64_t>(slots), static_cast<std::uint64_t>(index))),
        index_(index) {}

  /// The number of this slot within its batch, counted over all ranks.
  [[nodiscard]] int index() const noexcept { return index_; }

 private:
  int index_ = 0;
};

/// The slots of a batch that one rank owns, a contiguous run in increasing index; may be empty.
class sample_slots {
 public:
  using iterator = detail::index_iterator<sample_slots>;

  sample_slots() = default;
  sample_slots(samples const& all_of_batch, int slots, int first, int last) noexcept
      : all_(all_of_batch), slots_(slots), first_(first), last_(last) {}

  [[nodiscard]] std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(last_ - first_); }
  [[nodiscard]] bool empty() const noexcept { return last_ == first_; }
  /// Needs i < size(); the i-th slot of this rank, whose index() is that of the whole batch.
  [[nodiscard]] sample_slot operator[](std::uint64_t i) const noexcept {
    return {all_, slots_, first_ + static_cast<int>(i)};
  }
  [[nodiscard]] iterator begin() const { return {*this, 0}; }
  [[nodiscard]] iterator end() const { return {*this, size()}; }

 private:
  samples all_{};
  int slots_ = 1;
  int first_ = 0;
  int last_ = 0;
};

/// One step of training, as one rank sees it.
class sample_batch {
 public:
  sample_batch() = default;
  sample_batch(samples const& all, sampler_state at, std::uint64_t step, int total_slots, int first, int last) noexcept
      : all_(all), at_(at), step_(step), total_slots_(total_slots), first_(first), last_(last) {}

  [[nodiscard]] std::uint64_t epoch() const noexcept { return at_.epoch; }
  /// The number of this batch within its epoch.
  [[nodiscard]] std::uint64_t step() const noexcept { return step_; }
  [[nodiscard]] bool first_of_epoch() const noexcept { return at_.cursor == 0; }
  /// Samples in the batch over all ranks: global_batch, or what the end of the epoch left (with `tail::keep`).
  [[nodiscard]] std::uint64_t size() const noexcept { return all_.size(); }
  /// The samples of all ranks, in slot order.
  [[nodiscard]] samples all() const noexcept { return all_; }
  /// The slots this rank computes: those of `slot_cut`, or those its share gives it.
  [[nodiscard]] sample_slots slots() const noexcept { return {all_, total_slots_, first_, last_}; }
  /// A sampler resumed from here hands out this very batch again (its own state() goes on behind it).
  [[nodiscard]] sampler_state state() const noexcept { return at_; }

 private:
  samples all_{};
  sampler_state at_{};
  std::uint64_t step_ = 0;
  int total_slots_ = 1;
  int first_ = 0;
  int last_ = 0;
};

}  // namespace tutti::inline TUTTI_ABI
