// SPDX-License-Identifier: BSL-1.0
// What a rank has in memory of a state to be saved or loaded: one entry per tensor or part of one.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/element.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/encode.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/shard/checkpoint_reader.hpp>
#include <tutti/shard/manifest.hpp>
#include <tutti/shard/part.hpp>

namespace tutti::inline TUTTI_ABI::detail {

static_assert(std::endian::native == std::endian::little, "tutti: checkpoints hold numbers as little-endian hosts do.");

struct state_tensor {
  checkpoint::saved_tensor what;
  std::vector<checkpoint::slice> mine;  ///< which of its numbers lie here, one after another
  bool replicated = false;              ///< all of them, on every rank
  bool growable = false;                ///< a vector, which may still have another length
  bool or_nothing = false;              ///< a part of what may have been saved empty
  std::byte* data = nullptr;

  /// Calls f(slice, where its numbers lie).
  template <class F>
  void each(F f) const {
    std::byte* at = data;
    for (auto const& s : mine) {
      f(s, at);
      at += s.count() * what.width;
    }
  }
};

/// A vector of numbers or of arrays of numbers; not a matrix, not a view.
template <class M>
concept growable_leaf = number_block<M> && !matrix_like<M> && !tensor_like<M> && !std::is_const_v<M>;

/// The tensors of a state, in order. With `lengths`, vectors are first given the length they have there.
class state_collector {
 public:
  explicit state_collector(checkpoint::reader const* lengths = nullptr) : lengths_(lengths) {}

  template <class M>
  void enter(std::string_view, tier) const {}
  template <class M>
  bool take(std::string_view name, M& m) {
    using plain = std::remove_cv_t<M>;
    growable_ = false;
    if constexpr (is_part<plain>) {
      using T = std::remove_const_t<std::remove_pointer_t<decltype(m.data())>>;
      add<T>(name, m.data(), m.whole());
      all.back().mine = m.which();
      all.back().replicated = false;
      all.back().or_nothing = m.or_nothing();
      return true;
    } else if constexpr (requires(plain & open) { part_of(open); }) {  // a placed tensor
      auto mine = part_of(const_cast<plain&>(m));
      return take(name, mine);
    } else if constexpr (contiguous_leaf<plain>) {
      if constexpr (growable_leaf<M>) {
        growable_ = true;
        if (lengths_ != nullptr) fit(name, m);
      }
    }
    return false;
  }
  template <class T>
  void leaf(tensor<T> const& t) {
    add<std::remove_const_t<T>>(t.name, t.data.data(), {t.shape.begin(), t.shape.end()});
    all.back().growable = growable_;
    growable_ = false;
  }

  std::vector<state_tensor> all;

 private:
  template <class T>
  void add(std::string_view name, T const* data, std::vector<std::size_t> shape) {
    state_tensor& t = all.emplace_back();
    t.what = {std::string(name), stored_element<T>(), sizeof(T), std::move(shape)};
    t.mine = {checkpoint::slice::range(0, t.what.size())};
    t.replicated = true;
    t.data = const_cast<std::byte*>(reinterpret_cast<std::byte const*>(data));
  }
  template <class M>
  void fit(std::string_view name, M& m) const {
    if (auto const t = lengths_->find(name)) m.resize(lengths_->tensors()[*t].shape.at(0));
  }

  checkpoint::reader const* lengths_;
  bool growable_ = false;
};

template <class M>
[[nodiscard]] std::vector<state_tensor> tensors_of_state(M& state, checkpoint::reader const* lengths = nullptr) {
  state_collector out(lengths);
  walker<state_collector> walk(out);
  walk.node(state);
  std::vector<std::string_view> names;
  for (auto const& t : out.all) names.push_back(t.what.name);
  std::sort(names.begin(), names.end());
  auto const twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    throw error(error_kind::config, "two tensors of this state have the name '" + std::string(*twice) + "'");
  return std::move(out.all);
}

}  // namespace tutti::inline TUTTI_ABI::detail
