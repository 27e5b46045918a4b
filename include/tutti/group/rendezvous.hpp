// SPDX-License-Identifier: BSL-1.0
// From "I am rank r of n, rank 0 is over there" to a world in which every rank knows where every other accepts lanes.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/group/attending.hpp>
#include <tutti/group/control.hpp>
#include <tutti/group/gathering.hpp>
#include <tutti/group/join_options.hpp>
#include <tutti/transport/asio.hpp>
#include <tutti/transport/hello.hpp>
#include <tutti/transport/mailbox.hpp>

namespace tutti::inline TUTTI_ABI::group {

/// What a joined process knows. To open a lane to rank p: connect to peers[p] and send
/// hello{lane, job, run, communicator, rank = own world rank, size}.encode().
template <class Use = on_use>
struct basic_tcp_world {
  int rank = 0;
  int size = 1;
  int host_rank = 0;
  int host_size = 1;
  std::vector<net::ip::tcp::endpoint> peers;
  machine costs{};
  transport::job_key job{};
  transport::job_key run{};
  std::shared_ptr<transport::basic_mailbox<Use>> mail;
  std::shared_ptr<basic_control<Use>> referee;
};
using tcp_world = basic_tcp_world<>;

/// Blocks until all ranks are present, at most options.timeout; the control thread runs from then on. Throws config,
/// timeout, or resource, in one sentence that names the ranks or the link in question. Takes options.listener.
template <class Use = on_use>
[[nodiscard]] std::shared_ptr<basic_tcp_world<Use>> join_world(join_options const& options) {
  validate(options);
  auto const deadline = clock::now() + options.timeout;
  try {
    auto io = std::make_shared<net::io_context>(1);
    auto g = options.rank == 0 ? basic_gathering<Use>(*io, options, deadline).run()
                               : basic_attending<Use>(*io, options, deadline).run();
    auto world = std::make_shared<basic_tcp_world<Use>>();
    world->rank = options.rank;
    world->size = options.size;
    world->job = key_of(options.job);
    world->run = g.run;
    world->costs = g.costs;
    world->mail = std::make_shared<transport::basic_mailbox<Use>>();
    int below = 0;
    int here = 0;
    for (std::size_t k = 0; k < g.seats.size(); ++k) {
      world->peers.push_back(g.seats[k].where);
      bool const same = g.seats[k].host == g.seats[static_cast<std::size_t>(options.rank)].host;
      here += same ? 1 : 0;
      below += same && k < static_cast<std::size_t>(options.rank) ? 1 : 0;
    }
    world->host_rank = options.host_rank >= 0 ? options.host_rank : below;
    world->host_size = options.host_size >= 1 ? options.host_size : here;
    basic_control_parts<Use> parts;
    parts.rank = options.rank;
    parts.size = options.size;
    parts.run = g.run;
    parts.door = std::move(g.door);
    parts.links = std::move(g.links);
    parts.mail = world->mail;
    parts.heartbeat = options.heartbeat;
    parts.stall_report = options.stall_report;
    parts.io = std::move(io);
    world->referee = std::make_shared<basic_control<Use>>(std::move(parts));
    return world;
  } catch (error const&) {
    throw;
  } catch (std::exception const& e) {
    throw error(failure{error_kind::resource, -1, "join", std::string("the system refused: ") + e.what()});
  }
}

}  // namespace tutti::inline TUTTI_ABI::group
