// SPDX-License-Identifier: BSL-1.0
// ZeRO: data parallel training in which no two ranks keep the same part of the optimiser's memory (stage 1), of the
// gradient (2), of the model (3). Takes any optimiser, and hands each rank's part of the model to it as a model.
//
// Why     Adam's memory is twice the model; P ranks that keep 1/P each train a model as large as all have room for.
// Trace   reduce_scatter of the gradient along the slots; the owner of each part steps it; allgather of the weights at
//         the end of the step (1, 2) or before each use of a layer (3).
// Cost    the bytes of data_parallel's allreduce (1, 2); half as many again (3).
// Limits  an optimiser that looks at the norm of a tensor (lars) gets whole tensors: parts are then less even.
// See     Rajbhandari, Rasley, Ruwase & He 2020 (ZeRO); Zhao et al. 2023 (FSDP).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/data/slots.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/signature.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/shard/by_bytes.hpp>
#include <tutti/shard/by_tensor.hpp>
#include <tutti/shard/flat_view.hpp>
#include <tutti/shard/gather_shards.hpp>
#include <tutti/shard/model_shard.hpp>
#include <tutti/train/kernels.hpp>
#include <tutti/train/owner_rows.hpp>
#include <tutti/train/slot_sums.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// How the model is cut unless it is said: flat, or in whole tensors for an optimiser that says it needs them, by
/// `static constexpr bool whole_tensors = true`.
template <class Optimizer>
struct zero_scheme {
  using type = by_bytes;
};
template <class Optimizer>
requires(static_cast<bool>(Optimizer::whole_tensors)) struct zero_scheme<Optimizer> {
  using type = by_tensor;
};

/// Trains a model of one or more layers; zero<stage>() makes it. A model that is given whole is one layer.
///
/// One step: of each layer, add() its gradients for the step's slots of this rank, as with data_parallel, then
/// reduce() it; then step(). Of one layer, step() does the reduce() too. The weights have the same bits as with
/// data_parallel, the same optimiser and as many slots, on any number of ranks. A layer is begun when the one before
/// is reduced, so that no more than one layer's gradients are held. Not thread safe. All but add() are collective on
/// the communicator, which must outlive this. Misuse throws `config`.
template <int stage, class Optimizer, transport::streams S>
class zero_trainer {
 public:
  static_assert(stage >= 1 && stage <= 3, "tutti: zero has the stages 1, 2 and 3.");

  /// `at(i)`: layer i, by reference or value. Each is asked for once; the one before is let go first.
  template <class At, class Scheme>
  zero_trainer(basic_communicator<S>& comm, int layers, At&& at, Optimizer optimizer, int slots,
               std::span<double const> shares, Scheme scheme)
      : comm_(&comm), optimizer_(std::move(optimizer)), slots_(slots), view_(comm.size(), Scheme::name) {
    if (slots < 1) refuse("slots must be at least 1, not " + std::to_string(slots));
    if (!shares.empty() && shares.size() != static_cast<std::size_t>(comm.size()))
      refuse(std::to_string(shares.size()) + " shares for " + std::to_string(comm.size()) +
             " ranks: give one per rank");
    cuts_ = shares.empty() ? slot_cuts(slots, comm.size()) : slot_cuts(slots, shares);
    parts_.resize(static_cast<std::size_t>(layers));
    for (int i = 0; i < layers; ++i) {
      auto const& layer = at(i);
      detail::for_each_parameter("zero", layer, [](auto const&) {});
      view_.append(signature_of(layer), scheme);
      make_room(i);
      if constexpr (stage == 3) copy_own(i, layer, [](auto& kept, auto const& whole) { kept = whole; });
    }
    for (int i = 0; i < layers; ++i) name_parts(i);
    if constexpr (requires { requires static_cast<bool>(Optimizer::whole_tensors); }) check_whole();
  }
  zero_trainer(zero_trainer const&) = delete;
  zero_trainer& operator=(zero_trainer const&) = delete;
  zero_trainer(zero_trainer&&) noexcept = default;
  zero_trainer& operator=(zero_trainer&&) noexcept = default;

  [[nodiscard]] Optimizer& optimizer() noexcept { return optimizer_; }
  /// Who owns which weight.
  [[nodiscard]] flat_view const& view() const noexcept { return view_; }
  /// This rank's part of the mean gradient: after reduce(), before step().
  [[nodiscard]] model_shard& gradient() noexcept { return gradient_; }
  [[nodiscard]] int slots() const noexcept { return slots_; }
  /// This rank's weights of a layer, tensor after tensor: what zero_weights saves and loads.
  [[nodiscard]] std::pair<std::span<float>, std::span<double>> kept(int layer) requires(stage == 3) {
    auto& mine = parts_[static_cast<std::size_t>(checked(layer))];
    return {mine.f32.weights, mine.f64.weights};
  }

  /// Contributes slot `slot` of the step to a layer: the sum of the gradients of its samples, and their number (or
  /// weight). Slots of this rank only, in increasing order; those left out count as empty. Copies `gradient`.
  template <class M>
  void add(int layer, int slot, M const& gradient, double weight) {
    begin(layer);
    auto const s = static_cast<std::uint32_t>(slot);
    if (slot < 0 || s < next_ || s >= last())
      refuse("slot " + std::to_string(slot) + " is not the next one of rank " + std::to_string(comm_->rank()) +
             ", which owns those from " + std::to_string(first()) + " up to, not including, " + std::to_string(last()) +
             " and adds them in increasing order");
    if (!(weight >= 0) || math::isinf(weight)) refuse("a weight must be a number, zero or more");
    detail::for_each_cut("zero", view_, layer, gradient, [](auto const&, cut_tensor const&) {});
    fill_up_to(s);
    f32_.start(s, total());
    f64_.start(s, total());
    detail::for_each_cut("zero", view_, layer, gradient, [&]<class T>(tensor<T> const& t, cut_tensor const& c) {
      using number = std::remove_const_t<T>;
      if constexpr (trainable<number>)
        if (!c.everywhere()) rows<number>().put(c, t.data);
    });
    f32_.finish(weight);
    f64_.finish(weight);
    ++next_;
  }
  template <class M>
  void add(int slot, M const& gradient, double weight) {
    one_layer("add(slot, gradient, weight)");
    add(0, slot, gradient, weight);
  }

  /// Sums a layer's gradient over all ranks, each of which keeps its part of the weighted mean. Returns the sum of the
  /// weights; throws config if that is zero.
  double reduce(int layer, options how = {}) {
    begin(layer);
    if (!agreed_) detail::agree_on_slots("zero", *comm_, slots_, cuts_, how);
    agreed_ = true;
    fill_up_to(last());
    auto& mine = parts_[static_cast<std::size_t>(layer)];
    double weight = 0;
    if (!f32_.empty() || f64_.empty()) weight = f32_.reduce(*comm_, cuts_, std::span(mine.f32.gradient), how);
    if (!f64_.empty()) weight = f64_.reduce(*comm_, cuts_, std::span(mine.f64.gradient), how);
    begun_ = none;
    if (!(weight > 0)) refuse("no rank contributed any weight to this step");
    mine.f32.divide(weight);
    mine.f64.divide(weight);
    mine.reduced = true;
    return weight_ = weight;
  }

  /// Stage 3: fills `to`, of the shapes of that layer, with its weights of now. Buffers in it stay as they are. Call it
  /// before each use of the layer, and let go of the layer after.
  template <class M>
  void gather(int layer, M& to, options how = {}) requires(stage == 3) {
    copy_own(checked(layer), to, [](auto const& kept, auto& whole) { whole = kept; });
    gather_shards(*comm_, view_, to, layer, how);
  }
  template <class M>
  requires(stage == 3 && !std::is_integral_v<M>) void gather(M& to, options how = {}) {
    one_layer("gather(model)");
    gather(0, to, how);
  }

  /// Takes one step and begins the next. Returns the sum of the weights.
  double step(options how = {}) requires(stage == 3) {
    end_reducing(how);
    optimizer_.step(weights_, gradient_);
    return weight_;
  }
  /// As above; then every rank has all weights in `model`, the one that was given whole, the same on every rank.
  template <class M>
  requires(stage < 3 && tutti::TUTTI_ABI::model<M>) double step(M& model, options how = {}) {
    one_layer("step(model)");
    return step([&](int) -> M& { return model; }, how);
  }
  /// As above; `at(i)` is layer i, by reference.
  template <class At>
  requires(stage < 3 && !tutti::TUTTI_ABI::model<At>) double step(At&& at, options how = {}) {
    end_reducing(how);
    weights_.clear();
    for (int i = 0; i < view_.layers(); ++i)
      detail::for_each_cut("zero", view_, i, at(i), [&]<class T>(tensor<T> const& t, cut_tensor const& c) {
        if constexpr (trainable<T>)
          for_each_own_run(c, [&](std::size_t begin, std::size_t end) {
            weights_.add(c.what.name, t.data.subspan(begin, end - begin));
          });
      });
    optimizer_.step(weights_, gradient_);
    for (int i = 0; i < view_.layers(); ++i) gather_shards(*comm_, view_, at(i), i, how);
    return weight_;
  }

 private:
  static constexpr int none = -1;

  template <class T>
  struct numbers {
    std::vector<T> weights{};   ///< stage 3
    std::vector<T> gradient{};  ///< and its weight behind it
    void divide(double weight) {
      T const by = static_cast<T>(weight);
      for (std::size_t i = 0; i + detail::owner_rows<T, S>::extra < gradient.size(); ++i) gradient[i] /= by;
    }
  };
  /// What this rank keeps of a layer.
  struct part {
    numbers<float> f32{};
    numbers<double> f64{};
    bool reduced = false;
    template <class T>
    [[nodiscard]] numbers<T>& of() noexcept {
      if constexpr (std::is_same_v<T, float>) {
        return f32;
      } else {
        return f64;
      }
    }
  };

  [[noreturn]] static void refuse(std::string const& why) { throw error(error_kind::config, "zero: " + why); }
  void one_layer(char const* call) const {
    if (view_.layers() != 1)
      refuse(std::string(call) + " is for a model given whole; this one has " + std::to_string(view_.layers()) +
             " layers: name the layer");
  }
  [[nodiscard]] int checked(int layer) const {
    if (layer < 0 || layer >= view_.layers())
      refuse("layer " + std::to_string(layer) + " of " + std::to_string(view_.layers()));
    return layer;
  }
  [[nodiscard]] std::uint32_t first() const { return cuts_[static_cast<std::size_t>(comm_->rank())]; }
  [[nodiscard]] std::uint32_t last() const { return cuts_[static_cast<std::size_t>(comm_->rank()) + 1]; }
  [[nodiscard]] std::uint32_t total() const noexcept { return static_cast<std::uint32_t>(slots_); }
  template <class T>
  [[nodiscard]] auto& rows() noexcept {
    if constexpr (std::is_same_v<T, float>) {
      return f32_;
    } else {
      return f64_;
    }
  }
  template <class F>
  void for_each_own_run(cut_tensor const& c, F&& f) const {
    if (!c.everywhere()) c.for_each_run(comm_->rank(), f);
  }

  void check_whole() const {
    for (cut_tensor const& c : view_.tensors())
      for (int r = 0; r < view_.ranks(); ++r)
        if (c.count(r) != 0 && c.count(r) != c.size)
          refuse("this optimiser needs whole tensors, and '" + c.what.name + "' would lie on several ranks: cut the " +
                 "model by_tensor{}");
  }
  void make_room(int layer) {
    f32_.begin(view_, layer);
    f64_.begin(view_, layer);
    auto& mine = parts_[static_cast<std::size_t>(layer)];
    make_room(mine.f32, f32_.count(comm_->rank()));
    make_room(mine.f64, f64_.count(comm_->rank()));
  }
  template <class T>
  static void make_room(numbers<T>& of, std::size_t n) {
    if constexpr (stage == 3) of.weights.resize(n - detail::owner_rows<T, S>::extra);
    of.gradient.resize(n);
  }
  /// The gradient's part, and in stage 3 the weights', as models for the optimiser.
  void name_parts(int layer) {
    auto& mine = parts_[static_cast<std::size_t>(layer)];
    std::size_t floats = 0;
    std::size_t doubles = 0;
    for (std::size_t i = view_.first_of(layer); i < view_.first_of(layer + 1); ++i) {
      cut_tensor const& c = view_.tensors()[i];
      for_each_own_run(c, [&](std::size_t begin, std::size_t end) {
        if (c.what.element == element_code<float>())
          name_run(c, mine.f32, floats, end - begin);
        else
          name_run(c, mine.f64, doubles, end - begin);
      });
    }
  }
  template <class T>
  void name_run(cut_tensor const& c, numbers<T>& mine, std::size_t& at, std::size_t n) {
    gradient_.add(c.what.name, std::span(mine.gradient).subspan(at, n));
    if constexpr (stage == 3) weights_.add(c.what.name, std::span(mine.weights).subspan(at, n));
    at += n;
  }
  /// copy(kept, whole) for every weight of this rank's in `whole`, which is that layer.
  template <class M, class Copy>
  void copy_own(int layer, M& whole, Copy copy) {
    auto& mine = parts_[static_cast<std::size_t>(layer)];
    std::size_t floats = 0;
    std::size_t doubles = 0;
    detail::for_each_cut("zero", view_, layer, whole, [&]<class T>(tensor<T> const& t, cut_tensor const& c) {
      using number = std::remove_const_t<T>;
      if constexpr (trainable<number>) {
        std::size_t& at = std::is_same_v<number, float> ? floats : doubles;
        auto& kept = mine.template of<number>().weights;
        for_each_own_run(c, [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i) copy(kept[at++], t.data[i]);
        });
      }
    });
  }

  void begin(int layer) {
    if (begun_ == layer) return;
    if (begun_ != none)
      refuse("layer " + std::to_string(begun_) + " was begun and not reduced; reduce it before layer " +
             std::to_string(layer));
    if (parts_[static_cast<std::size_t>(checked(layer))].reduced)
      refuse("layer " + std::to_string(layer) + " was reduced before in this step; end it with step()");
    begun_ = layer;
    next_ = first();
    f32_.begin(view_, layer);
    f64_.begin(view_, layer);
  }
  void fill_up_to(std::uint32_t slot) {  // an empty slot is zeros: the bracket has no holes
    for (; next_ < slot; ++next_) {
      f32_.add_zeros(next_, total());
      f64_.add_zeros(next_, total());
    }
  }
  void end_reducing(options const& how) {
    if (view_.layers() == 1 && !parts_[0].reduced) reduce(0, how);
    for (std::size_t i = 0; i < parts_.size(); ++i)
      if (!parts_[i].reduced) refuse("layer " + std::to_string(i) + " was not reduced in this step");
    for (auto& p : parts_) p.reduced = false;
  }

  basic_communicator<S>* comm_;
  Optimizer optimizer_;
  int slots_;
  std::vector<std::uint32_t> cuts_;  ///< slots of each rank
  flat_view view_;
  std::vector<part> parts_;           ///< by layer
  model_shard weights_, gradient_;    ///< over all layers
  detail::owner_rows<float, S> f32_;  ///< of the layer under way
  detail::owner_rows<double, S> f64_;
  int begun_ = none;        ///< the layer under way
  std::uint32_t next_ = 0;  ///< the slot this rank adds next
  bool agreed_ = false;     ///< all ranks have said that they have as many slots
  double weight_ = 0;
};

/// For a model that fits a rank whole and is the same on every rank (replicate). `slots` and `shares` as in
/// data_parallel; `scheme` cuts the model, as in partition_model(). Then, each step: `z.add(slot, gradient, weight)`
/// for this rank's slots, and `z.step(model)`.
template <int stage, transport::streams S, class M, class Optimizer,
          class Scheme = typename zero_scheme<Optimizer>::type>
requires(stage == 1 || stage == 2)
    [[nodiscard]] zero_trainer<stage, Optimizer, S> zero(basic_communicator<S>& comm, M& model, Optimizer optimizer,
                                                         int slots = 8, std::span<double const> shares = {},
                                                         Scheme scheme = {}) {
  return {comm, 1, [&](int) -> M& { return model; }, std::move(optimizer), slots, shares, std::move(scheme)};
}
/// For a model of `layers` layers: `at(i)` is layer i, any model. In stages 1 and 2 it returns a reference to where the
/// layer is. In stage 3 it makes the layer, from its shapes and a seed, the same on every rank: only this rank's part
/// of it is kept, and the model never exists whole.
template <int stage, transport::streams S, class At, class Optimizer,
          class Scheme = typename zero_scheme<Optimizer>::type>
requires std::is_invocable_v<At&, int>
[[nodiscard]] zero_trainer<stage, Optimizer, S> zero(basic_communicator<S>& comm, int layers, At&& at,
                                                     Optimizer optimizer, int slots = 8,
                                                     std::span<double const> shares = {}, Scheme scheme = {}) {
  return {comm, layers, std::forward<At>(at), std::move(optimizer), slots, shares, std::move(scheme)};
}

}  // namespace tutti::inline TUTTI_ABI
