// SPDX-License-Identifier: BSL-1.0
// run: the whole of a program's main. Starts ranks if asked, joins, calls the program, and turns its end into an exit
// code.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/group/join.hpp>
#include <tutti/group/process.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// What run() found among the program's arguments, and took out.
struct run_arguments {
  int np = 0;  ///< 0: not given
};

/// Takes `--np N` and `--tutti-… VALUE` out of argv (`--np=N` too). Throws config for one that makes no sense.
template <class = on_use>
run_arguments take_arguments(int& argc, char** argv, join_options& how) {
  run_arguments found;
  int kept = argc > 0 ? 1 : 0;
  for (int i = kept; i < argc; ++i) {
    std::string_view const argument(argv[i]);
    auto const equals = argument.find('=');
    std::string_view const name = argument.substr(0, equals);
    if (argument == "--") {
      while (i < argc) argv[kept++] = argv[i++];
      break;
    }
    if (name != "--np" && !name.starts_with("--tutti-")) {
      argv[kept++] = argv[i];
      continue;
    }
    std::string_view text;
    if (equals != argument.npos)
      text = argument.substr(equals + 1);
    else if (i + 1 < argc)
      text = argv[++i];
    else
      throw error(error_kind::config, std::string(name) + " needs a value");
    if (name == "--np") {
      found.np = detail::parse_variable(name, text, 1, 4096);
    } else if (name == "--tutti-timeout") {
      how.timeout = std::chrono::seconds(detail::parse_variable(name, text, 1, 1'000'000));
    } else if (name == "--tutti-call-timeout") {
      how.call_timeout = std::chrono::seconds(detail::parse_variable(name, text, 1, 1'000'000));
    } else if (name == "--tutti-heartbeat-ms") {
      how.heartbeat = std::chrono::milliseconds(detail::parse_variable(name, text, 10, 1'000'000));
    } else {
      throw error(error_kind::config,
                  "unknown option " + std::string(name) +
                      "; there are --np, --tutti-timeout, --tutti-call-timeout, --tutti-heartbeat-ms");
    }
  }
  if (argc > kept) argv[kept] = nullptr;
  argc = kept;
  return found;
}

template <class World, class Program>
int call_program(World& world, Program& program) {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Program&, World&>>) {
      program(world);
      return 0;
    } else {
      return static_cast<int>(program(world));
    }
  } catch (error const& problem) {
    std::fprintf(stderr, "tutti: rank %d: %s\n", world.rank(), problem.what());
    world.give_up(problem.what());
    if (problem.rank() >= 0 && problem.rank() != world.members()[static_cast<std::size_t>(world.rank())])
      return survivor_status;
  } catch (std::exception const& problem) {
    std::fprintf(stderr, "tutti: rank %d: %s\n", world.rank(), problem.what());
    world.give_up(problem.what());
  } catch (...) {
    std::fprintf(stderr, "tutti: rank %d: an exception that is no std::exception\n", world.rank());
    world.give_up("its program threw something that is no std::exception");
  }
  return 1;
}

}  // namespace detail

/// Runs `program(communicator& world)` and returns the process's exit code: 0, what the program returned, or 1 after an
/// exception, which is printed once and aborts the other ranks; 76 if all it says is that another rank failed. `--np N`
/// starts N processes on this host (and is taken out of argv, as is every `--tutti-…`); under a launcher the process
/// joins that job; otherwise the world has one rank. With `--np` the ranks end inside this call and only the parent
/// returns, with the first failed rank's code. Needs a process without other threads then. `defaults` are the join's
/// options.
template <class Program, class Use = on_use>
int run(int& argc, char**& argv, Program program, join_options defaults = {}) {
  try {
    auto const found = detail::take_arguments<Use>(argc, argv, defaults);
    join_options asked = defaults;
    bool const launched = group::complete_from<Use>(detail::system_environment(), asked);
    if (!launched && found.np > 1) {
      return detail::fork_workers(found.np, [&](detail::worker const& self) {
        asked.rank = self.rank;
        asked.size = self.size;
        asked.root = self.root;
        asked.job = detail::job_text(self.job);
        if (self.listener >= 0) asked.listener = static_cast<transport::native_socket>(self.listener);
        auto world = tutti::TUTTI_ABI::join<Use>(asked);
        return detail::call_program(world, program);
      });
    }
    auto world = launched ? tutti::TUTTI_ABI::join<Use>(asked) : group::world_of_one<Use>(asked);
    return detail::call_program(world, program);
  } catch (std::exception const& problem) {
    std::fprintf(stderr, "tutti: %s\n", problem.what());
    return 1;
  }
}

}  // namespace tutti::inline TUTTI_ABI
