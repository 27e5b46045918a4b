// SPDX-License-Identifier: BSL-1.0
// What a ZeRO trainer keeps, as a model whose parts say where they belong: so that it can be saved, and loaded by any
// number of ranks, of any stage, or without ZeRO.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/element.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/shard/flat_view.hpp>
#include <tutti/shard/part.hpp>
#include <tutti/train/trainable_tensors.hpp>
#include <tutti/train/zero.hpp>

namespace tutti::inline TUTTI_ABI {
namespace detail {

/// Of all numbers of type T of the model, in order, those that a rank owns.
template <class T>
struct owned_numbers {
  std::uint64_t total = 0;
  std::uint64_t count = 0;
  std::vector<checkpoint::slice> which{};

  owned_numbers(flat_view const& view, int rank) {
    for (cut_tensor const& t : view.tensors()) {
      if (t.everywhere() || t.what.element != element_code<T>()) continue;
      t.for_each_run(rank, [&](std::size_t begin, std::size_t end) {
        std::uint64_t const first = total + begin;
        if (!which.empty() && which.back().first + which.back().run == first)
          which.back() = checkpoint::slice::range(which.back().first, which.back().run + (end - begin));
        else
          which.push_back(checkpoint::slice::range(first, end - begin));
        count += end - begin;
      });
      total += t.size;
    }
  }
};

/// Hands an optimiser on to `v`: what it has per weight as parts of the whole model's, all else as it is.
template <class V>
struct zero_optimizer_walk {
  V& v;
  owned_numbers<float> const& f32;
  owned_numbers<double> const& f64;

  template <class M>
  void enter(std::string_view, tier) const {}
  template <class M>
  bool take(std::string_view name, M& m) const {
    if constexpr (std::is_same_v<M, per_weight>) {
      give(name, ".f32", m.f32, f32);
      give(name, ".f64", m.f64, f64);
      return true;
    }
    return false;
  }
  template <class T>
  void leaf(tensor<T> const& t) const {
    std::vector<std::size_t> const shape(t.shape.begin(), t.shape.end());
    v(t.name, checkpoint::part<T>(t.data, shape, {checkpoint::slice::range(0, t.data.size())}));
  }

 private:
  template <class T>
  void give(std::string_view name, char const* end, std::vector<T>& numbers, owned_numbers<T> const& own) const {
    numbers.resize(static_cast<std::size_t>(own.count));  // zeros before the first step
    v(std::string(name) + end, checkpoint::part<T>(numbers, {static_cast<std::size_t>(own.total)}, own.which, true));
  }
};

}  // namespace detail

/// The optimiser of `z` as it would be in data_parallel: visit it under the optimiser's name,
/// `v("optimizer", tutti::zero_state(world, z))`, in the hook of the state that you save and load.
template <int stage, class Optimizer, transport::streams S>
class zero_state {
 public:
  zero_state(basic_communicator<S> const& comm, zero_trainer<stage, Optimizer, S>& z) : rank_(comm.rank()), z_(&z) {}

  friend void tutti_visit(zero_state& s, auto&& v) {
    detail::owned_numbers<float> const f32(s.z_->view(), s.rank_);
    detail::owned_numbers<double> const f64(s.z_->view(), s.rank_);
    detail::zero_optimizer_walk<std::remove_reference_t<decltype(v)>> out{v, f32, f64};
    detail::walker<decltype(out)> walk(out);
    walk.node(s.z_->optimizer());
  }

 private:
  int rank_;
  zero_trainer<stage, Optimizer, S>* z_;
};

/// The weights that `z` keeps in stage 3, as those of the model under their own names; of several layers, each under
/// its number: `v("model", tutti::zero_weights(world, z))`.
template <class Optimizer, transport::streams S>
class zero_weights {
 public:
  zero_weights(basic_communicator<S> const& comm, zero_trainer<3, Optimizer, S>& z) : rank_(comm.rank()), z_(&z) {}

  friend void tutti_visit(zero_weights& s, auto&& v) {
    flat_view const& view = s.z_->view();
    std::size_t floats = 0;
    std::size_t doubles = 0;
    for (int layer = 0; layer < view.layers(); ++layer) {
      std::string const prefix = view.layers() > 1 ? std::to_string(layer) + "." : "";
      auto const [f32, f64] = s.z_->kept(layer);
      floats = doubles = 0;
      for (std::size_t i = view.first_of(layer); i < view.first_of(layer + 1); ++i) {
        cut_tensor const& t = view.tensors()[i];
        if (t.everywhere()) continue;
        if (t.what.element == element_code<float>())
          give(v, prefix, t, s.rank_, f32, floats);
        else
          give(v, prefix, t, s.rank_, f64, doubles);
      }
    }
  }

 private:
  template <class V, class T>
  static void give(V& v, std::string const& prefix, cut_tensor const& t, int rank, std::span<T> kept, std::size_t& at) {
    std::vector<checkpoint::slice> which;
    std::size_t const n = t.count(rank);
    t.for_each_run(rank, [&](std::size_t begin, std::size_t end) {
      which.push_back(checkpoint::slice::range(begin, end - begin));
    });
    v(prefix + t.what.name, checkpoint::part<T>(kept.subspan(at, n), t.what.shape, std::move(which)));
    at += n;
  }

  int rank_;
  zero_trainer<3, Optimizer, S>* z_;
};

}  // namespace tutti::inline TUTTI_ABI
