// SPDX-License-Identifier: BSL-1.0
// Schedules of the learning rate: functions of the step number, put together from parts.
#pragma once

#include <cmath>
#include <cstdint>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::learning_rate {

/// k times the batch takes k times the rate, best after a warm-up (Goyal et al. 2017). It fails for very large batches:
/// lars is for those.
[[nodiscard]] constexpr double linear_scale(double rate, double k) noexcept { return rate * k; }

/// Always the same.
struct constant {
  double rate = 1e-3;
  [[nodiscard]] double operator()(std::uint64_t) const noexcept { return rate; }
};

/// Half a cosine from `rate` at step 0 to `floor` at step `steps`, and `floor` from then on (Loshchilov & Hutter 2017).
struct cosine {
  double rate = 1e-3;
  std::uint64_t steps = 1;
  double floor = 0;
  [[nodiscard]] double operator()(std::uint64_t step) const noexcept {
    if (step >= steps) return floor;
    constexpr double pi = 3.141592653589793;
    return floor + (rate - floor) / 2 * (1 + std::cos(pi * static_cast<double>(step) / static_cast<double>(steps)));
  }
};

/// Rises from after(0) / steps at step 0 in equal parts, reaches after(0) with step steps - 1, and then is `after`,
/// whose step 0 is our step `steps`: `warmup{500, cosine{0.1, 9500}}`.
template <class After>
struct warmup {
  std::uint64_t steps = 0;
  After after{};
  [[nodiscard]] double operator()(std::uint64_t step) const {
    if (step >= steps) return after(step - steps);
    return after(0) * static_cast<double>(step + 1) / static_cast<double>(steps);
  }
};
template <class After>
warmup(std::uint64_t, After) -> warmup<After>;

}  // namespace tutti::inline TUTTI_ABI::learning_rate
