// SPDX-License-Identifier: BSL-1.0
// for_each_tensor: any user model as a sequence of named tensors.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/version.hpp>
#include <tutti/model/leaf.hpp>
#include <tutti/model/tensor.hpp>
#include <tutti/model/tier.hpp>

namespace tutti::inline TUTTI_ABI {
namespace detail {

/// "layers.3" for integers and enumerations, the text itself for text; nothing for other keys.
template <class K>
inline constexpr bool is_name_key =
    std::is_integral_v<K> || std::is_enum_v<K> || std::is_convertible_v<K const&, std::string_view>;

template <class K>
std::string name_of_key(K const& key) {
  if constexpr (std::is_convertible_v<K const&, std::string_view>) {
    return std::string(static_cast<std::string_view>(key));
  } else if constexpr (std::is_enum_v<K>) {
    return std::to_string(static_cast<std::underlying_type_t<K>>(key));
  } else {
    return std::to_string(key);
  }
}

/// Walks a model depth first and hands every leaf to `out`: out.leaf(tensor<T>), and out.enter<M>(name, tier) before
/// each node. Whatever a leaf's type, it is const if the model is. An `out` with take(name, node) sees every node, and
/// says whether it has dealt with it.
template <class Out>
class walker {
 public:
  explicit walker(Out& out) : out_(out) {}

  /// Without a name of its own the child takes its parent's.
  template <class M>
  void child(std::string_view name, M& m) {
    std::size_t const length = path_.size();
    if (length > 0 && !name.empty()) path_ += '.';
    path_ += name;
    node(m);
    path_.resize(length);
  }

  /// As child, but everything below is of role `kind`.
  template <class M>
  void child(std::string_view name, M& m, role kind) {
    role const* const outer = std::exchange(forced_role_, &kind);
    child(name, m);
    forced_role_ = outer;
  }

  template <class M>
  void node(M& m) {
    using plain = std::remove_cv_t<M>;
    detail::require_way_in<plain>();
    constexpr tier t = detail::tier_of<plain>();
    out_.template enter<plain>(name(), t);
    if constexpr (requires { out_.take(name(), m); }) {
      if (out_.take(name(), m)) return;
    }
    if constexpr (t == tier::hook) {
      hook(m);
    } else if constexpr (t == tier::parameter_list) {
      parameter_list_of(m);
    } else if constexpr (t == tier::leaf) {
      detail::with_leaf(m, name(), [this]<class T>(std::span<T> data, std::span<std::size_t const> shape) {
        constexpr role natural = detail::role_of_element<std::remove_cv_t<T>>();
        out_.leaf(tensor<T>{name(), data, shape, forced_role_ != nullptr ? *forced_role_ : natural});
      });
    } else if constexpr (t == tier::container) {
      container_of(m);
    } else if constexpr (t == tier::boost) {
      serialize_bridge<plain>::walk(*this, m);
    } else if constexpr (t == tier::aggregate) {
      fields(m, std::make_index_sequence<field_count<M>>{});
    }
  }

  [[nodiscard]] std::string_view name() const { return path_.empty() ? std::string_view("value") : path_; }

 private:
  template <bool constant>
  struct hook_visitor {
    walker& walk;
    template <class T>
    void operator()(std::string_view field, T&& value) const {
      std::conditional_t<constant, std::remove_reference_t<T> const, std::remove_reference_t<T>>& m = value;
      walk.child(field, m);
    }
    template <class T>
    void operator()(std::string_view field, T&& value, role kind) const {
      std::conditional_t<constant, std::remove_reference_t<T> const, std::remove_reference_t<T>>& m = value;
      walk.child(field, m, kind);
    }
  };

  // A hook written for a mutable model serves a const one too: what it hands out is made const again before it is seen.
  template <class M>
  void hook(M& m) {
    using plain = std::remove_cv_t<M>;
    hook_visitor<std::is_const_v<M>> v{*this};
    if constexpr (traits_hook<plain>) {
      model_traits<plain>::visit(const_cast<plain&>(m), v);
    } else {
      tutti_visit(const_cast<plain&>(m), v);
    }
  }

  template <class M>
  void parameter_list_of(M& m) {
    using plain = std::remove_cv_t<M>;
    auto& open = const_cast<plain&>(m);
    constexpr bool constant = std::is_const_v<M>;
    if constexpr (named_parameter_list<plain>) {
      named<constant>(open.named_parameters());
    } else if constexpr (detail::parameter_list<plain>) {
      numbered<constant>(open.parameters());
    } else {
      numbered<constant>(open.params());
    }
    if constexpr (requires { open.named_buffers().begin(); }) {
      static constexpr role buffer = role::buffer;
      role const* const outer = std::exchange(forced_role_, &buffer);
      named<constant>(open.named_buffers());
      forced_role_ = outer;
    }
  }

  template <bool constant, class List>
  void named(List&& list) {
    for (auto&& item : list) {
      if constexpr (requires {
                      item.key();
                      item.value();
                    }) {
        listed<constant, List>(name_of_key(item.key()), item.value());
      } else {
        listed<constant, List>(name_of_key(item.first), item.second);
      }
    }
  }

  template <bool constant, class List>
  void numbered(List&& list) {
    std::size_t i = 0;
    for (auto&& item : list) listed<constant, List>(std::to_string(i++), item);
  }

  template <bool constant, class List, class T>
  void listed(std::string const& field, T&& value) {
    using plain = std::remove_cvref_t<T>;
    if constexpr (std::is_pointer_v<plain>) {
      if (value != nullptr) listed<constant, plain&>(field, *value);
    } else {
      static_assert(
          std::is_lvalue_reference_v<List> || handle_leaf<plain> || is_shared<plain> || requires { plain::extent; },
          "tutti: this list of parameters is a copy; return it by reference, or return pointers or spans.");
      std::conditional_t<constant, std::remove_reference_t<T> const, std::remove_reference_t<T>>& m = value;
      if constexpr (handle_leaf<plain> && requires { value.requires_grad(); }) {
        if (!value.requires_grad()) return child(field, m, role::buffer);  // a frozen parameter
      }
      child(field, m);
    }
  }

  template <class M>
  void container_of(M& m) {
    using plain = std::remove_cv_t<M>;
    if constexpr (is_smart_pointer<plain>) {
      pointee(m);
    } else if constexpr (is_optional<plain>) {
      if (m) node(*m);
    } else if constexpr (is_variant<plain>) {
      if (!m.valueless_by_exception()) visit([this](auto& active) { this->node(active); }, m);
    } else if constexpr (is_pair<plain>) {
      child("first", m.first);
      child("second", m.second);
    } else if constexpr (is_tuple<plain>) {
      std::apply(
          [this](auto&... element) {
            [[maybe_unused]] std::size_t i = 0;
            (this->child(std::to_string(i++), element), ...);
          },
          m);
    } else if constexpr (map_like<plain>) {
      map(m);
    } else {
      std::size_t i = 0;
      for (auto& element : m) child(std::to_string(i++), element);
    }
  }

  template <class M>
  void pointee(M& pointer) {
    auto* const target = dereference(pointer);
    if (target == nullptr) return;
    if constexpr (is_shared<std::remove_cv_t<M>>) {
      void const* const address = target;
      if (std::find(shared_seen_.begin(), shared_seen_.end(), address) != shared_seen_.end()) return;
      shared_seen_.push_back(address);
    }
    as_const_like<std::remove_pointer_t<decltype(dereference(pointer))>, M>& m = *target;
    node(m);
  }
  template <class P>
  static auto* dereference(P const& pointer) {
    if constexpr (std::is_pointer_v<decltype(pointer.get())>) {
      return pointer.get();
    } else {
      return &pointer.get();  // std::reference_wrapper
    }
  }

  // A hashed map is visited in the order of its names: iteration order differs from process to process.
  template <class M>
  void map(M& m) {
    using key = typename std::remove_cv_t<M>::key_type;
    constexpr bool hashed = requires { typename std::remove_cv_t<M>::hasher; };
    static_assert(is_name_key<key> || !hashed,
                  "tutti: the keys of a hashed map become names and must be text, integers or enumerations.");
    if constexpr (hashed) {
      std::vector<std::pair<std::string, decltype(&m.begin()->second)>> sorted;
      for (auto& [k, value] : m) sorted.emplace_back(name_of_key(k), &value);
      std::sort(sorted.begin(), sorted.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
      for (auto& [field, value] : sorted) child(field, *value);
    } else {
      [[maybe_unused]] std::size_t i = 0;
      for (auto& [k, value] : m) {
        if constexpr (is_name_key<key>) {
          child(name_of_key(k), value);
        } else {
          child(std::to_string(i++), value);
        }
      }
    }
  }

  template <class M, std::size_t... i>
  void fields(M& m, std::index_sequence<i...>) {
    [[maybe_unused]] auto tied = detail::tie_fields(m);
    (child(field_name<std::remove_cv_t<M>, i>, std::get<i>(tied)), ...);
  }

  Out& out_;
  std::string path_;
  role const* forced_role_ = nullptr;  // null: the leaf's own
  std::vector<later<void const*, Out>> shared_seen_;
};

template <class Visitor>
struct visit_leaves {
  Visitor& visitor;
  template <class M>
  void enter(std::string_view, tier) const {}
  template <class T>
  void leaf(tensor<T> const& t) const {
    visitor(t);
  }
};

}  // namespace detail

/// Calls visitor(tensor<T>) for every tensor of `m`, depth first, in the order of declaration; T is const where `m` is.
/// The order and the names depend on the model's type and contents alone, never on the process. Names are joined by
/// dots ("layers.3.weight"); a model that is itself a single leaf is called "value". Empty optionals and null pointers
/// are left out; an object reached through several shared pointers is visited once, under its first name.
/// Throws error{config} for a matrix view with gaps, and whatever the visitor throws.
template <class M, class Visitor>
void for_each_tensor(M& m, Visitor&& visitor) {
  detail::visit_leaves<std::remove_reference_t<Visitor>> out{visitor};
  detail::walker<decltype(out)> walk(out);
  walk.node(m);
}

}  // namespace tutti::inline TUTTI_ABI
