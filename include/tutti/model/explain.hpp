// SPDX-License-Identifier: BSL-1.0
// explain_model: how tutti reads a model, one line per node.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <tutti/core/element.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/tensor.hpp>
#include <tutti/model/tier.hpp>
#include <tutti/model/visit.hpp>

namespace tutti::inline TUTTI_ABI {

[[nodiscard]] constexpr std::string_view to_string(role kind) noexcept {
  return kind == role::parameter ? "parameter" : "buffer";
}

[[nodiscard]] constexpr std::string_view to_string(tier t) noexcept {
  switch (t) {
    case tier::hook:
      return "1 hook";
    case tier::parameter_list:
      return "2 parameter list";
    case tier::leaf:
      return "3 leaf";
    case tier::container:
      return "4 container";
    case tier::boost:
      return "5 boost serialize";
    case tier::aggregate:
      return "6 plain struct";
    case tier::opaque:
      return "7 opaque";
    default:
      return "no way in";
  }
}

namespace detail {

/// "64 x 784"; "scalar" for no extents.
template <class = on_use>
[[nodiscard]] std::string shape_text(std::span<std::size_t const> shape) {
  std::string text;
  for (std::size_t extent : shape) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text.empty() ? "scalar" : text;
}

struct model_explainer {
  std::string text;
  std::size_t numbers = 0;
  std::size_t size = 0;

  template <class M>
  void enter(std::string_view name, tier t) {
    text += (text.empty() ? "" : "\n") + std::string(name) + ": tier " + std::string(to_string(t));
    if (t == tier::opaque) text += ", no tensor: travels in broadcast and checkpoints only";
  }
  template <class T>
  void leaf(tensor<T> const& t) {
    text += ", " + element_name(element_code<std::remove_cv_t<T>>()) + " " + shape_text(t.shape) + ", " +
            std::to_string(t.data.size_bytes()) + " bytes, " + std::string(to_string(t.kind));
    numbers += t.data.size();
    size += t.data.size_bytes();
  }
};

}  // namespace detail

/// One line per node: its name, the tier by which it was entered, and for a leaf its element, shape, bytes and role;
/// then the totals. For people; the wording may change.
template <class M>
[[nodiscard]] std::string explain_model(M const& m) {
  detail::model_explainer out;
  detail::walker<detail::model_explainer> walk(out);
  walk.node(m);
  return out.text + "\nin all: " + std::to_string(out.numbers) + " numbers, " + std::to_string(out.size) + " bytes\n";
}

}  // namespace tutti::inline TUTTI_ABI
