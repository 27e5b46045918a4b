// SPDX-License-Identifier: BSL-1.0
// What a blocking call has to know about operations that were started on its communicator and have not ended. They run
// without a caller; engine/strand.hpp has them, and nothing here costs a communicator that never starts one.
#pragma once

#include <span>

#include <tutti/transport/transport.hpp>

namespace tutti::inline TUTTI_ABI::engine {

class started;

/// Where one can wait for a started operation.
class started_operations {
 public:
  started_operations() = default;
  started_operations(started_operations const&) = delete;
  started_operations& operator=(started_operations const&) = delete;
  virtual ~started_operations() = default;

  /// Runs those up to `one` to their end on this thread, at once if it is done. Throws config inside one of them.
  virtual void finish(started const& one) = 0;
};

/// The started operations of one communicator, in the order they were issued. T: its streams.
template <class T>
class background : public started_operations {
 public:
  /// Called where a call can go no further on `on`. Inside a started operation: gives the thread back until a wanted
  /// direction can move or `until` has come, and returns true. False: the caller's thread is its own, and may sleep.
  virtual bool suspend(T& on, std::span<transport::interest const> wanted, clock::time_point until) = 0;

  using started_operations::finish;
  /// Runs all to their end on this thread; at once if there are none. No-op inside one of them.
  virtual void finish() = 0;

  /// Something came for the communicator: a lane, a verdict. From any thread.
  virtual void ring() noexcept = 0;

  /// finish(), and nothing can be started afterwards: the communicator ends.
  virtual void close() noexcept = 0;
};

}  // namespace tutti::inline TUTTI_ABI::engine
