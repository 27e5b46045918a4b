// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#if !defined(_WIN32)

#include <cstdlib>
#include <set>
#include <string>

#include <tutti/group/launch.hpp>

#include "captured.hpp"

using testing::lines;
using testing::run;

TEST_CASE("a started program learns its place from the environment, and rank 0 inherits the listener") {
  auto const seen = run([] {
    ::setenv("TUTTI_LAUNCHER", "torchrun", 1);
    ::setenv("TUTTI_LISTEN_FD", "77", 1);
    return tutti::launch(3, {"sh", "-c",
                             "echo $TUTTI_RANK $TUTTI_WORLD_SIZE $TUTTI_LOCAL_RANK $TUTTI_LOCAL_SIZE "
                             "${TUTTI_ROOT%:*} ${#TUTTI_JOB_ID} ${TUTTI_LAUNCHER-none} "
                             "$(readlink /proc/$$/fd/${TUTTI_LISTEN_FD-none} | cut -c 1-6) >&2"});
  });
  CHECK(seen.code == 0);
  CHECK(lines(seen.err) == std::multiset<std::string>{"[r0] 0 3 0 3 127.0.0.1 32 none socket",
                                                      "[r1] 1 3 1 3 127.0.0.1 32 none",
                                                      "[r2] 2 3 2 3 127.0.0.1 32 none"});
}

TEST_CASE("what cannot be started is one error, before anything runs") {
  auto const missing = run([] { return tutti::launch(3, {"/nonexistent/worker"}); });
  CHECK(missing.code == 99);
  CHECK(missing.err == "config: cannot start '/nonexistent/worker': No such file or directory\n");
  CHECK(run([] { return tutti::launch(3, {}); }).err == "config: no program to start was given\n");
  CHECK(run([] { return tutti::launch(0, {"true"}); }).err == "config: cannot start 0 ranks; at least 1 is needed\n");
}

#endif
