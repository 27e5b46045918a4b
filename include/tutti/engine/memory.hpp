// SPDX-License-Identifier: BSL-1.0
// Where the bytes of one call lie: the caller's buffers, the plan's scratch rows, and a granule for each intermediate
// fold. Takes a program and a binding, hands down addresses, and does the two verbs that move no bytes between ranks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/engine/fold.hpp>
#include <tutti/engine/program.hpp>
#include <tutti/plan/granule.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// The memory of one call. `offsets[q]` is where part q begins, in bytes, the same on every rank; a buffer holds the
/// parts from the one that begins at its origin. `input_offsets` are the input's own where they differ, else empty.
struct binding {
  std::span<std::uint64_t const> offsets{};
  std::span<std::uint64_t const> input_offsets{};
  std::span<const_bytes const> inputs{};
  std::uint64_t input_origin = 0;
  bytes output{};
  std::uint64_t output_origin = 0;
  std::size_t element_size = 1;
  reducer fold{};

  /// Where part q of a buffer begins.
  [[nodiscard]] std::uint64_t offset(plan::buffer where, std::uint32_t q) const {
    return where == plan::buffer::input && !input_offsets.empty() ? input_offsets[q] : offsets[q];
  }
};

/// Memory that is reused and never initialised.
class arena {
 public:
  arena() = default;
  arena(arena const&) = delete;
  arena& operator=(arena const&) = delete;
  ~arena() { release(); }

  [[nodiscard]] std::byte* reserve(std::size_t n) {
    if (n > size_) {
      release();
      memory_ = new std::byte[n + alignment];
      size_ = n;
    }
    void* start = memory_;
    std::size_t space = size_ + alignment;
    return static_cast<std::byte*>(start == nullptr ? nullptr : std::align(alignment, size_, start, space));
  }
  static constexpr std::size_t alignment = 64;

 private:
  void release() noexcept {
    size_ = 0;
    delete[] std::exchange(memory_, nullptr);
  }

  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
};

/// The memory of the call under way. Kept from call to call: a repeated call allocates nothing.
template <class Use = on_use>
class basic_memory {
  using program = later<tutti::TUTTI_ABI::engine::program, Use>;
  using fold_program = later<tutti::TUTTI_ABI::engine::fold_program, Use>;
  using step = later<plan::step, Use>;
  using binding = later<tutti::TUTTI_ABI::engine::binding, Use>;

 public:
  /// Lays the scratch rows of `p` out for a call bound to `b`, which must outlive the call.
  void bind(program const& p, binding const& b) {
    binding_ = &b;
    granule_ = plan::granule(p.most_sources, b.element_size);
    rows_.resize(p.what.scratch.size());
    std::size_t total = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      auto const& wish = p.what.scratch[i];
      std::uint64_t const origin = b.offsets[wish.first];
      std::uint64_t const extent = b.offsets[wish.last] - origin;
      rows_[i] = {total, origin, wish.window ? (std::min)(extent, std::uint64_t{granule_}) : extent, wish.window};
      total += padded(rows_[i].length);
    }
    temporaries_ = total;
    wide_ = b.fold.wide() ? 2 : 0;
    unit_ = (std::max)(piece / (std::max)(b.element_size, b.fold.accumulator_size), std::size_t{1});
    temporary_ = padded(unit_ * (std::max)(b.element_size, b.fold.accumulator_size));
    scratch_ = arena_.reserve(total + (p.most_temporaries == 0 ? 0 : p.most_temporaries + wide_) * temporary_);
    sources_.resize(p.most_sources);
  }

  /// Bytes that are folded at once, and that a window holds.
  [[nodiscard]] std::size_t granule() const noexcept { return granule_; }

  [[nodiscard]] std::byte const* read_address(plan::block const& b, std::uint64_t at) const {
    if (b.where == plan::buffer::input) return binding_->inputs[b.row].data() + (at - binding_->input_origin);
    return address(b, at);
  }
  [[nodiscard]] std::byte* address(plan::block const& b, std::uint64_t at) const {
    if (b.where == plan::buffer::output) return binding_->output.data() + (at - binding_->output_origin);
    auto const& r = rows_[b.row];
    std::uint64_t const inside = at - r.origin;
    return scratch_ + r.offset + (r.window ? inside % r.length : inside);
  }
  /// How many bytes of a window can be written at `at` when its reader stands at `read`.
  [[nodiscard]] std::uint64_t room(plan::block const& b, std::uint64_t at, std::uint64_t read) const {
    auto const& r = rows_[b.row];
    return (std::min)(r.length - (at - read), r.length - (at - r.origin) % r.length);
  }
  [[nodiscard]] bool is_window(plan::block const& b) const {
    return b.where == plan::buffer::scratch && rows_[b.row].window;
  }

  void copy(step const& s, std::uint64_t at, std::size_t n) const {
    auto const& source = s.sources.front().from;
    std::byte const* const from = read_address(
        source, at - binding_->offset(s.at.where, s.at.first) + binding_->offset(source.where, source.first));
    std::byte* const to = address(s.at, at);
    if (to != from) std::memcpy(to, from, n);
  }
  /// Joins the step's sources along the bracket, for n bytes within one granule: piece by piece, so that intermediate
  /// results never leave the first cache, every source is read once and the result is written once.
  void fold(step const& s, fold_program const& how, std::uint64_t at, std::size_t n) {
    if (how.joins.empty()) return copy(s, at, n);
    for (std::size_t i = 0; i < s.sources.size(); ++i) sources_[i] = read_address(s.sources[i].from, at);
    std::byte* const to = address(s.at, at);
    std::uint64_t const slots = s.sources.back().slots.last - s.sources.front().slots.first;
    std::size_t const count = n / binding_->element_size;
    for (std::size_t i = 0; i < count; i += unit_) {
      std::size_t const m = (std::min)(unit_, count - i);
      if (wide_ == 0)
        fold_piece(how, to, i, m);
      else
        fold_wide(how, to, i, m, slots);
    }
  }

 private:
  struct row {
    std::size_t offset = 0;    // in the arena
    std::uint64_t origin = 0;  // the coordinate of its first byte
    std::uint64_t length = 0;  // a window's is one granule
    bool window = false;
  };
  static constexpr std::size_t piece = std::size_t{2} << 10U;  // of every source, folded at once

  [[nodiscard]] std::byte* temporary(std::size_t i) const { return scratch_ + temporaries_ + i * temporary_; }

  void fold_piece(fold_program const& how, std::byte* to, std::size_t first, std::size_t count) const {
    std::size_t const offset = first * binding_->element_size;
    auto const operand = [&](std::uint32_t i) -> std::byte const* {
      return i < how.sources ? sources_[i] + offset : temporary(i - how.sources);
    };
    for (auto const& j : how.joins)
      binding_->fold.apply(binding_->fold.op,
                           j.result == join::target ? to + offset : temporary(j.result - how.sources), operand(j.left),
                           operand(j.right), count);
  }
  /// As fold_piece, but sources are widened into two temporaries of their own, and the result is narrowed.
  void fold_wide(fold_program const& how, std::byte* to, std::size_t first, std::size_t count,
                 std::uint64_t slots) const {
    std::size_t const offset = first * binding_->element_size;
    reducer const& f = binding_->fold;
    auto const operand = [&](std::uint32_t i, std::size_t spare) -> std::byte const* {
      if (i >= how.sources) return temporary(i - how.sources);
      std::byte* const widened = temporary(how.temporaries + spare);
      f.widen(f.op, widened, sources_[i] + offset, count);
      return widened;
    };
    for (auto const& j : how.joins) {
      std::byte* const out = temporary(j.result == join::target ? 0 : j.result - how.sources);
      f.apply(f.op, out, operand(j.left, 0), operand(j.right, 1), count);
      if (j.result == join::target) f.narrow(f.op, to + offset, out, count, slots);
    }
  }

  static std::size_t padded(std::uint64_t n) noexcept {
    return (static_cast<std::size_t>(n) + arena::alignment - 1) / arena::alignment * arena::alignment;
  }

  binding const* binding_ = nullptr;
  arena arena_;
  std::vector<row> rows_;
  std::size_t granule_ = 0;
  std::vector<later<std::byte const*, Use>> sources_;  // of the fold under way
  std::size_t wide_ = 0;                               // temporaries that widened sources need
  std::size_t unit_ = 0;                               // elements of a piece
  std::size_t temporaries_ = 0;                        // where they begin in the arena
  std::size_t temporary_ = 0;                          // from one to the next
  std::byte* scratch_ = nullptr;
};
using memory = basic_memory<>;

}  // namespace tutti::inline TUTTI_ABI::engine
