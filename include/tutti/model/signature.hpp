// SPDX-License-Identifier: BSL-1.0
// What two models must share to be summed or copied: names, element types, shapes and roles of their tensors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <tutti/core/element.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/explain.hpp>
#include <tutti/model/tensor.hpp>
#include <tutti/model/visit.hpp>

namespace tutti::inline TUTTI_ABI {

struct tensor_signature {
  std::string name;
  std::uint32_t element = 0;  ///< element_code of the numbers
  std::vector<std::size_t> shape;
  role kind = role::parameter;
  friend bool operator==(tensor_signature const&, tensor_signature const&) = default;
};

template <class Use = on_use>
struct basic_signature {
  std::vector<later<tensor_signature, Use>> tensors;
  std::uint64_t hash = 0;  ///< over all of `tensors`; equal on every platform for equal lists
};
using signature = basic_signature<>;

namespace detail {
template <class Use>
[[nodiscard]] std::uint64_t hash_of(basic_signature<Use> const& all) {
  fnv1a hash;
  for (auto const& t : all.tensors) {
    hash.add(static_cast<std::uint64_t>(t.name.size())).add(t.name).add(std::uint64_t{t.element});
    hash.add(static_cast<std::uint64_t>(t.shape.size()));
    for (std::size_t extent : t.shape) hash.add(static_cast<std::uint64_t>(extent));
    hash.add(static_cast<std::uint64_t>(t.kind));
  }
  return hash.value();
}

template <class Tensor>
[[nodiscard]] std::string describe(Tensor const& t) {
  return element_name(t.element) + " " + shape_text(t.shape) + " " + std::string(to_string(t.kind));
}
}  // namespace detail

template <class M, class Use = on_use>
[[nodiscard]] basic_signature<Use> signature_of(M const& m) {
  basic_signature<Use> all;
  for_each_tensor(m, [&all]<class T>(tensor<T> t) {
    all.tensors.push_back(tensor_signature{std::string(t.name), element_code<std::remove_cv_t<T>>(),
                                           std::vector<std::size_t>(t.shape.begin(), t.shape.end()), t.kind});
  });
  all.hash = detail::hash_of(all);
  return all;
}

/// One sentence on the first tensor in which they differ, in the order of `a`; empty if they agree.
template <class Use>
[[nodiscard]] std::string first_difference(basic_signature<Use> const& a, basic_signature<Use> const& b) {
  std::size_t const common = (std::min)(a.tensors.size(), b.tensors.size());
  for (std::size_t i = 0; i < common; ++i) {
    auto const& x = a.tensors[i];
    auto const& y = b.tensors[i];
    if (x == y) continue;
    if (x.name == y.name)
      return "tensor '" + x.name + "' is " + detail::describe(x) + " here and " + detail::describe(y) + " there";
    return "tensor " + std::to_string(i) + " is '" + x.name + "' (" + detail::describe(x) + ") here and '" + y.name +
           "' (" + detail::describe(y) + ") there";
  }
  if (a.tensors.size() == b.tensors.size()) return {};
  bool const here = a.tensors.size() > common;
  auto const& extra = (here ? a : b).tensors[common];
  return "tensor '" + extra.name + "' (" + detail::describe(extra) + ") exists only " + (here ? "here" : "there");
}

namespace detail {
struct zip_slot {
  void const* data = nullptr;
  bool constant = false;
};
}  // namespace detail

/// Calls f(tensor<T> of a, tensor<U> of b) for each pair, T and U the same number, each const where its model is.
/// Names and shapes are those of both. Throws error{config} naming the first difference before the first call of f.
template <class A, class B, class F>
void zip_tensors(A& a, B& b, F&& f) {
  auto const left = signature_of(a);
  if (std::string const difference = first_difference(left, signature_of(b)); !difference.empty())
    throw error(error_kind::config, "two models do not have the same tensors: " + difference);
  std::vector<later<detail::zip_slot, A>> slots;
  for_each_tensor(a, [&slots]<class T>(tensor<T> t) { slots.push_back({t.data.data(), std::is_const_v<T>}); });
  std::size_t i = 0;
  for_each_tensor(b, [&]<class U>(tensor<U> u) {
    using T = std::conditional_t<std::is_const_v<A>, std::remove_cv_t<U> const, std::remove_cv_t<U>>;
    auto const slot = slots.at(i++);
    if (slot.constant && !std::is_const_v<T>)
      throw error(error_kind::config, "tensor '" + std::string(u.name) + "' is a view of const numbers");
    T* const data = static_cast<T*>(const_cast<void*>(slot.data));
    f(tensor<T>{u.name, std::span<T>(data, u.data.size()), u.shape, u.kind}, u);
  });
}

}  // namespace tutti::inline TUTTI_ABI
