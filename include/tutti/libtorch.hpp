// SPDX-License-Identifier: BSL-1.0
// Opt-in: LibTorch's modules, unmodified, as models. Receives a module as its user wrote it, hands down its parameters,
// buffers and gradients as named tensors, without a copy.
//
// The walk itself knows LibTorch's lists and tensors by their members, so `tutti::replicate(world, *net)` needs no
// header. This one adds what takes LibTorch's own types: the holders (torch::nn::Linear, Sequential, …) and the
// gradients.
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <tutti/core/version.hpp>
#include <tutti/model/tensor.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/model/visit.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {
template <class H>
concept module_holder = std::is_base_of_v<::torch::detail::ModuleHolderIndicator, H>;
}

/// A holder is the module it holds; an empty one has no tensors.
template <detail::module_holder H>
struct model_traits<H> {
  static void visit(H& holder, auto&& v) {
    if (!holder.is_empty()) v("", *holder);
  }
};

/// The gradients of a module, a model of the same signature: for each parameter its .grad() under the parameter's name,
/// for what is not trained (buffers, frozen parameters) zeros of its own. A view like std::span: take a new one each
/// step, since zero_grad() may drop the tensors. A parameter that no backward pass has reached gets a gradient of
/// zeros, as a rank without samples needs it.
class module_gradients {
 public:
  explicit module_gradients(::torch::nn::Module& module) {
    for (auto& item : module.named_parameters()) {
      auto& parameter = item.value();
      if (parameter.requires_grad() && !parameter.grad().defined())
        parameter.mutable_grad() = ::torch::zeros_like(parameter);
      add(item.key(), parameter, parameter.requires_grad());
    }
    for (auto& item : module.named_buffers()) add(item.key(), item.value(), false);
  }

  friend void tutti_visit(module_gradients& m, auto&& v) {
    for (auto& t : m.tensors_) v(t.name, t.numbers, t.kind);
  }

 private:
  struct named {
    std::string name;
    ::torch::Tensor numbers;
    role kind;
  };
  void add(std::string const& name, ::torch::Tensor const& of, bool trained) {
    tensors_.push_back({name, trained ? of.grad() : ::torch::zeros_like(of), trained ? role::parameter : role::buffer});
  }

  std::vector<named> tensors_;
};

/// `auto gradient = gradients_of(*net); dp.sync(gradient, samples);` between the backward pass and the optimiser, be it
/// LibTorch's or ours. The loss is a sum over samples, not their mean: the division by all samples of all ranks is
/// dp.sync()'s.
[[nodiscard]] inline module_gradients gradients_of(::torch::nn::Module& module) { return module_gradients(module); }
template <detail::module_holder H>
[[nodiscard]] module_gradients gradients_of(H& holder) {
  return module_gradients(*holder);
}

}  // namespace tutti::inline TUTTI_ABI
