// SPDX-License-Identifier: BSL-1.0
// What a caller may say about one collective call: one aggregate, every field with a default.
#pragma once

#include <chrono>
#include <cstdint>
#include <iterator>
#include <string_view>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// The source line that made a call. Reported in errors, never compared between ranks.
struct call_site {
  char const* file = "";
  unsigned line = 0;
  [[nodiscard]] static constexpr call_site here(char const* file = __builtin_FILE(),
                                                unsigned line = __builtin_LINE()) noexcept {
    return {file, line};
  }
};

/// How a call moves its data. `automatic` lets the library choose; the others force one, for measurements and tests.
/// A call for which the forced algorithm does not exist, or is not allowed, uses the automatic choice. Must be the same
/// on every rank. docs/plans.md says which exists for which call. The numbers are part of the wire format.
enum class algorithm : std::uint8_t {
  automatic,
  exchange,
  star,
  direct,
  binomial,
  doubling,
  halving,
  bruck,
  dissemination,
  pairwise,
  chain,
  ring
};

[[nodiscard]] constexpr std::string_view to_string(algorithm how) noexcept {
  constexpr std::string_view names[] = {"automatic", "exchange", "star",          "direct",   "binomial", "doubling",
                                        "halving",   "bruck",    "dissemination", "pairwise", "chain",    "ring"};
  auto const i = static_cast<unsigned>(how);
  return i < std::size(names) ? names[i] : std::string_view("unknown algorithm");
}

/// In which order contributions may be combined. `canonical`: along one fixed bracket in rank order, so that the bits
/// do not depend on the algorithm, the transport or the root. `any`: in any order, each contribution exactly once,
/// which admits more algorithms; only for operations that are associative and commutative, and where the rounding of
/// sums may change with the algorithm. All ranks still end with the same bits. Must be the same on every rank.
enum class order : std::uint8_t { canonical, any };

/// Options of one collective call. Write `{.timeout = 5s}` at the call, or `options o{};` for a named one.
struct options {
  /// How long the call may go without any progress before it throws `timeout`; 0 = the communicator's default (60 s).
  std::chrono::nanoseconds timeout{0};
  tutti::TUTTI_ABI::algorithm algorithm = tutti::TUTTI_ABI::algorithm::automatic;
  tutti::TUTTI_ABI::order order = tutti::TUTTI_ABI::order::canonical;
  /// A name for this call in errors and reports. The text must outlive the call.
  std::string_view label{};
  /// The root of a rooted call; ignored where there is none, or where `root` is an argument of its own.
  int root = 0;
  /// Filled in with the line of the call.
  call_site where = call_site::here();
};

}  // namespace tutti::inline TUTTI_ABI
