// SPDX-License-Identifier: BSL-1.0
// One rank's part of a model, seen as a model: a list of named spans, so that an optimiser or a norm takes it as it is.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tutti/core/version.hpp>
#include <tutti/model/tensor.hpp>

namespace tutti::inline TUTTI_ABI {

/// Pieces of float and double tensors, each under the name of its tensor. Holds no numbers: the names and spans must
/// live as long as it is used.
class model_shard {
 public:
  template <class T>
  void add(std::string_view name, std::span<T> numbers) {
    of<T>().push_back({name, numbers});
  }
  void clear() noexcept {
    floats_.clear();
    doubles_.clear();
  }
  friend void tutti_visit(model_shard& s, auto&& v) {
    for (auto& p : s.floats_) v(p.name, p.numbers);
    for (auto& p : s.doubles_) v(p.name, p.numbers);
  }

 private:
  template <class T>
  struct piece {
    std::string_view name;
    std::span<T> numbers;
  };
  template <class T>
  [[nodiscard]] auto& of() noexcept {
    if constexpr (std::is_same_v<T, float>) {
      return floats_;
    } else {
      return doubles_;
    }
  }
  std::vector<piece<float>> floats_;
  std::vector<piece<double>> doubles_;
};

}  // namespace tutti::inline TUTTI_ABI
