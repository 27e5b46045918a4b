// SPDX-License-Identifier: BSL-1.0
// How large the gradient of each tensor is, and where it dies on its way back from the loss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/train/guard_step.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// Of one tensor's gradient.
struct tensor_health {
  std::string name{};
  std::uint64_t numbers = 0;
  std::uint64_t zeros = 0;
  std::uint64_t not_finite = 0;
  double squares = 0;  ///< their sum, over the finite ones

  /// The Euclidean norm of the finite numbers.
  [[nodiscard]] double norm() const noexcept { return math::sqrt(squares); }
  /// What a number of it typically is: the root of the mean square. 0 of an empty tensor.
  [[nodiscard]] double size() const noexcept {
    return numbers == not_finite ? 0 : math::sqrt(squares / static_cast<double>(numbers - not_finite));
  }
};

struct health_report {
  std::vector<tensor_health> tensors{};  ///< in the order of the model

  /// The first tensor on the way back from the loss, hence the last in the order of the model, whose numbers are less
  /// than `ratio` of those of the largest tensor; empty if all live. What lies before it in the model learns nothing
  /// either. The cure is another initialisation, activation, normalisation or a shortcut, not another optimiser.
  [[nodiscard]] std::string first_dead(double ratio = 1e-6) const {
    double largest = 0;
    for (auto const& t : tensors) largest = t.size() > largest ? t.size() : largest;
    for (std::size_t i = tensors.size(); i-- > 0;)
      if (tensors[i].numbers > tensors[i].not_finite && !(tensors[i].size() > ratio * largest)) return tensors[i].name;
    return {};
  }
  /// The first tensor in the order of the model with infinities or NaN; empty if there is none.
  [[nodiscard]] std::string first_not_finite() const {
    for (auto const& t : tensors)
      if (t.not_finite > 0) return t.name;
    return {};
  }
};

/// Of a gradient that this rank holds whole, after sync() for instance. No communication.
template <class Gradient>
[[nodiscard]] health_report grad_health(Gradient const& gradient) {
  health_report all;
  for_each_tensor(gradient, [&]<class T>(tensor<T const> const& t) {
    if constexpr (trainable<T>) {
      if (t.kind != role::parameter) return;
      tensor_health one{std::string(t.name), t.data.size()};
      for (T const g : t.data) {
        one.zeros += g == T{0};
        if (detail::is_finite(g))
          one.squares += static_cast<double>(g) * static_cast<double>(g);
        else
          ++one.not_finite;
      }
      all.tensors.push_back(std::move(one));
    }
  });
  return all;
}

/// Collective. The same of a gradient spread over ranks: parts of tensors with one name are taken together, in rank
/// order. The same report on every rank.
template <transport::streams S, class Gradient>
[[nodiscard]] health_report grad_health(basic_communicator<S>& comm, Gradient const& mine, options how = {}) {
  health_report all;
  for (auto& part : allgather(comm, grad_health(mine), how))
    for (auto& t : part.tensors) {
      std::size_t i = 0;
      while (i < all.tensors.size() && all.tensors[i].name != t.name) ++i;
      if (i == all.tensors.size()) {
        all.tensors.push_back(std::move(t));
        continue;
      }
      auto& sum_so_far = all.tensors[i];
      sum_so_far.numbers += t.numbers;
      sum_so_far.zeros += t.zeros;
      sum_so_far.not_finite += t.not_finite;
      sum_so_far.squares += t.squares;
    }
  return all;
}

}  // namespace tutti::inline TUTTI_ABI
