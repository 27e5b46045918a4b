// SPDX-License-Identifier: BSL-1.0
// The partial sums that a rank holds of a step cut into slots, and what all ranks must agree on before they add them
// up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/arguments.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/op.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/plan/bracket.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// All numbers of one type of a gradient in one row, behind them the weight in two parts: hi * 4096 + lo, both exact
/// for whole weights below 2^36 even where T is float.
template <class T>
using flat = std::vector<T>;

/// The partial sums a rank holds during one step: nodes of the canonical bracket, in slot order. Adding the next slot
/// joins what can be joined, so few rows are alive (of all slots log2, of some at most twice as many), and they are
/// what the plan expects.
template <class T, class Use>
class slot_sums {
 public:
  /// A row for `slot`, to be filled by the caller; it counts from the next join() on.
  flat<T>& next(std::uint32_t slot, std::size_t numbers) {
    if (alive_ == rows_.size()) rows_.emplace_back();
    row& r = rows_[alive_];
    r.slots = {slot, slot + 1};
    r.numbers.resize(numbers);
    return r.numbers;
  }
  /// Takes the row of next(); joins the newest rows as far as they are siblings in the bracket over `total` slots and
  /// both owned.
  void join(std::uint32_t total) {
    ++alive_;
    while (alive_ >= 2) {
      row& left = rows_[alive_ - 2];
      row const& right = rows_[alive_ - 1];
      plan::interval const both{left.slots.first, right.slots.last};
      if (!plan::is_node(both, total) || plan::split_point(both) != left.slots.last) return;
      std::byte* const acc = reinterpret_cast<std::byte*>(left.numbers.data());
      auto const add = engine::make_reducer<T>(sum);
      add.apply(add.op, acc, acc, reinterpret_cast<std::byte const*>(right.numbers.data()), left.numbers.size());
      left.slots = both;
      --alive_;
    }
  }
  /// The same without a row for a slot that is joined at once: open it, put() each of its numbers once, and close() it.
  /// They go through all joins chunk by chunk, so that every row is read once.
  void open(std::uint32_t slot, std::uint32_t total, std::size_t numbers) {
    joined_ = {slot, slot + 1};
    target_ = alive_;
    for (; target_ > 0; --target_) {
      plan::interval const left = rows_[target_ - 1].slots;
      plan::interval const both{left.first, joined_.last};
      if (!plan::is_node(both, total) || plan::split_point(both) != left.last) break;
      joined_ = both;
    }
    if (target_ == alive_) next(slot, numbers);
  }
  void put(std::size_t at, std::span<T const> from) {
    if (target_ == alive_) {
      std::copy(from.begin(), from.end(), rows_[alive_].numbers.begin() + static_cast<std::ptrdiff_t>(at));
      return;
    }
    auto const add = engine::make_reducer<T>(sum);
    T scratch[chunk];
    for (std::size_t done = 0; done < from.size(); done += chunk) {
      std::size_t const n = (std::min)(chunk, from.size() - done);
      T const* right = from.data() + done;
      for (std::size_t r = alive_; r-- > target_; right = scratch) {
        T* const left = rows_[r].numbers.data() + at + done;
        add.apply(add.op, reinterpret_cast<std::byte*>(r == target_ ? left : scratch),
                  reinterpret_cast<std::byte const*>(left), reinterpret_cast<std::byte const*>(right), n);
      }
    }
  }
  void close() {
    if (target_ < alive_) rows_[target_].slots = joined_;
    alive_ = target_ + 1;
  }
  /// A slot of zeros: the bracket has no holes.
  void put_zeros(std::uint32_t slot, std::uint32_t total, std::size_t numbers) {
    T const zeros[chunk]{};
    open(slot, total, numbers);
    for (std::size_t at = 0; at < numbers; at += chunk)
      put(at, std::span<T const>(zeros, (std::min)(chunk, numbers - at)));
    close();
  }

  [[nodiscard]] std::vector<const_bytes> inputs() const {
    std::vector<const_bytes> all;
    for (std::size_t i = 0; i < alive_; ++i) all.push_back(std::as_bytes(std::span(rows_[i].numbers)));
    return all;
  }
  void clear() noexcept { alive_ = 0; }

 private:
  static constexpr std::size_t chunk = 4096 / sizeof(T);  // stays in the nearest cache

  struct row {
    plan::interval slots;
    flat<T> numbers;
  };
  std::vector<row> rows_;
  std::size_t alive_ = 0;
  plan::interval joined_{};  ///< what the open slot will be part of
  std::size_t target_ = 0;   ///< the row it goes to; alive_: one of its own
};

/// A weight in two numbers of T, exact for whole weights below 2^36 even where T is float, however many are added up.
inline constexpr double weight_part = 4096;
template <class T>
void put_weight(T* to, double weight) {
  if (!(weight >= 0) || math::isinf(weight))
    throw error(error_kind::config, "data_parallel: a weight must be a number, zero or more");
  double const hi = math::floor(weight / weight_part);
  to[0] = static_cast<T>(hi);
  to[1] = static_cast<T>(weight - hi * weight_part);
}
template <class T>
[[nodiscard]] double weight_in(T const* from) noexcept {
  return static_cast<double>(from[0]) * weight_part + static_cast<double>(from[1]);
}
/// Of the sum over all ranks.
template <class = on_use>
void check_weight(double weight) {
  if (!(weight > 0)) throw error(error_kind::config, "data_parallel: no rank contributed any weight to this step");
}

/// Adds up over all ranks what `inputs` say of the slots given by `cuts`, or, without, the `total` of each rank.
template <class T, transport::streams S>
void add_up(basic_communicator<S>& comm, std::span<const_bytes const> inputs, flat<T>& total,
            std::span<std::uint32_t const> cuts, options const& how) {
  engine::operation op = detail::reduction_on<T>(plan::collective::allreduce, -1, sum);
  op.count = total.size();
  op.inputs = inputs;
  op.cuts = cuts;
  op.output = std::as_writable_bytes(std::span(total));
  comm.engine().run(op, how);
}

/// Collective: other cuts may still fit each other, and would sum other samples.
template <transport::streams S>
void agree_on_slots(char const* who, basic_communicator<S>& comm, int slots, std::vector<std::uint32_t> const& cuts,
                    options const& how) {
  fnv1a hash;
  for (std::uint32_t const cut : cuts) hash.add(std::uint64_t{cut});
  int const owners = static_cast<int>(hash.value() >> 33U);
  int most_and_least[4] = {slots, -slots, owners, -owners};
  allreduce(comm, most_and_least, max, how);
  if (most_and_least[0] != -most_and_least[1])
    throw error(error_kind::config, std::string(who) + ": one rank cuts the step into " +
                                        std::to_string(-most_and_least[1]) + " slots, another into " +
                                        std::to_string(most_and_least[0]));
  if (most_and_least[2] != -most_and_least[3])
    throw error(error_kind::config, std::string(who) + ": the ranks were given different shares: give all the same");
}

template <class = on_use>
[[noreturn]] void refuse_slot(int slot, int rank, std::uint32_t first, std::uint32_t last) {
  bool const none = first == last;
  throw error(error_kind::config,
              "data_parallel: slot " + std::to_string(slot) + " is not the next one of rank " + std::to_string(rank) +
                  ", which owns " +
                  (none ? "none" : "slots " + std::to_string(first) + " to " + std::to_string(last - 1)) +
                  " and adds them in increasing order");
}

}  // namespace tutti::inline TUTTI_ABI::detail
