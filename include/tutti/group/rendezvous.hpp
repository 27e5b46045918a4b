// SPDX-License-Identifier: BSL-1.0
// From "I am rank r of n, rank 0 is over there" to a world in which every rank knows where every other accepts lanes.
#pragma once

#include <memory>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/engine/referee.hpp>
#include <tutti/group/join_options.hpp>
#include <tutti/transport/asio.hpp>
#include <tutti/transport/hello.hpp>
#include <tutti/transport/mailbox.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// What a joined process knows. To open a lane to rank p: connect to peers[p] and send
/// hello{lane, job, run, communicator, rank = own world rank, size}.encode().
struct tcp_world {
  int rank = 0;
  int size = 1;
  int host_rank = 0;
  int host_size = 1;
  std::vector<net::ip::tcp::endpoint> peers;
  transport::job_key job{};
  transport::job_key run{};
  std::shared_ptr<transport::mailbox> mail;
  std::shared_ptr<engine::referee> referee;
};

/// Blocks until all ranks are present, at most options.timeout. Throws config, timeout, or resource, in one sentence that
/// names the ranks or the link in question.
[[nodiscard]] std::shared_ptr<tcp_world> join_world(join_options const& options);

}  // namespace tutti::inline TUTTI_ABI::group
