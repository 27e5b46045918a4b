// SPDX-License-Identifier: BSL-1.0
// What a blocking call has to know about operations that were started on its communicator and have not ended. They run
// without a caller; engine/strand.hpp has them, and nothing here costs a communicator that never starts one.
#pragma once

#include <span>

#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::engine {

class started;

/// The started operations of one communicator, in the order they were issued.
class background {
 public:
  background() = default;
  background(background const&) = delete;
  background& operator=(background const&) = delete;
  virtual ~background() = default;

  /// Called where a call can go no further. Inside a started operation: gives the thread back until a wanted direction
  /// can move or `until` has come, and returns true. False: the caller's thread is its own, and may sleep.
  virtual bool suspend(std::span<transport::interest const> wanted, clock::time_point until) = 0;

  /// Runs all started operations to their end on this thread; at once if there are none. No-op inside one of them.
  virtual void finish() = 0;
  /// Runs those up to `one` to their end on this thread, at once if it is done. Throws config inside one of them.
  virtual void finish(started const& one) = 0;

  /// Something came for the communicator: a lane, a verdict. From any thread.
  virtual void ring() noexcept = 0;

  /// finish(), and nothing can be started afterwards: the communicator ends.
  virtual void close() noexcept = 0;
};

}  // namespace tutti::inline TUTTI_ABI::engine
