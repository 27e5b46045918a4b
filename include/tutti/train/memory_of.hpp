// SPDX-License-Identifier: BSL-1.0
// What an optimiser remembers of each weight, seen as tensors with the names and places of the model's, so that a
// checkpoint puts the memory of a split model together as it does the model.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

#include <tutti/core/version.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/shard/part.hpp>
#include <tutti/shard/placement.hpp>
#include <tutti/train/kernels.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// Walks a model, and hands to `visit` under each parameter's name the numbers that belong to it.
template <class Visit>
class memory_walk {
 public:
  memory_walk(per_weight& memory, Visit& visit) : memory_(memory), visit_(visit) {}

  template <class M>
  void enter(std::string_view, tier) const {}
  template <class M>
  requires is_part<std::remove_cv_t<M>>
  bool take(std::string_view name, M& m) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(m.data())>>;
    if constexpr (trainable<T>) visit_(name, checkpoint::part<T>(next<T>(m.size()), m.whole(), m.which()));
    return true;
  }
  template <class T, class... Places>
  bool take(std::string_view name, placed<T, Places...>& x) {
    auto mine = part_of(x);
    return take(name, mine);
  }
  template <class T>
  void leaf(tensor<T> const& t) {
    if constexpr (trainable<T>)
      if (t.kind == role::parameter) visit_(t.name, next<T>(t.data.size()));
  }

 private:
  template <class T>
  [[nodiscard]] std::span<T> next(std::size_t n) {
    std::size_t& at = std::is_same_v<T, float> ? floats_ : doubles_;
    std::size_t const begin = at;
    at += n;
    return std::span<T>(memory_.of<T>()).subspan(begin, n);
  }

  per_weight& memory_;
  Visit& visit_;
  std::size_t floats_ = 0;
  std::size_t doubles_ = 0;
};

}  // namespace detail

/// A view of a model and of one of its optimiser's memories: a model of its own. See memory_of.
template <class Model>
class memory_view {
 public:
  memory_view(Model& model, per_weight& memory) noexcept : model_(&model), memory_(&memory) {}

  friend void tutti_visit(memory_view& m, auto&& v) {
    detail::fit("memory_of", *m.memory_, *m.model_, m.memory_->f32.empty() && m.memory_->f64.empty());
    detail::memory_walk out(*m.memory_, v);
    detail::walker walk(out);
    walk.node(*m.model_);
  }

 private:
  Model* model_;
  per_weight* memory_;
};

/// `memory_of(model, optimizer.mean)`: to be saved beside the model, and loaded by any number of ranks. A memory that
/// is still empty, before the first step, becomes zeros. Both must live as long as the view is used.
template <class Model>
[[nodiscard]] memory_view<Model> memory_of(Model& model, per_weight& memory) noexcept {
  return {model, memory};
}

}  // namespace tutti::inline TUTTI_ABI
