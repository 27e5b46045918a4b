// SPDX-License-Identifier: BSL-1.0
// Who are we, and with whom: from options or the environment to the world's communicator.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/group/calibrate.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/group/join_options.hpp>
#include <tutti/group/launcher_env.hpp>
#include <tutti/group/local_world.hpp>
#include <tutti/group/rendezvous.hpp>
#include <tutti/plan/granule.hpp>
#include <tutti/transport/any.hpp>
#include <tutti/transport/local.hpp>
#include <tutti/transport/tcp.hpp>

namespace tutti::inline TUTTI_ABI {

namespace group {

/// The number every world's first communicator has.
inline constexpr std::uint64_t world_id = 1;

/// Whether `ranks` of this host have to share cores.
[[nodiscard]] inline bool crowded(int ranks) {
  return static_cast<unsigned>(ranks) > std::thread::hardware_concurrency();
}

template <class = on_use>
[[nodiscard]] std::vector<int> everyone(int size) {
  std::vector<int> ranks(static_cast<std::size_t>(size));
  for (int r = 0; r < size; ++r) ranks[static_cast<std::size_t>(r)] = r;
  return ranks;
}

/// What the communicators of a joined process share, over TCP.
template <class S, class Use>
[[nodiscard]] std::shared_ptr<origin<S>> make_origin(std::shared_ptr<basic_tcp_world<Use>> const& joined,
                                                     join_options const& how) {
  auto node = std::make_shared<transport::basic_tcp_node<Use>>();
  node->rank = joined->rank;
  node->peers = joined->peers;
  node->job = joined->job;
  node->run = joined->run;
  node->mail = joined->mail;
  auto from = std::make_shared<origin<S>>();
  auto const lanes = [node, in = from.get()](std::uint64_t id, std::vector<int> const& members, int rank,
                                             transport::opening by) {
    return S(transport::basic_tcp<Use>(node, id, members, rank, by, plan::unsent(in->around.costs)));
  };
  from->streams = [lanes](std::uint64_t id, std::vector<int> const& members, int rank) {
    return lanes(id, members, rank, transport::opening::higher_rank);
  };
  from->messages = [lanes](std::uint64_t id, std::vector<int> const& members, int rank) {
    return lanes(id, members, rank, transport::opening::sender);
  };
  from->judge = joined->referee;
  from->around = {.crowded = crowded(joined->host_size),
                  .call_timeout = how.call_timeout,
                  .costs = joined->costs,
                  .preferred = plan::parse_preferences(how.algorithm)};
  for (auto const& peer : joined->peers) {  // one address, one host
    auto const same = std::find_if(joined->peers.begin(), joined->peers.end(),
                                   [&](auto const& p) { return p.address() == peer.address(); });
    from->hosts.push_back(static_cast<int>(same - joined->peers.begin()));
  }
  return from;
}

/// The world of a joined process.
template <class S, class Use>
[[nodiscard]] basic_communicator<S> make_world(std::shared_ptr<basic_tcp_world<Use>> const& joined,
                                               join_options const& how) {
  return {group::make_origin<S>(joined, how), world_id, group::everyone<Use>(joined->size), joined->rank};
}

/// The world of one of several rank threads.
template <class S, class Use>
[[nodiscard]] basic_communicator<S> make_world(std::shared_ptr<basic_local_world<Use>> const& world,
                                               std::shared_ptr<transport::basic_local_hub<Use>> const& hub, int rank,
                                               join_options const& how) {
  auto from = std::make_shared<origin<S>>();
  from->streams = [hub](std::uint64_t id, std::vector<int> const& members, int place) {
    return S(transport::basic_local<Use>(hub, id, members, place));
  };
  from->judge = world->referee(rank);
  machine here;
  here.cores = (std::max)(1U, std::thread::hardware_concurrency());
  here.per_host = world->size();
  from->around = {.crowded = crowded(world->size()),
                  .call_timeout = how.call_timeout,
                  .costs = plan::parse_machine(how.machine, here),
                  .preferred = plan::parse_preferences(how.algorithm)};
  from->hosts.assign(static_cast<std::size_t>(world->size()), 0);
  return {std::move(from), world_id, group::everyone<Use>(world->size()), rank};
}

/// No peers, no sockets.
template <class Use = on_use>
[[nodiscard]] basic_communicator<transport::basic_any<Use>> world_of_one(join_options const& how) {
  return group::make_world<transport::basic_any<Use>>(std::make_shared<basic_local_world<Use>>(1),
                                                      std::make_shared<transport::basic_local_hub<Use>>(), 0, how);
}

/// `how` completed by what the environment says, if it says anything; TUTTI_TIMEOUT, TUTTI_TRUSTED_NETWORK,
/// TUTTI_MACHINE and TUTTI_ALGORITHM always.
/// False: nobody said how to join.
template <class = on_use>
[[nodiscard]] bool complete_from(detail::environment_lookup const& lookup, join_options& how) {
  auto const settings = detail::read_settings(lookup);
  if (settings.trusted_network) how.trusted_network = true;
  if (settings.timeout.count() > 0) how.timeout = settings.timeout;
  if (char const* const told = lookup("TUTTI_MACHINE"); told != nullptr && how.machine.empty()) how.machine = told;
  if (char const* const told = lookup("TUTTI_ALGORITHM"); told != nullptr && how.algorithm.empty())
    how.algorithm = told;
  bool const explicitly = how.rank >= 0 || how.size >= 0 || !how.root.empty();
  auto const told = explicitly ? detail::world_from_environment{} : detail::read_environment(lookup);
  bool const launched = !told.launcher.empty();
  if (char const* const forced = lookup("TUTTI_TRANSPORT");
      forced != nullptr && (explicitly || launched) && std::string_view(forced) != "tcp")
    throw error(error_kind::config,
                "TUTTI_TRANSPORT='" + std::string(forced) + "' cannot connect processes; what can is tcp");
  if (explicitly) return true;
  if (!launched) return false;
  how.rank = told.rank;
  how.size = told.size;
  how.root = told.root;
  how.job = told.job;
  how.host_rank = told.local_rank;
  how.host_size = told.local_size;
  if (told.listener >= 0) how.listener = static_cast<transport::native_socket>(told.listener);
  return true;
}

}  // namespace group

/// Joins the world that `how` describes; where it sets neither rank, size nor root, the world the launcher's
/// environment describes (TUTTI_*, torchrun's); without either, a world of one. Blocks until all ranks are present, at
/// most how.timeout, and for about 15 ms more to measure the machine, unless its constants are given. Throws error:
/// config for options that cannot work, timeout naming the missing ranks, resource.
template <class Use = on_use>
[[nodiscard]] basic_communicator<transport::basic_any<Use>> join(join_options how = {}) {
  bool const told = group::complete_from(tutti::TUTTI_ABI::detail::system_environment(), how);
  if (!told || (how.size == 1 && how.root.empty())) {
    if (!how.secret.empty())
      throw error(error_kind::config, "a secret was given, but TLS is not built in: leave it out");
    return group::world_of_one<Use>(how);
  }
  auto const joined = group::join_world<Use>(how);
  auto from = group::make_origin<transport::basic_any<Use>>(joined, how);
  if (how.machine.empty() && joined->size > 1) group::calibrate(from, joined->size, joined->rank);
  return {std::move(from), group::world_id, group::everyone<Use>(joined->size), joined->rank};
}

}  // namespace tutti::inline TUTTI_ABI
