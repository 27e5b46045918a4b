// SPDX-License-Identifier: BSL-1.0
// What a referee of a TCP world is made of: the connections that the join has opened, and its times.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/group/control_link.hpp>
#include <tutti/group/door.hpp>
#include <tutti/transport/mailbox.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// Everything that the join hands to the control thread.
template <class Use = on_use>
struct basic_control_parts {
  int rank = 0;
  int size = 1;
  transport::job_key run{};
  std::shared_ptr<net::io_context> io;
  std::unique_ptr<basic_door<Use>> door;
  std::vector<std::shared_ptr<basic_control_link<Use>>>
      links;  ///< rank 0: one per rank, none for itself; others: only links[0]
  std::shared_ptr<transport::basic_mailbox<Use>> mail;
  std::chrono::nanoseconds heartbeat = std::chrono::seconds(1);
  std::chrono::nanoseconds stall_report = std::chrono::seconds(10);
  std::chrono::nanoseconds verdict_wait = std::chrono::milliseconds(500);  ///< how long judge() waits for rank 0
  std::chrono::nanoseconds linger = std::chrono::milliseconds(250);        ///< rank 0 referees so long after it leaves
  std::function<void(std::string const&)> say{};                           ///< where stall reports go; empty: stderr
};

}  // namespace tutti::inline TUTTI_ABI::group
