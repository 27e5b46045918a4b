// SPDX-License-Identifier: BSL-1.0
// Ranks for the libraries that have no launcher of their own.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>

#include "harness.hpp"

namespace bench {

/// Runs `body(rank, size)` in as many processes as `--np` says, which end with this one. Returns the exit code.
template <class Body>
int forked(int argc, char** argv, Body body) {
  int const size = std::stoi(option(argc, argv, "--np"));
  pid_t const parent = ::getpid();
  for (int rank = 0; rank < size; ++rank) {
    if (::fork() != 0) continue;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(3);
    try {
      body(rank, size);
      ::_exit(0);
    } catch (std::exception const& e) {
      std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
      ::_exit(1);
    }
  }
  for (int ended = 0; ended < size; ++ended) {
    int status = 0;
    if (::wait(&status) < 0 || status != 0) return 1;  // and the others die with this process
  }
  return 0;
}

}  // namespace bench
