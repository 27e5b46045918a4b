// SPDX-License-Identifier: BSL-1.0
// map_reduce: every rank turns its rows into keys with values; equal keys meet on one rank, where their values are
// combined.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tutti/data/by_hash.hpp>
#include <tutti/data/exchange_rows.hpp>
#include <tutti/data/hash_key.hpp>

namespace tutti::inline TUTTI_ABI {

/// A key, and what became of its values.
template <class Key, class Value>
struct key_value {
  Key key{};
  Value value{};
  friend bool operator==(key_value const&, key_value const&) = default;
};

namespace detail {

/// For the table of one rank; what another rank must agree on is hash_key.
struct key_hasher {
  using is_transparent = void;
  template <class K>
  std::size_t operator()(K const& key) const {
    if constexpr (std::convertible_to<K const&, std::string_view>)
      return std::hash<std::string_view>()(key);
    else
      return static_cast<std::size_t>(hash_key(key));
  }
};

/// Keys met so far, each with the combination of its values.
template <class Key, class Value, class Combine>
class combining_table {
 public:
  explicit combining_table(Combine& combine) : combine_(combine) {}

  template <class K>
  void add(K&& key, Value value) {
    if constexpr (std::same_as<std::remove_cvref_t<K>, Key> || std::convertible_to<K const&, std::string_view>) {
      auto const at = find(key);
      if (at == table_.end())
        table_.emplace(Key(std::forward<K>(key)), std::move(value));
      else
        at->second = combine_(std::move(at->second), std::move(value));
    } else {
      add(Key(std::forward<K>(key)), std::move(value));
    }
  }
  [[nodiscard]] std::vector<key_value<Key, Value>> take() {
    std::vector<key_value<Key, Value>> all;
    all.reserve(table_.size());
    while (!table_.empty()) {
      auto node = table_.extract(table_.begin());
      all.push_back({std::move(node.key()), std::move(node.mapped())});
    }
    return all;
  }

 private:
  template <class K>
  auto find(K const& key) {
    if constexpr (std::convertible_to<K const&, std::string_view>)
      return table_.find(std::string_view(key));  // no Key is made to look
    else
      return table_.find(key);
  }

  std::unordered_map<Key, Value, key_hasher, std::equal_to<>> table_;
  Combine& combine_;
};

}  // namespace detail

/// `map_reduce<std::string, std::uint64_t>(world, lines, map, std::plus<>())`. For every local row, map(row, emit)
/// calls emit(key, value) as often as it likes; combine(a, b) makes one value of two. Every key ends on one rank,
/// by_hash::rank(key, size), with the combination of all its values: rank by rank, on each rank in the order they were
/// emitted, so combine must be associative and need not be commutative. Returns the keys of this rank, increasing.
///
/// Collective. Values are combined before they travel: a rank sends each key once. Keys need `==` and `<`, must be
/// sendable; where they are text, emit takes anything that is a std::string_view.
template <class Key, class Value, transport::streams S, class Rows, class Map, class Combine>
requires movable_row<key_value<Key, Value>>
[[nodiscard]] std::vector<key_value<Key, Value>> map_reduce(basic_communicator<S>& comm, Rows const& data, Map map,
                                                            Combine combine, options how = {}) {
  detail::combining_table<Key, Value, Combine> table(combine);
  auto const emit = [&](auto&& key, Value value) { table.add(std::forward<decltype(key)>(key), std::move(value)); };
  for (auto const& row : data) map(row, emit);

  auto leaving = table.take();
  std::vector<int> to;
  to.reserve(leaving.size());
  for (auto const& one : leaving) to.push_back(by_hash::rank(one.key, comm.size()));
  for (auto& one : exchange_rows(comm, std::move(leaving), to, how))
    table.add(std::move(one.key), std::move(one.value));

  auto mine = table.take();
  std::sort(mine.begin(), mine.end(), [](auto const& a, auto const& b) { return a.key < b.key; });
  return mine;
}

}  // namespace tutti::inline TUTTI_ABI
