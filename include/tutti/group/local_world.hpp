// SPDX-License-Identifier: BSL-1.0
// The referee of ranks that are threads of one process: the rulings of TCP, with every rank's calls in plain sight.
#pragma once

#include <chrono>
#include <memory>

#include <tutti/engine/referee.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// Shared by the rank threads; no thread of its own.
class local_world : public std::enable_shared_from_this<local_world> {
 public:
  explicit local_world(int size, std::chrono::nanoseconds stall_report = std::chrono::seconds(10));
  [[nodiscard]] int size() const noexcept;
  /// The referee of one rank; it keeps the world alive. A rank whose function threw calls abort() on it.
  [[nodiscard]] std::shared_ptr<engine::referee> referee(int rank);
};

}  // namespace tutti::inline TUTTI_ABI::group
