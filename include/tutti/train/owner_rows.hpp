// SPDX-License-Identifier: BSL-1.0
// The gradients of one layer's slots, laid out by owner, and their sum, of which every rank gets its own part.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tutti/collective/arguments.hpp>
#include <tutti/core/bytes.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/op.hpp>
#include <tutti/engine/fold.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/plan/bracket.hpp>
#include <tutti/shard/flat_view.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// For numbers of type T. A row is rank 0's part, then rank 1's …; behind each part is the weight as data_parallel
/// sends it, so that every owner learns the whole weight from the same message. Rows are nodes of the bracket over the
/// slots, in order; a slot that is the right half of a node is added to the left one as it comes, without a row of its
/// own, so a rank that owns 2^k slots holds max(k, 1) rows.
template <class T>
class owner_rows {
 public:
  static constexpr std::size_t extra = 2;  ///< numbers behind each part

  /// Forgets all rows: those to come are of this layer.
  void begin(flat_view const& view, int layer) {
    auto const p = static_cast<std::size_t>(view.ranks());
    alive_ = 0;
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
    adding_ = alive_ > 0 && siblings(rows_[alive_ - 1].slots, {slot, slot + 1}, slots);
    if (!adding_) {
      if (alive_ == rows_.size()) rows_.emplace_back();
      rows_[alive_].slots = {slot, slot + 1};
      rows_[alive_].numbers.resize(begins_.back());
      ++alive_;
    } else {
      rows_[alive_ - 1].slots.last = slot + 1;
    }
    at_.assign(begins_.begin(), begins_.end() - 1);
  }
  void put(cut_tensor const& c, std::span<T const> numbers) {
    for (std::size_t q = 0; q < at_.size(); ++q)
      c.for_each_run(static_cast<int>(q),
                     [&](std::size_t begin, std::size_t end) { put(q, numbers.data() + begin, end - begin); });
  }
  void finish(double weight, std::uint32_t slots) {
    double const hi = math::floor(weight / unit);
    T const parts[extra] = {static_cast<T>(hi), static_cast<T>(weight - hi * unit)};
    for (std::size_t q = 0; q < at_.size(); ++q) put(q, parts, extra);
    for (; alive_ >= 2 && siblings(rows_[alive_ - 2].slots, rows_[alive_ - 1].slots, slots); --alive_) {
      auto& left = rows_[alive_ - 2];
      add(left.numbers.data(), rows_[alive_ - 1].numbers.data(), left.numbers.size());
      left.slots.last = rows_[alive_ - 1].slots.last;
    }
  }
  /// A slot without samples.
  void add_zeros(std::uint32_t slot, std::uint32_t slots) {
    start(slot, slots);
    for (T& x : rows_[alive_ - 1].numbers) x = adding_ ? x + T{} : T{};  // a sum makes +0 of -0
    at_.clear();
    finish(0, slots);
  }

  /// Adds up the rows of all ranks along the bracket over the slots. `mine` becomes this rank's part, its weight
  /// included; returns that. Collective.
  template <transport::streams S>
  double reduce(basic_communicator<S>& comm, std::span<std::uint32_t const> cuts, std::span<T> mine,
                options const& how) {
    std::vector<const_bytes> inputs;
    for (std::size_t i = 0; i < alive_; ++i) inputs.push_back(std::as_bytes(std::span(rows_[i].numbers)));
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

  struct row {
    plan::interval slots;
    std::vector<T> numbers;
  };

  /// Whether two neighbouring rows are the halves of a node.
  [[nodiscard]] static bool siblings(plan::interval left, plan::interval right, std::uint32_t slots) {
    plan::interval const both{left.first, right.last};
    return plan::is_node(both, slots) && plan::split_point(both) == left.last;
  }
  static void add(T* to, T const* more, std::size_t n) {
    static auto const sums = engine::make_reducer<T>(sum);
    auto* const acc = reinterpret_cast<std::byte*>(to);
    sums.apply(sums.op, acc, acc, reinterpret_cast<std::byte const*>(more), n);
  }
  void put(std::size_t part, T const* from, std::size_t n) {
    T* const to = rows_[alive_ - 1].numbers.data() + at_[part];
    if (adding_)
      add(to, from, n);
    else
      std::copy_n(from, n, to);
    at_[part] += n;
  }

  std::vector<row> rows_;
  std::size_t alive_ = 0;
  bool adding_ = false;                ///< to the newest row, not to one of its own
  std::vector<std::uint64_t> counts_;  ///< of each rank's part, `extra` included
  std::vector<std::size_t> begins_, at_;
};

}  // namespace tutti::inline TUTTI_ABI::detail
