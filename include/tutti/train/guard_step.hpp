// SPDX-License-Identifier: BSL-1.0
// A step whose loss or gradient is infinite or NaN on any rank is made on none: skipped, or everything is put back to
// where it was kept last.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/model/archive.hpp>
#include <tutti/model/serialisable.hpp>
#include <tutti/model/visit.hpp>
#include <tutti/train/clip.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {
/// Infinity and NaN are what differs from itself when it is taken away from itself; -ffast-math would undo it.
template <class T>
[[nodiscard]] constexpr bool is_finite(T x) noexcept {
  return x - x == T{0};
}

/// One sentence on the first number that is none, or nothing.
template <class Gradient>
[[nodiscard]] std::string first_non_finite(double loss, Gradient const& gradient) {
  if (!detail::is_finite(loss)) return "the loss is " + std::to_string(loss);
  std::string found;
  for_each_tensor(gradient, [&]<class T>(tensor<T const> const& t) {
    if constexpr (trainable<T>) {
      if (!found.empty()) return;
      bool good = true;
      for (T const g : t.data) good &= detail::is_finite(g);
      if (good) return;
      std::size_t i = 0;
      while (detail::is_finite(t.data[i])) ++i;
      found = "number " + std::to_string(i) + " of the gradient of '" + std::string(t.name) + "' is " +
              std::to_string(t.data[i]);
    }
  });
  return found;
}

/// A state as bytes: whatever the archive carries, else (views of numbers held elsewhere) the numbers of its tensors.
template <class State>
[[nodiscard]] std::vector<std::byte> keep_state(State const& state) {
  if constexpr (serialisable<State>) {
    return encode(state);
  } else {
    std::vector<std::byte> kept;
    for_each_tensor(state, [&](auto const& t) {
      auto const numbers = std::as_bytes(t.data);
      kept.insert(kept.end(), numbers.begin(), numbers.end());
    });
    return kept;
  }
}
template <class State>
void put_back(std::vector<std::byte> const& kept, State& state) {
  if constexpr (serialisable<State>) {
    decode(kept, state);
  } else {
    std::size_t size = 0;
    for_each_tensor(state, [&](auto const& t) { size += t.data.size_bytes(); });
    if (size != kept.size())
      throw error(error_kind::config, "guard_step: the state has " + std::to_string(size) +
                                          " bytes, it was kept with " + std::to_string(kept.size()) +
                                          ": call keep() once it has its size");
    auto from = kept.begin();
    for_each_tensor(state, [&](auto const& t) {
      auto const next = from + static_cast<std::ptrdiff_t>(t.data.size_bytes());
      std::copy(from, next, std::as_writable_bytes(t.data).begin());
      from = next;
    });
  }
}
}  // namespace detail

/// `tutti::guard_step guard{world};` and in the loop `if (guard(loss, gradient)) opt.step(model, gradient);`. With
/// state, `guard_step guard{world, model, opt}`, a bad step also puts the state back to what it was when the guard was
/// made, or at the last keep(). The state must outlive the guard.
template <transport::streams S, class... State>
class guard_step {
 public:
  explicit guard_step(basic_communicator<S>& comm, State&... state) : comm_(&comm), state_(state...) { keep(); }

  /// Collective, one allreduce of four bytes. True on every rank if `loss` and all numbers of `gradient` are finite on
  /// every rank; else false on every rank, and the state has been put back.
  template <class Gradient>
  [[nodiscard]] bool operator()(double loss, Gradient const& gradient, options how = {}) {
    std::string mine = detail::first_non_finite(loss, gradient);
    int const first_bad = allreduce(*comm_, mine.empty() ? comm_->size() : comm_->rank(), min, how);
    if (first_bad == comm_->size()) return true;
    how.root = first_bad;
    broadcast(*comm_, mine, how);
    refuse("rank " + std::to_string(first_bad) + ": " + mine);
    return false;
  }
  /// The same after dp.sync(gradient), without communication: what is infinite or NaN on one rank is so in the sum, and
  /// all ranks have the same sum. Whose it was is not known.
  template <gradient_replicating Strategy, class Gradient>
  [[nodiscard]] bool operator()(Strategy const&, Gradient const& gradient) {
    std::string const found = detail::first_non_finite(0, gradient);
    if (found.empty()) return true;
    refuse("the mean of all ranks: " + found);
    return false;
  }
  /// From now on a bad step goes back to here. No communication: all ranks call it in the same step.
  void keep() {
    each([](std::vector<std::byte>& kept, auto& state) { kept = detail::keep_state(state); });
  }

  /// How many steps were refused.
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
  /// One sentence on the last refused step, the same on every rank: the first bad rank, its tensor and index.
  [[nodiscard]] std::string const& why() const noexcept { return why_; }

 private:
  void refuse(std::string why) {
    why_ = std::move(why);
    ++refused_;
    each([](std::vector<std::byte>& kept, auto& state) { detail::put_back(kept, state); });
  }
  template <class F>
  void each(F f) {
    std::apply(
        [&](State&... state) {
          [[maybe_unused]] std::size_t i = 0;
          (f(kept_[i++], state), ...);
        },
        state_);
  }

  basic_communicator<S>* comm_;
  std::tuple<State&...> state_;
  std::array<std::vector<std::byte>, sizeof...(State)> kept_;
  std::uint64_t refused_ = 0;
  std::string why_;
};
template <transport::streams S, class... State>
guard_step(basic_communicator<S>&, State&...) -> guard_step<S, State...>;

}  // namespace tutti::inline TUTTI_ABI
