// SPDX-License-Identifier: BSL-1.0
// The functions of <cmath> that the library uses. With GCC's library that header brings the special functions of C++17
// along: a twentieth of what all of Asio costs to include.
#pragma once

#include <tutti/core/version.hpp>

#if !defined(__GNUC__)
#include <cmath>
#endif

namespace tutti::inline TUTTI_ABI::math {

#if defined(__GNUC__)
[[nodiscard]] inline float sqrt(float x) noexcept { return __builtin_sqrtf(x); }
[[nodiscard]] inline double sqrt(double x) noexcept { return __builtin_sqrt(x); }
[[nodiscard]] inline double exp(double x) noexcept { return __builtin_exp(x); }
[[nodiscard]] inline double log(double x) noexcept { return __builtin_log(x); }
[[nodiscard]] inline double floor(double x) noexcept { return __builtin_floor(x); }
[[nodiscard]] inline bool isinf(double x) noexcept { return __builtin_isinf(x) != 0; }
#else
using std::exp;
using std::floor;
using std::isinf;
using std::log;
using std::sqrt;
#endif

}  // namespace tutti::inline TUTTI_ABI::math
