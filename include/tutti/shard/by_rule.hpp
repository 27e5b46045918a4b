// SPDX-License-Identifier: BSL-1.0
// by_rule, by_dimension, by_expert: each tensor is cut as its name, shape or expert number says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/slots.hpp>
#include <tutti/shard/flat_view.hpp>

namespace tutti::inline TUTTI_ABI {

/// What becomes of one tensor: it is on every rank, on one, or cut evenly along a dimension of its shape, whose last
/// index runs fastest in memory. A tensor without that dimension is on every rank.
struct share {
  [[nodiscard]] static share everywhere() { return {-1, -1}; }
  [[nodiscard]] static share on(int rank) { return {rank, -1}; }
  [[nodiscard]] static share along(int dimension) { return {-1, dimension}; }

  int rank = -1;
  int dimension = -1;
};

namespace detail {

inline void cut_as(cut_tensor& t, share const& wanted, int ranks) {
  auto const p = static_cast<std::size_t>(ranks);
  if (wanted.rank >= ranks)
    throw error(error_kind::config, "tensor '" + t.what.name + "' was given to rank " + std::to_string(wanted.rank) +
                                        " of " + std::to_string(ranks));
  if (wanted.rank >= 0) {
    for (std::size_t q = 0; q <= p; ++q) t.cuts.push_back(q <= static_cast<std::size_t>(wanted.rank) ? 0 : t.extent);
  } else if (wanted.dimension >= 0 && static_cast<std::size_t>(wanted.dimension) < t.what.shape.size()) {
    auto const d = static_cast<std::size_t>(wanted.dimension);
    t.extent = t.what.shape[d];
    for (std::size_t i = d + 1; i < t.what.shape.size(); ++i) t.inner *= t.what.shape[i];
    for (std::size_t q = 0; q <= p; ++q) t.cuts.push_back(even_cut(t.extent, p, q));
  }
}

/// The number behind "`key`." in a name, as the 3 of "layers.0.experts.3.weight"; -1 if there is none.
[[nodiscard]] inline int number_behind(std::string_view name, std::string_view key) {
  while (!name.empty()) {
    auto const word = name.substr(0, name.find('.'));
    name.remove_prefix(word.size() < name.size() ? word.size() + 1 : word.size());
    if (word != key) continue;
    int number = -1;
    for (char const c : name.substr(0, name.find('.'))) {
      if (c < '0' || c > '9' || number > 99'999'999) return -1;
      number = (number < 0 ? 0 : number * 10) + (c - '0');
    }
    return number;
  }
  return -1;
}

}  // namespace detail

/// `by_rule{[](std::string_view name) { return name.ends_with("embedding") ? share::along(0) : share::everywhere(); }}`
template <class F>
struct by_rule {
  static constexpr std::string_view name = "by rule";
  F rule;

  void cut(std::vector<cut_tensor>& layer, int ranks) {
    for (auto& t : layer)
      if (t.what.kind == role::parameter) detail::cut_as(t, rule(std::string_view(t.what.name)), ranks);
  }
};
template <class F>
by_rule(F) -> by_rule<F>;

/// Every tensor evenly along one dimension: 0 for rows, or the words of a vocabulary; 1 for columns.
struct by_dimension {
  static constexpr std::string_view name = "by dimension";
  int dimension = 0;

  void cut(std::vector<cut_tensor>& layer, int ranks) {
    for (auto& t : layer)
      if (t.what.kind == role::parameter) detail::cut_as(t, share::along(dimension), ranks);
  }
};

/// Tensors named "….experts.3.…" are those of expert 3; experts go to ranks in even blocks. All others are on every
/// rank.
struct by_expert {
  static constexpr std::string_view name = "by expert";
  std::string key = "experts";

  void cut(std::vector<cut_tensor>& layer, int ranks) {
    int experts = 0;
    for (auto const& t : layer) {
      int const number = detail::number_behind(t.what.name, key);
      if (number >= experts) experts = number + 1;
    }
    auto const n = static_cast<std::uint64_t>(experts), p = static_cast<std::uint64_t>(ranks);
    for (auto& t : layer) {
      int const number = detail::number_behind(t.what.name, key);
      if (number < 0 || t.what.kind != role::parameter) continue;
      int owner = 0;
      while (detail::even_cut(n, p, static_cast<std::uint64_t>(owner) + 1) <= static_cast<std::uint64_t>(number))
        ++owner;
      detail::cut_as(t, share::on(owner), ranks);
    }
  }
};

}  // namespace tutti::inline TUTTI_ABI
