// SPDX-License-Identifier: BSL-1.0
// Who owns which item: n items over the ranks by a scheme, without communication, the same answer on every rank.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/block.hpp>
#include <tutti/data/cyclic.hpp>
#include <tutti/data/index_iterator.hpp>

namespace tutti::inline TUTTI_ABI {

/// A scheme is four pure functions of (n, size), inverse to one another: `item(r, position(i)) == i` where r =
/// owner(i), and positions of rank r run from 0 to count(r) - 1. Every item has exactly one owner. It is copied into
/// every view and iterator: what needs tables shares them. `tables()` then says how large they are, for explain().
template <class S>
concept partition_scheme = std::copyable<S> && requires(S const& s, std::uint64_t n) {
  { s.name } -> std::convertible_to<std::string_view>;
  { s.count(n, n, n) } -> std::same_as<std::uint64_t>;     // (n, size, rank)
  { s.owner(n, n, n) } -> std::same_as<std::uint64_t>;     // (n, size, item)
  { s.position(n, n, n) } -> std::same_as<std::uint64_t>;  // (n, size, item)
  { s.item(n, n, n, n) } -> std::same_as<std::uint64_t>;   // (n, size, rank, position)
};

/// A description of a scheme, from which `prepare(n, size)` computes it once, when a partition is made. Throws `config`
/// where it does not fit n items or `size` ranks.
template <class D>
concept scheme_description = requires(D const& d, std::uint64_t n) {
  { d.prepare(n, n) } -> partition_scheme;
};

/// The items of one rank, in increasing position: a random-access range of 64-bit indices, computed, never stored.
template <partition_scheme Scheme>
class local_items {
 public:
  using iterator = detail::index_iterator<local_items>;

  local_items() = default;
  local_items(std::uint64_t n, std::uint64_t ranks, std::uint64_t rank, Scheme scheme)
      : scheme_(std::move(scheme)), n_(n), ranks_(ranks), rank_(rank) {}

  [[nodiscard]] std::uint64_t size() const { return scheme_.count(n_, ranks_, rank_); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  /// Needs position < size().
  [[nodiscard]] std::uint64_t operator[](std::uint64_t position) const {
    return scheme_.item(n_, ranks_, rank_, position);
  }
  [[nodiscard]] iterator begin() const { return {*this, 0}; }
  [[nodiscard]] iterator end() const { return {*this, size()}; }

 private:
  Scheme scheme_{};
  std::uint64_t n_ = 0;
  std::uint64_t ranks_ = 1;
  std::uint64_t rank_ = 0;
};

/// `partition(n, size, block{})`: n items over `size` ranks. n may be smaller than size, or 0. Time and memory are the
/// scheme's: constant for block and cyclic, and explain() tells the others'. Arguments out of range throw
/// `error_kind::config`.
template <partition_scheme Scheme>
class partition {
 public:
  partition(std::uint64_t n, int size, Scheme scheme)
      : scheme_(std::move(scheme)), n_(n), ranks_(static_cast<int>(at_least_one(size))) {}
  template <scheme_description Description>
  partition(std::uint64_t n, int size, Description const& description)
      : partition(n, size, description.prepare(n, at_least_one(size))) {}

  /// The number of all items, n.
  [[nodiscard]] std::uint64_t size() const noexcept { return n_; }
  [[nodiscard]] int ranks() const noexcept { return ranks_; }

  /// The rank that holds item i.
  [[nodiscard]] int owner(std::uint64_t i) const {
    check_item(i);
    return static_cast<int>(scheme_.owner(n_, ranks64(), i));
  }
  /// Where its owner holds item i: `local(owner(i))[position(i)] == i`.
  [[nodiscard]] std::uint64_t position(std::uint64_t i) const {
    check_item(i);
    return scheme_.position(n_, ranks64(), i);
  }
  /// How many items rank r holds.
  [[nodiscard]] std::uint64_t count(int r) const { return scheme_.count(n_, ranks64(), checked(r)); }
  /// The items of rank r.
  [[nodiscard]] local_items<Scheme> local(int r) const { return {n_, ranks64(), checked(r), scheme_}; }

  /// The ranks that hold copies of item i, its owner first: for schemes that place several.
  [[nodiscard]] auto holders(std::uint64_t i) const requires requires(Scheme const& s) { s.holders(i, i, i); }
  {
    check_item(i);
    return scheme_.holders(n_, ranks64(), i);
  }
  [[nodiscard]] Scheme const& scheme() const noexcept { return scheme_; }

  /// "1003 items over 4 ranks, block: 251 251 251 250"; beyond eight ranks the rest is "...". Where memory grows with
  /// the items or the ranks, it is said behind that: "; memory O(n), 12036 bytes".
  [[nodiscard]] std::string explain() const {
    std::string text = std::to_string(n_) + " items over " + std::to_string(ranks_) + " ranks, ";
    text.append(std::string_view(scheme_.name)).append(":");
    for (int r = 0; r < ranks_ && r < 8; ++r) text.append(" ").append(std::to_string(count(r)));
    if (ranks_ > 8) text += " ...";
    if constexpr (requires { scheme_.tables(); }) {
      auto const tables = scheme_.tables();
      text.append("; memory ").append(tables.growth).append(", ").append(std::to_string(tables.bytes)).append(" bytes");
    }
    return text;
  }

 private:
  [[nodiscard]] static std::uint64_t at_least_one(int size) {
    if (size < 1) throw error(error_kind::config, "a partition over " + std::to_string(size) + " ranks");
    return static_cast<std::uint64_t>(size);
  }
  [[nodiscard]] std::uint64_t ranks64() const noexcept { return static_cast<std::uint64_t>(ranks_); }
  [[nodiscard]] std::uint64_t checked(int r) const {
    if (r < 0 || r >= ranks_) {
      throw error(error_kind::config, "rank " + std::to_string(r) + " in a partition over " + std::to_string(ranks_));
    }
    return static_cast<std::uint64_t>(r);
  }
  void check_item(std::uint64_t i) const {
    if (i >= n_) {
      throw error(error_kind::config, "item " + std::to_string(i) + " in a partition of " + std::to_string(n_));
    }
  }

  Scheme scheme_;
  std::uint64_t n_;
  int ranks_;
};

/// Anything that knows, without communication, the owner and place of each of size() items over ranks() ranks.
template <class P>
concept index_partition = requires(P const& p, std::uint64_t i, int r) {
  { p.size() } -> std::same_as<std::uint64_t>;
  { p.ranks() } -> std::same_as<int>;
  { p.owner(i) } -> std::same_as<int>;
  { p.position(i) } -> std::same_as<std::uint64_t>;
  { p.count(r) } -> std::same_as<std::uint64_t>;
  { p.local(r)[i] } -> std::same_as<std::uint64_t>;
};

template <scheme_description D>
partition(std::uint64_t, int, D const&)
    -> partition<decltype(std::declval<D const&>().prepare(std::uint64_t{}, std::uint64_t{}))>;

}  // namespace tutti::inline TUTTI_ABI
