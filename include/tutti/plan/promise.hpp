// SPDX-License-Identifier: BSL-1.0
// What each collective promises: which rows a rank brings, what they hold at the start, what the output holds at the
// end.
#pragma once

#include <cstdint>
#include <vector>

#include <tutti/plan/plan.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// What is bound to a rank's rows at the start of a collective, and what must be there at the end. A value is the
/// interval of slots it is the fold of, in any order a run around the circle, whose end may lie past the last slot;
/// where data is only moved, the rank it came from; empty = nothing.
class promise {
 public:
  promise(request const& wanted, std::uint32_t size) : wanted_(wanted), size_(size) {}

  [[nodiscard]] bool folds() const noexcept {
    return wanted_.what == collective::reduce || wanted_.what == collective::allreduce ||
           wanted_.what == collective::reduce_scatter || wanted_.what == collective::barrier || prefixes();
  }
  /// Rank r ends with the fold of the ranks up to r, or below it.
  [[nodiscard]] bool prefixes() const noexcept {
    return wanted_.what == collective::scan || wanted_.what == collective::exscan;
  }
  /// There is a block for every pair of ranks: block s * size + d goes from s to d.
  [[nodiscard]] bool pairs() const noexcept { return wanted_.what == collective::alltoall; }
  /// Whether slots may be combined in any order; a barrier has no result that could tell.
  [[nodiscard]] bool any_order() const noexcept {
    return wanted_.order == tutti::TUTTI_ABI::order::any || may_repeat();
  }
  /// Whether a slot may be combined more than once: who has come may be counted twice.
  [[nodiscard]] bool may_repeat() const noexcept { return wanted_.what == collective::barrier; }
  /// Whether what the output must hold differs from part to part.
  [[nodiscard]] bool by_part() const noexcept {
    return wanted_.what == collective::gather || wanted_.what == collective::allgather || pairs();
  }
  [[nodiscard]] std::uint32_t slots() const noexcept { return wanted_.cuts.empty() ? size_ : wanted_.cuts.back(); }
  /// How many slots the bracket spans along which `joined` is folded: a prefix has a bracket of its own.
  [[nodiscard]] std::uint32_t bracket(interval joined) const noexcept { return prefixes() ? joined.last : slots(); }

  /// The values of the input rows of rank r, and the parts they span.
  [[nodiscard]] std::vector<interval> input(std::uint32_t r) const {
    if (folds() && !wanted_.cuts.empty()) return partials({wanted_.cuts[r], wanted_.cuts[r + 1]}, slots());
    bool const has = wanted_.what == collective::scatter
                         ? r == root()
                         : wanted_.what == collective::gather || wanted_.what == collective::allgather ||
                               wanted_.what == collective::reduce_scatter || pairs();
    return has ? std::vector<interval>{{r, r + 1}} : std::vector<interval>{};
  }
  /// The value of part q of an input row of rank r whose value is `row`.
  [[nodiscard]] interval input_at(interval row, std::uint32_t r, std::uint32_t q) const noexcept {
    return pairs() ? interval{r * size_ + q, r * size_ + q + 1} : row;
  }
  [[nodiscard]] interval input_parts(std::uint32_t r) const noexcept {
    bool const one = wanted_.what == collective::gather || wanted_.what == collective::allgather;
    return one ? interval{r, r + 1} : interval{0, size_};
  }
  [[nodiscard]] interval output_parts(std::uint32_t r) const noexcept {
    if (wanted_.what == collective::scatter || wanted_.what == collective::reduce_scatter) return {r, r + 1};
    if (wanted_.what == collective::gather && r != root()) return {0, 0};
    return {0, size_};
  }
  [[nodiscard]] interval output_before(std::uint32_t r) const noexcept {
    if (wanted_.what == collective::broadcast) return r == root() ? interval{r, r + 1} : interval{};
    bool const in_place = folds() && wanted_.what != collective::reduce_scatter && wanted_.cuts.empty();
    return in_place ? interval{r, r + 1} : interval{};
  }
  [[nodiscard]] interval output_after(std::uint32_t r, std::uint32_t part) const noexcept {
    if (wanted_.what == collective::reduce && r != root()) return output_before(r);
    if (wanted_.what == collective::exscan && r == 0) return output_before(r);
    if (prefixes()) return {0, wanted_.what == collective::scan ? r + 1 : r};
    if (pairs()) return {part * size_ + r, part * size_ + r + 1};
    if (folds()) return {0, slots()};
    bool const from_root = wanted_.what == collective::broadcast || wanted_.what == collective::scatter;
    return from_root ? interval{root(), root() + 1} : interval{part, part + 1};
  }

 private:
  [[nodiscard]] std::uint32_t root() const noexcept { return static_cast<std::uint32_t>(wanted_.root); }
  request const& wanted_;
  std::uint32_t size_;
};

}  // namespace tutti::inline TUTTI_ABI::plan
