// SPDX-License-Identifier: BSL-1.0
// Starts n copies of a program on this host and waits for them.
#pragma once

#include <string>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/group/process.hpp>

namespace tutti::inline TUTTI_ABI {

/// Starts `command` (program, then its arguments; the program is looked up in PATH) n times. Each copy that calls
/// `tutti::run` or `tutti::join` becomes one rank of one world.
///
/// Blocks until all have ended; none outlives this process. Rank 0 has this process's stdin and stdout. The stdout of
/// the others and everybody's stderr arrive line by line, with "[r2] " in front. The first rank to fail is named on
/// stderr, the others then have 10 s to end by themselves. SIGINT, SIGTERM and SIGHUP sent here end the ranks.
/// @returns 0, or the exit status of the rank named, or 128 + the signal that killed it or stopped this process.
/// @throws error `config` if n < 1, the program cannot be started, or other threads run in this process;
///         `resource` if the system refuses descriptors or processes.
template <class = on_use>
int launch(int n, std::vector<std::string> const& command) {
  return detail::exec_workers(n, command);
}

}  // namespace tutti::inline TUTTI_ABI
