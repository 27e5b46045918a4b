// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "harness.hpp"

using namespace faults;

namespace {

struct outcome {
  int status = -1;      ///< of the parent of the ranks, as waitpid gives it
  std::string printed;  ///< stdout and stderr
  bool strays = true;   ///< somebody outlived it
  std::int64_t took = 0;
};

/// A whole job as a user starts it: `program --np 4`, in a process of its own.
template <class Program>
outcome start_job(Program program, int kill_parent_after_lines = 0) {
#if defined(__linux__)
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
  auto [from, to] = tutti::detail::make_pipe();
  std::fflush(nullptr);
  auto const begin = now();
  pid_t const pid = ::fork();
  if (pid == 0) {
    ::dup2(to.get(), STDOUT_FILENO);
    ::dup2(to.get(), STDERR_FILENO);
    from.reset();
    to.reset();
    for (int s : {SIGABRT, SIGSEGV, SIGTERM, SIGINT}) ::signal(s, SIG_DFL);
    std::string name = "program", np = "--np", four = "4";
    char* arguments[] = {name.data(), np.data(), four.data(), nullptr};
    char** argv = arguments;
    int argc = 3;
    int const code = tutti::run(argc, argv, program, {.timeout = 20s, .heartbeat = 500ms});
    std::fflush(nullptr);
    ::_exit(code);
  }
  to.reset();
  outcome o;
  char block[4096];
  pollfd readable{from.get(), POLLIN, 0};
  while (::poll(&readable, 1, 20'000) == 1) {
    auto const n = ::read(from.get(), block, sizeof block);
    if (n <= 0) break;
    o.printed.append(block, static_cast<std::size_t>(n));
    if (kill_parent_after_lines > 0 &&
        std::count(o.printed.begin(), o.printed.end(), '\n') >= kill_parent_after_lines) {
      kill_parent_after_lines = 0;
      ::kill(pid, SIGKILL);
    }
  }
  while (::waitpid(pid, &o.status, 0) < 0 && errno == EINTR) continue;
  o.took = now() - begin;
  // Ranks whose parent was killed die with it; the kernel gives them to us.
  auto const until = now() + 5'000'000'000;
  pid_t other = 0;
  while ((other = ::waitpid(-1, nullptr, WNOHANG)) != -1 && now() < until)
    if (other == 0) ::sched_yield();
  o.strays = other != -1;
  return o;
}

int lines_with(std::string const& all, std::string const& words) {
  int n = 0;
  for (std::size_t at = all.find(words); at != all.npos; at = all.find(words, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE(
    "a job whose rank is killed ends with that rank's name, each survivor's call, its signal as exit code, and nobody "
    "left") {
  auto const o = start_job([](tutti::communicator& world) {
    std::vector<float> gradient(1000);
    for (int step = 0;; ++step) {
      if (step == 5 && world.rank() == 1) ::raise(SIGKILL);
      allreduce(world, gradient, {.label = "gradient"});
    }
  });
  INFO(o.printed);
  CHECK(WIFEXITED(o.status));
  CHECK(WEXITSTATUS(o.status) == 128 + SIGKILL);
  CHECK(!o.strays);
  // A survivor may hear of it while it is still in the call before, of which rank 1 has done its part.
  CHECK(lines_with(o.printed, "allreduce #6 'gradient' (run.cpp:") +
            lines_with(o.printed, "allreduce #5 'gradient' (run.cpp:") ==
        3);
  CHECK(lines_with(o.printed, "rank 1 is gone: its process ended without leaving") == 3);
  CHECK(has(o.printed, "tutti: rank 1 was killed by SIGKILL (signal 9) after "));
  CHECK(o.took < 10'000'000'000);
}

TEST_CASE("a job whose rank throws prints its text, tells the others, and exits with 1") {
  auto const o = start_job([](tutti::communicator& world) {
    barrier(world);
    if (world.rank() == 2) throw std::runtime_error("no such file: data.bin");
    for (;;) barrier(world);
  });
  INFO(o.printed);
  CHECK(WIFEXITED(o.status));
  CHECK(WEXITSTATUS(o.status) == 1);
  CHECK(!o.strays);
  CHECK(has(o.printed, "tutti: rank 2: no such file: data.bin"));
  CHECK(lines_with(o.printed, "rank 2 gave up: no such file: data.bin") == 3);
  CHECK(has(o.printed, "tutti: rank 2 exited with status 1"));
}

TEST_CASE("a rank that exits with 3 gives the job that exit code") {
  auto const o = start_job([](tutti::communicator& world) {
    barrier(world);
    if (world.rank() == 3) std::exit(3);
    for (;;) barrier(world);
  });
  INFO(o.printed);
  CHECK(WIFEXITED(o.status));
  CHECK(WEXITSTATUS(o.status) == 3);
  CHECK(!o.strays);
  CHECK(has(o.printed, "tutti: rank 3 exited with status 3"));
}

TEST_CASE("ranks die with the parent that started them") {
  auto const o = start_job(
      [](tutti::communicator& world) {
        barrier(world);
        if (world.rank() == 0) {
          std::puts("all are here");
          std::fflush(stdout);
        }
        for (;;) ::pause();
      },
      1);
  INFO(o.printed);
  CHECK(WIFSIGNALED(o.status));
  CHECK(!o.strays);
  CHECK(o.took < 10'000'000'000);
}

TEST_CASE("a healthy job ends with 0 and says nothing of its own") {
  auto const o = start_job([](tutti::communicator& world) {
    for (int i = 0; i < 50; ++i) barrier(world);
    if (world.rank() != 0) std::puts("done");
  });
  INFO(o.printed);
  CHECK(WIFEXITED(o.status));
  CHECK(WEXITSTATUS(o.status) == 0);
  CHECK(!o.strays);
  CHECK(lines_with(o.printed, "done\n") == 3);
  CHECK(lines_with(o.printed, "tutti:") == 0);
}
