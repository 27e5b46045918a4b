// SPDX-License-Identifier: BSL-1.0
// What a failure says: which kind, which rank, in which call, and why. One set of facts, thrown and sent alike.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI {

/// Why a call or a join failed. The numbers are part of the wire format.
enum class error_kind : std::uint8_t {
  peer_lost = 1,  ///< a rank's process ended: killed, crashed, or exited without leaving
  peer_left,      ///< a rank left in good order while others still called
  peer_hung,      ///< a rank's process is alive on paper but has not given a sign of life for three heartbeats
  timeout,        ///< a call made no progress until its deadline
  mismatch,       ///< two ranks made different calls
  aborted,        ///< a rank gave up: its program threw, or called abort()
  protocol,       ///< bytes that no tutti of this version sends
  config,         ///< options, environment or addresses that cannot work
  resource,       ///< memory, descriptors or ports ran out
  revoked,        ///< this communicator was given up by its own rank, e.g. by revoke()
  cancelled,      ///< a rank took back an asynchronous operation
};

[[nodiscard]] constexpr std::string_view to_string(error_kind kind) noexcept {
  switch (kind) {
    case error_kind::peer_lost:
      return "peer_lost";
    case error_kind::peer_left:
      return "peer_left";
    case error_kind::peer_hung:
      return "peer_hung";
    case error_kind::timeout:
      return "timeout";
    case error_kind::mismatch:
      return "mismatch";
    case error_kind::aborted:
      return "aborted";
    case error_kind::protocol:
      return "protocol";
    case error_kind::config:
      return "config";
    case error_kind::resource:
      return "resource";
    case error_kind::revoked:
      return "revoked";
    case error_kind::cancelled:
      return "cancelled";
  }
  return "unknown";
}

/// The facts of one failure.
struct failure {
  error_kind kind = error_kind::protocol;
  int rank = -1;  ///< the rank to blame, as numbered in the world; -1 where no single rank is
  std::string
      operation;      ///< the call it was seen in, e.g. "allreduce #41 'grads' (train.cpp:88)"; empty outside a call
  std::string cause;  ///< one sentence for a person, naming the remedy where there is one
};

/// The one exception of the library. `what()` reads "<operation>: <cause>".
class error : public std::runtime_error {
 public:
  explicit error(failure facts)
      : std::runtime_error(facts.operation.empty() ? facts.cause : facts.operation + ": " + facts.cause),
        facts_(std::move(facts)) {}
  error(error_kind kind, std::string cause) : error(failure{kind, -1, {}, std::move(cause)}) {}

  [[nodiscard]] error_kind kind() const noexcept { return facts_.kind; }
  /// The world rank to blame, or -1.
  [[nodiscard]] int rank() const noexcept { return facts_.rank; }
  /// The call of this rank that failed; empty outside a call.
  [[nodiscard]] std::string const& operation() const noexcept { return facts_.operation; }
  [[nodiscard]] failure const& facts() const noexcept { return facts_; }

 private:
  failure facts_;
};

}  // namespace tutti::inline TUTTI_ABI
