// SPDX-License-Identifier: BSL-1.0
// First weights, each a function of seed, name and place in the whole tensor. Receives any model, whole or in parts,
// and fills it without communication.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/moments.hpp>
#include <tutti/data/permutation.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/shard/placement.hpp>
#include <tutti/train/kernels.hpp>

namespace tutti::inline TUTTI_ABI::init {

/// How many numbers flow into and out of a unit of a layer.
struct fan {
  double in = 0;
  double out = 0;

  /// Of weights that are inputs x outputs x whatever else (a kernel's extent counts in both): dimension 0 is `in`.
  [[nodiscard]] static fan of(std::span<std::size_t const> shape) noexcept {
    double rest = 1;
    for (std::size_t d = 2; d < shape.size(); ++d) rest *= static_cast<double>(shape[d]);
    return {static_cast<double>(shape[0]) * rest, static_cast<double>(shape[1]) * rest};
  }
};

namespace detail {

struct he_limit {
  [[nodiscard]] static double of(fan f) noexcept { return math::sqrt(6 / f.in); }
};
struct xavier_limit {
  [[nodiscard]] static double of(fan f) noexcept { return math::sqrt(6 / (f.in + f.out)); }
};
struct no_limit {
  [[nodiscard]] static double of(fan) noexcept { return 0; }
};

[[noreturn]] inline void refuse(std::string_view name) {
  throw error(error_kind::config, "init: tensor '" + std::string(name) + "' holds neither float nor double");
}

}  // namespace detail

/// Uniform numbers in [-limit, limit), the limit being a function of the fan. Weight i of tensor `name` is the same
/// number on every rank and platform, whatever part of the tensor is filled and in which order.
template <class Limit>
struct uniform {
  std::uint64_t seed = 0;
  bool outputs_first = false;  ///< weights are outputs x inputs, as in PyTorch

  /// Weight i, counted row by row, of the tensor `name`.
  [[nodiscard]] double at(std::string_view name, double limit, std::uint64_t i) const noexcept {
    std::uint64_t const key = mix(fnv1a().add(name).value() ^ mix(seed + golden));
    return (static_cast<double>(mix(key + i * golden) >> 11U) * 0x1p-52 - 1) * limit;
  }

  /// Every parameter of two or more dimensions, under its name in the model; of fewer (biases, scales) become zeros.
  /// Of placed tensors the part that is here. Throws config for parameters that are neither float nor double.
  template <class Model>
  void fill(Model& model) const {
    filler out{*this};
    tutti::TUTTI_ABI::detail::walker walk(out);
    walk.node(model);
  }
  /// One tensor, or the part of it that is here, under a name of the caller's.
  template <trainable T, class... Places>
  void fill(std::string_view name, placed<T, Places...>& x) const {
    fill(name, std::span<T>(x.data(), x.size()), x.shape(),
         [&](std::size_t i) { return x.layout().index_in_whole(i); });
  }
  /// `weights`, which are those from number `first` on of a tensor of that fan.
  template <trainable T>
  void fill(std::string_view name, std::span<T> weights, fan of, std::uint64_t first = 0) const {
    double const limit = Limit::of(outputs_first ? fan{of.out, of.in} : of);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<T>(at(name, limit, first + i));
  }

 private:
  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;  // 2^64 / the golden ratio
  [[nodiscard]] static constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    return tutti::TUTTI_ABI::detail::mix64(x);
  }

  template <class T, class Index>
  void fill(std::string_view name, std::span<T> weights, std::span<std::size_t const> shape, Index index) const {
    double limit = 0;
    if (shape.size() >= 2) {
      fan const of = fan::of(shape);
      limit = Limit::of(outputs_first ? fan{of.out, of.in} : of);
    }
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] = limit == 0 ? T{0} : static_cast<T>(at(name, limit, index(i)));
  }

  struct filler {
    uniform const& how;
    template <class M>
    void enter(std::string_view, tier) const {}
    template <class T, class... Places>
    bool take(std::string_view name, placed<T, Places...>& x) const {
      if constexpr (trainable<T>) how.fill(name, x);
      return true;
    }
    template <class T>
    void leaf(tensor<T> const& t) const {
      if (t.kind != role::parameter) return;
      if constexpr (trainable<T>) {
        how.fill(t.name, t.data, t.shape, [](std::size_t i) { return i; });
      } else {
        detail::refuse(t.name);
      }
    }
  };
};

/// For layers with a relu behind them: activations keep their mean square. He, Zhang, Ren & Sun 2015.
using he = uniform<detail::he_limit>;
/// For layers with tanh or nothing behind them. Glorot & Bengio 2010.
using xavier = uniform<detail::xavier_limit>;
using zeros = uniform<detail::no_limit>;

/// How signals grow or fade from layer to layer: the variance of each layer's activations.
class variance_report {
 public:
  /// Numbers of one layer, or of a rank's part of it; again for the same layer, they are counted together.
  template <class R>
  void add(std::string_view layer, R const& activations) {
    moments<>* seen = nullptr;
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (names_[i] == layer) seen = &seen_[i];
    if (seen == nullptr) {
      names_.emplace_back(layer);
      seen = &seen_.emplace_back();
    }
    for (auto x : activations) seen->add(static_cast<double>(x));
  }
  /// Collective: what all ranks saw, on every rank. All have added the same layers in the same order.
  template <class S>
  void combine(basic_communicator<S>& comm) {
    allreduce(comm, seen_, merge);
  }

  [[nodiscard]] std::size_t layers() const noexcept { return seen_.size(); }
  /// Of the layer that was added as number i.
  [[nodiscard]] moments<> const& of(std::size_t i) const { return seen_[i]; }
  /// Whether every variance is within [low, high].
  [[nodiscard]] bool within(double low, double high) const {
    for (auto const& m : seen_)
      if (!(m.variance() >= low && m.variance() <= high)) return false;
    return true;
  }
  /// One line per layer: "hidden0: variance 0.68 of 8192 numbers".
  [[nodiscard]] std::string explain() const {
    std::string text;
    for (std::size_t i = 0; i < seen_.size(); ++i)
      text += names_[i] + ": variance " + std::to_string(seen_[i].variance()) + " of " +
              std::to_string(seen_[i].count()) + " numbers\n";
    return text;
  }

 private:
  std::vector<std::string> names_{};
  std::vector<moments<>> seen_{};
};

}  // namespace tutti::inline TUTTI_ABI::init
