// SPDX-License-Identifier: BSL-1.0
// The gradients of one layer's slots, laid out by owner, and their sum, of which every rank gets its own part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tutti/collective/arguments.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/op.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/shard/flat_view.hpp>
#include <tutti/train/slot_sums.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// For numbers of type T. A row is rank 0's part, then rank 1's …; behind each part is the weight as data_parallel
/// sends it, so that every owner learns the whole weight from the same message.
template <class T, class Use>
class owner_rows {
 public:
  static constexpr std::size_t extra = 2;  ///< numbers behind each part

  /// Forgets all rows: those to come are of this layer.
  void begin(flat_view const& view, int layer) {
    auto const p = static_cast<std::size_t>(view.ranks());
    sums_.clear();
    counts_.assign(p, extra);
    for (std::size_t i = view.first_of(layer); i < view.first_of(layer + 1); ++i) {
      cut_tensor const& c = view.tensors()[i];
      if (c.everywhere() || c.what.element != element_code<T>()) continue;
      for (std::size_t q = 0; q < p; ++q) counts_[q] += c.count(static_cast<int>(q));
    }
    begins_.assign(1, 0);
    for (std::uint64_t const n : counts_) begins_.push_back(begins_.back() + static_cast<std::size_t>(n));
  }
  /// The length of rank r's part, `extra` included.
  [[nodiscard]] std::size_t count(int r) const {
    return static_cast<std::size_t>(counts_[static_cast<std::size_t>(r)]);
  }
  /// Whether the layer has no number of this type.
  [[nodiscard]] bool empty() const noexcept { return begins_.back() == extra * counts_.size(); }

  /// Begins slot `slot` of `slots`: put() all tensors in order, then finish().
  void start(std::uint32_t slot, std::uint32_t slots) {
    sums_.open(slot, slots, begins_.back());
    at_.assign(begins_.begin(), begins_.end() - 1);
  }
  void put(cut_tensor const& c, std::span<T const> numbers) {
    for (std::size_t q = 0; q < at_.size(); ++q)
      c.for_each_run(static_cast<int>(q), [&](std::size_t begin, std::size_t end) {
        sums_.put(at_[q], numbers.subspan(begin, end - begin));
        at_[q] += end - begin;
      });
  }
  void finish(double weight) {
    T parts[extra];
    detail::put_weight(parts, weight);
    for (std::size_t const at : at_) sums_.put(at, parts);
    sums_.close();
  }
  /// A slot without samples.
  void add_zeros(std::uint32_t slot, std::uint32_t slots) { sums_.put_zeros(slot, slots, begins_.back()); }

  /// Adds up the rows of all ranks along the bracket over the slots. `mine` becomes this rank's part, its weight
  /// included; returns that. Collective.
  template <transport::streams S>
  double reduce(basic_communicator<S>& comm, std::span<std::uint32_t const> cuts, std::span<T> mine,
                options const& how) {
    auto const inputs = sums_.inputs();
    engine::operation op = detail::reduction_on<T>(plan::collective::reduce_scatter, -1, sum);
    op.count = begins_.back();
    op.counts = counts_;
    op.cuts = cuts;
    op.inputs = inputs;
    op.output = std::as_writable_bytes(mine);
    op.held = comm.rank();
    op.output_is_part = true;
    comm.engine().run(op, how);
    return detail::weight_in(&mine[mine.size() - extra]);
  }

 private:
  slot_sums<T, Use> sums_;
  std::vector<std::uint64_t> counts_;  ///< of each rank's part, `extra` included
  std::vector<std::size_t> begins_, at_;
};

}  // namespace tutti::inline TUTTI_ABI::detail
