// SPDX-License-Identifier: BSL-1.0
// Hands out shuffled batches: every sample exactly once per epoch, in an order that does not depend on the ranks.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/batch.hpp>
#include <tutti/data/permutation.hpp>
#include <tutti/data/slots.hpp>

namespace tutti::inline TUTTI_ABI {

/// What a sampler needs to know of a communicator.
template <class C>
concept ranked = requires(C const& c) {
  { c.rank() } -> std::convertible_to<int>;
  { c.size() } -> std::convertible_to<int>;
};

class epoch_batches;
class epoch_range;

/// What becomes of the samples at the end of an epoch that do not fill a batch.
enum class tail : std::uint8_t {
  keep,  ///< they are a smaller batch: every sample exactly once
  drop,  ///< they are left out; another epoch's order leaves out others
  wrap   ///< the batch is filled up from the front of the epoch's order: `samples::fresh()` tells which are repeats
};

/// Batch b of an epoch is the samples [b * global_batch, (b + 1) * global_batch) of that epoch's own permutation; the
/// last one is smaller where the sizes do not divide, nothing is dropped or repeated unless `tail` asks for it. Each
/// batch is cut into `slots` contiguous parts, as even as can be (some are empty in a batch smaller than that).
///
///     tutti::sampler s{.size = n, .global_batch = 256, .seed = 1};
///     for (auto batch : s.epochs(10).on(world))
///       for (auto slot : batch.slots())
///         for (auto sample : slot) …
///
/// No communication: every rank holds a sampler of its own with the same values.
struct sampler {
  std::uint64_t size = 0;          ///< samples in the data set
  std::uint64_t global_batch = 1;  ///< samples per step over all ranks
  std::uint64_t seed = 0;
  int slots = 8;  ///< pieces per batch; the same bits at any number of ranks need the same number of slots
  tutti::TUTTI_ABI::tail tail = tutti::TUTTI_ABI::tail::keep;
  std::uint64_t epoch = 0;   ///< where it stands: see state()
  std::uint64_t cursor = 0;  ///< where it stands: see state()

  /// All batches from where this sampler stands up to the end of epoch `last - 1`, counted from the start of the run:
  /// resumed in the middle, the same line of code does what is left. The sampler must stay where it is meanwhile.
  [[nodiscard]] epoch_range epochs(std::uint64_t last) &;
  epoch_range epochs(std::uint64_t last) && = delete;

  /// Continues behind the last batch handed out, which counts as done from the moment the loop body receives it.
  [[nodiscard]] sampler_state state() const noexcept { return {seed, epoch, cursor}; }
  /// Takes the place of `from`, saved at any number of ranks. Throws `config` if it lies beyond this data set.
  void resume(sampler_state from) {
    if (from.cursor > size) {
      throw error(error_kind::config, "the saved sampler stands at sample " + std::to_string(from.cursor) +
                                          " of an epoch, this data set has " + std::to_string(size));
    }
    seed = from.seed;
    epoch = from.epoch;
    cursor = from.cursor;
  }
};

/// The batches of `s.epochs(e).on(comm)`: an input range, to be walked once.
class epoch_batches {
 public:
  class iterator {
   public:
    using value_type = sample_batch;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator() = default;
    explicit iterator(epoch_batches& from) : from_(&from) {}
    [[nodiscard]] sample_batch const& operator*() const noexcept { return from_->current_; }
    [[nodiscard]] sample_batch const* operator->() const noexcept { return &from_->current_; }
    iterator& operator++() {
      from_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept { return from_->finished_; }

   private:
    epoch_batches* from_ = nullptr;
  };

  /// Of the slots, this rank computes [first, last).
  epoch_batches(sampler& source, std::uint64_t last_epoch, int first, int last)
      : source_(&source), last_epoch_(last_epoch), first_(first), last_(last) {}

  /// Takes the first batch from the sampler.
  [[nodiscard]] iterator begin() {
    advance();
    return iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  void advance() {
    sampler& s = *source_;
    std::uint64_t const needed = s.tail == tail::drop ? s.global_batch : 1;
    std::uint64_t left = s.cursor < s.size ? s.size - s.cursor : 0;
    if (left < needed) {
      left = s.size;
      s.cursor = 0;
      s.epoch = left < needed ? last_epoch_ : s.epoch + 1;
    }
    finished_ = s.epoch >= last_epoch_;
    if (finished_) return;
    std::uint64_t const taken = s.tail != tail::wrap && left < s.global_batch ? left : s.global_batch;
    std::uint64_t const step = s.cursor / s.global_batch + (s.cursor % s.global_batch != 0 ? 1 : 0);
    samples const all(permutation(s.size, s.seed, s.epoch), s.cursor, taken);
    current_ = sample_batch(all, s.state(), step, s.slots, first_, last_);
    s.cursor += taken < left ? taken : left;
  }

  sampler* source_;
  std::uint64_t last_epoch_;
  int first_;
  int last_;
  bool finished_ = false;
  sample_batch current_{};
};

/// Epochs not yet bound to a rank.
class epoch_range {
 public:
  epoch_range(sampler& source, std::uint64_t last) noexcept : source_(&source), last_(last) {}
  /// This rank's view of the batches; only its rank() and size() are asked, now.
  template <ranked C>
  [[nodiscard]] epoch_batches on(C const& comm) const {
    auto const [rank, ranks] = place(comm);
    return {*source_, last_, slot_cut(source_->slots, ranks, rank), slot_cut(source_->slots, ranks, rank + 1)};
  }
  /// The same where rank r computes slots in proportion to shares[r], as `slot_cuts` has it. Training by slots gives
  /// the same bits whatever the shares.
  template <ranked C>
  [[nodiscard]] epoch_batches on(C const& comm, std::span<double const> shares) const {
    auto const [rank, ranks] = place(comm);
    if (shares.size() != static_cast<std::size_t>(ranks))
      refuse(std::to_string(shares.size()) + " shares for " + std::to_string(ranks) + " ranks: give one per rank");
    auto const cuts = slot_cuts(source_->slots, shares);
    auto const at = cuts.begin() + rank;
    return {*source_, last_, static_cast<int>(at[0]), static_cast<int>(at[1])};
  }

 private:
  struct rank_of_size {
    int rank, ranks;
  };
  [[noreturn]] static void refuse(std::string const& why) { throw error(error_kind::config, "sampler: " + why); }
  template <ranked C>
  [[nodiscard]] rank_of_size place(C const& comm) const {
    int const rank = static_cast<int>(comm.rank());
    int const ranks = static_cast<int>(comm.size());
    if (source_->global_batch < 1) refuse("global_batch must be at least 1");
    if (source_->slots < 1) refuse("slots must be at least 1, not " + std::to_string(source_->slots));
    if (rank < 0 || rank >= ranks) refuse("rank " + std::to_string(rank) + " of " + std::to_string(ranks));
    return {rank, ranks};
  }

  sampler* source_;
  std::uint64_t last_;
};

inline epoch_range sampler::epochs(std::uint64_t last) & { return {*this, last}; }

}  // namespace tutti::inline TUTTI_ABI
