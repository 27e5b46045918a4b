// SPDX-License-Identifier: BSL-1.0
// Whom a rank asks when something goes wrong, so that all survivors tell the same story.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tutti/core/error.hpp>
#include <tutti/engine/watch.hpp>

namespace tutti::inline TUTTI_ABI::engine {

/// One per process (per rank thread in tests). All members are safe from any thread.
class referee {
 public:
  referee() = default;
  referee(referee const&) = delete;
  referee& operator=(referee const&) = delete;
  virtual ~referee() = default;

  /// Starts to look after a communicator, until the last other owner lets go of it.
  virtual void enroll(std::shared_ptr<watch> communicator) = 0;

  /// Reports what this rank saw go wrong in `where`, waits for the verdict (at most 0.5 s; then what was seen stands),
  /// revokes the communicator with it, and returns it. `seen.rank` is the peer this rank suspects, or -1. For a
  /// mismatch, `theirs` is the header that peer sent.
  virtual failure judge(watch& where, failure seen, frame const* theirs = nullptr) = 0;

  /// Called by a waiting rank about every 100 ms. Where no thread of the library runs, this is where stalls are
  /// reported.
  virtual void tick(watch&) {}

  /// This rank gives up: every communicator it is in is revoked everywhere, naming it and `reason`.
  virtual void abort(std::string reason) = 0;

  /// This rank has no more calls to make. Its peers learn that its end is no accident.
  virtual void leave() noexcept = 0;
};

}  // namespace tutti::inline TUTTI_ABI::engine
