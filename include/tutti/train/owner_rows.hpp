// SPDX-License-Identifier: BSL-1.0
// The gradients of one layer's slots, laid out by owner, and their sum, of which every rank gets its own part.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tutti/collective/arguments.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/op.hpp>
#include <tutti/shard/flat_view.hpp>
#include <tutti/train/data_parallel.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// For numbers of type T. A row is rank 0's part, then rank 1's …; behind each part is the weight as data_parallel
/// sends it, so that every owner learns the whole weight from the same message.
template <class T, class Use>
class owner_rows {
 public:
  static constexpr std::size_t extra = 2;  ///< numbers behind each part

  /// Forgets all rows: those to come are of this layer.
  void begin(flat_view const& view, int layer) {
    sums_.clear();
    auto const p = static_cast<std::size_t>(view.ranks());
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

  void add_zeros(std::uint32_t slot, std::uint32_t slots) {
    auto& row = sums_.next(slot, begins_.back());
    std::fill(row.begin(), row.end(), T{});
    sums_.join(slots);
  }
  /// A row for `slot`, to be filled by put() with all tensors in order; counts from finish() on.
  void start(std::uint32_t slot) {
    row_ = sums_.next(slot, begins_.back());
    at_.assign(begins_.begin(), begins_.end() - 1);
  }
  void put(cut_tensor const& c, std::span<T const> numbers) {
    for (std::size_t q = 0; q < at_.size(); ++q)
      c.for_each_run(static_cast<int>(q), [&](std::size_t begin, std::size_t end) {
        std::copy_n(numbers.data() + begin, end - begin, row_.data() + at_[q]);
        at_[q] += end - begin;
      });
  }
  void finish(double weight, std::uint32_t slots) {
    double const hi = math::floor(weight / unit);
    for (std::size_t const at : at_) {
      row_[at] = static_cast<T>(hi);
      row_[at + 1] = static_cast<T>(weight - hi * unit);
    }
    sums_.join(slots);
  }

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
    return static_cast<double>(mine[mine.size() - 2]) * unit + static_cast<double>(mine[mine.size() - 1]);
  }

 private:
  static constexpr double unit = 4096;

  slot_sums<T, Use> sums_;
  std::span<T> row_;
  std::vector<std::uint64_t> counts_;  ///< of each rank's part, `extra` included
  std::vector<std::size_t> begins_, at_;
};

}  // namespace tutti::inline TUTTI_ABI::detail
