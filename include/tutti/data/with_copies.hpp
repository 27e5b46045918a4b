// SPDX-License-Identifier: BSL-1.0
// Copies of every item on the next ranks, and who serves what when ranks are gone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/index_iterator.hpp>
#include <tutti/data/partition.hpp>
#include <tutti/data/runs.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// All items stand in a line, the fragment of `origin` first; each survivor serves a run of that line.
template <partition_scheme Scheme>
struct survivors {
  std::string_view name = "survivors";
  partition<Scheme> whole{0, 1, Scheme{}};
  std::uint64_t origin = 0;
  runs fragments{};  // where in the line the items of rank origin + j begin
  runs shares{};     // and where the run begins that rank origin + j serves

  [[nodiscard]] std::uint64_t count(std::uint64_t n, std::uint64_t size, std::uint64_t r) const {
    return shares.count(n, size, place(size, r));
  }
  [[nodiscard]] std::uint64_t owner(std::uint64_t n, std::uint64_t size, std::uint64_t i) const {
    return rank(size, shares.owner(n, size, in_line(size, i)));
  }
  [[nodiscard]] std::uint64_t position(std::uint64_t n, std::uint64_t size, std::uint64_t i) const {
    return shares.position(n, size, in_line(size, i));
  }
  [[nodiscard]] std::uint64_t item(std::uint64_t n, std::uint64_t size, std::uint64_t r, std::uint64_t p) const {
    std::uint64_t const at = shares.item(n, size, place(size, r), p);
    std::uint64_t const fragment = fragments.owner(n, size, at);
    return whole.local(static_cast<int>(rank(size, fragment)))[at - fragments.at(fragment)];
  }
  [[nodiscard]] table_size tables() const {
    return {"O(ranks)", fragments.tables().bytes + shares.tables().bytes};  // beside those of the scheme itself
  }

 private:
  [[nodiscard]] std::uint64_t place(std::uint64_t size, std::uint64_t r) const { return (r + size - origin) % size; }
  [[nodiscard]] std::uint64_t rank(std::uint64_t size, std::uint64_t place) const { return (place + origin) % size; }
  [[nodiscard]] std::uint64_t in_line(std::uint64_t size, std::uint64_t i) const {
    return fragments.at(place(size, static_cast<std::uint64_t>(whole.owner(i)))) + whole.position(i);
  }
};

// Cuts the line among the survivors: fragment j may be served by j, j + 1, …, j + copies - 1, those of them that live.
// Why     the load of the dead rank moves on in small steps, so that everyone takes a part of it (chained
// declustering). Trace   4 ranks of 12 items, rank 0 dead, 2 copies: line 0 1 2 3; rank 1 serves all 12 of rank 0 and 4
// of its own, rank 2
//         the other 8 and 8 of its own, rank 3 the other 4 and its own 12: 16 each.
// Cost    size log n: the least load that fits is found by halves.
// Limits  the largest load is the least possible for two copies; with more, nobody serves across the line's two ends.
// See     Hsiao & DeWitt 1990.
[[nodiscard]] inline std::vector<std::uint64_t> cut_line(runs const& fragments, std::vector<bool> const& alive,
                                                         std::size_t copies) {
  std::size_t const size = alive.size();
  std::vector<std::uint64_t> due(size);  // the line must be served up to here when this rank has had its share
  for (std::size_t f = 0; f < size; ++f) {
    std::size_t last = (std::min)(f + copies, size);
    while (last > f && !alive[last - 1]) --last;
    if (last > f) due[last - 1] = fragments.at(f + 1);
  }
  std::vector<std::uint64_t> cuts(size + 1);
  auto const fits = [&](std::uint64_t load) {
    for (std::size_t j = 0; j < size; ++j) {
      cuts[j + 1] = alive[j] ? (std::min)(cuts[j] + load, fragments.at(j + 1)) : cuts[j];
      if (cuts[j + 1] < due[j]) return false;
    }
    return true;
  };
  std::uint64_t too_little = 0, enough = fragments.at(size);
  if (fits(0)) enough = 0;
  while (enough - too_little > 1) {
    std::uint64_t const middle = too_little + (enough - too_little) / 2;
    (fits(middle) ? enough : too_little) = middle;
  }
  (void)fits(enough);
  return cuts;
}

}  // namespace detail

/// `with_copies<r>(part)`: every item is held by its owner and by the r - 1 ranks that follow, modulo size: what one
/// rank loses, the next ones have. Pure arithmetic, like the partition it is made of.
template <int copies, partition_scheme Scheme>
class replicated_partition {
  static_assert(copies >= 1, "tutti: with_copies<r> holds every item r times; r is at least 1.");

 public:
  /// What rank r holds, its own items first, then those of the rank before it, and so on.
  class held_items {
   public:
    using iterator = detail::index_iterator<held_items>;
    held_items() = default;
    held_items(partition<Scheme> const& part, int r) {
      for (int c = 0; c < copies; ++c)
        parts_[static_cast<std::size_t>(c)] = part.local((r + part.ranks() - c) % part.ranks());
    }
    [[nodiscard]] std::uint64_t size() const {
      std::uint64_t all = 0;
      for (auto const& p : parts_) all += p.size();
      return all;
    }
    /// Needs p < size().
    [[nodiscard]] std::uint64_t operator[](std::uint64_t p) const {
      std::size_t c = 0;
      while (p >= parts_[c].size()) p -= parts_[c++].size();
      return parts_[c][p];
    }
    [[nodiscard]] iterator begin() const { return {*this, 0}; }
    [[nodiscard]] iterator end() const { return {*this, size()}; }

   private:
    std::array<local_items<Scheme>, static_cast<std::size_t>(copies)> parts_{};
  };

  explicit replicated_partition(partition<Scheme> part) : part_(std::move(part)) {
    if (copies > part_.ranks())
      throw error(error_kind::config, std::to_string(copies) + " copies of each item on " +
                                          std::to_string(part_.ranks()) + " ranks; there can be one on each");
  }

  [[nodiscard]] std::uint64_t size() const noexcept { return part_.size(); }
  [[nodiscard]] int ranks() const noexcept { return part_.ranks(); }
  /// Who serves what while all ranks live.
  [[nodiscard]] partition<Scheme> const& primary() const noexcept { return part_; }
  /// The ranks that hold item i, its owner first.
  [[nodiscard]] std::array<int, static_cast<std::size_t>(copies)> holders(std::uint64_t i) const {
    std::array<int, static_cast<std::size_t>(copies)> ranks{};
    int const owner = part_.owner(i);
    for (int c = 0; c < copies; ++c) ranks[static_cast<std::size_t>(c)] = (owner + c) % part_.ranks();
    return ranks;
  }
  [[nodiscard]] held_items held(int r) const {
    (void)part_.count(r);  // checks it
    return {part_, r};
  }

  /// Who serves what without the ranks in `dead`: every item a rank that holds it, with loads as even as copies allow
  /// (for two copies: exactly). The ranks keep their numbers; those of the dead serve nothing. Throws config if all
  /// holders of an item are dead.
  [[nodiscard]] partition<detail::survivors<Scheme>> without(std::vector<int> const& dead) const {
    int const size = part_.ranks();
    std::vector<bool> gone(static_cast<std::size_t>(size));
    for (int r : dead) {
      (void)part_.count(r);  // checks it
      gone[static_cast<std::size_t>(r)] = true;
    }
    auto const is_gone = [&](int r) { return gone[static_cast<std::size_t>(r % size)]; };
    int origin = 0;  // the line is opened at a dead rank behind a living one: nobody could serve across that place
    for (int r = 0; r < size; ++r) {
      int c = 0;
      while (c < copies && is_gone(r + c)) ++c;
      if (c == copies && part_.count(r) > 0)
        throw error(error_kind::config, "the items of rank " + std::to_string(r) + " are lost: all " +
                                            std::to_string(copies) + " ranks that held them are gone");
      if (is_gone(r) && !is_gone(r + size - 1)) origin = r;
    }
    std::vector<std::uint64_t> starts{0};
    std::vector<bool> alive;
    for (int j = 0; j < size; ++j) {
      starts.push_back(starts.back() + part_.count((origin + j) % size));
      alive.push_back(!is_gone(origin + j));
    }
    detail::runs const fragments("fragments", starts);
    auto cuts = dead.empty() ? starts : detail::cut_line(fragments, alive, static_cast<std::size_t>(copies));
    return {part_.size(), size,
            detail::survivors<Scheme>{.whole = part_,
                                      .origin = static_cast<std::uint64_t>(origin),
                                      .fragments = fragments,
                                      .shares = {"survivors", std::move(cuts)}}};
  }

 private:
  partition<Scheme> part_;
};

/// See replicated_partition.
template <int copies, partition_scheme Scheme>
[[nodiscard]] replicated_partition<copies, Scheme> with_copies(partition<Scheme> part) {
  return replicated_partition<copies, Scheme>(std::move(part));
}

}  // namespace tutti::inline TUTTI_ABI
