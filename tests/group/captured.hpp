// SPDX-License-Identifier: BSL-1.0
// Runs a function in a child process, with default signals, and gives back what it wrote and how it ended.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <set>
#include <sstream>
#include <string>

#include <tutti/core/error.hpp>

namespace testing {

inline std::string slurp(std::FILE* file) {
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text.push_back(static_cast<char>(c));
  return text;
}

struct result {
  int code;  // 128 + signal if the supervisor itself was killed
  std::string out, err;
};

// Runs `job` in a child whose stdout and stderr go to files; `meanwhile(pid)` runs here.
inline result run(
    std::function<int()> const& job, std::function<void(pid_t)> const& meanwhile = [](pid_t) {}) {
  std::FILE* const out = std::tmpfile();
  std::FILE* const err = std::tmpfile();
  std::fflush(nullptr);
  pid_t const pid = ::fork();
  if (pid == 0) {
    for (int const signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGABRT, SIGSEGV}) ::signal(signal, SIG_DFL);
    ::dup2(::fileno(out), STDOUT_FILENO);
    ::dup2(::fileno(err), STDERR_FILENO);
    int code = 99;
    try {
      code = job();
    } catch (tutti::error const& problem) {
      std::fprintf(stderr, "%s: %s\n", std::string(to_string(problem.kind())).c_str(), problem.what());
    }
    std::fflush(nullptr);
    std::_Exit(code);
  }
  meanwhile(pid);
  int status = 0;
  ::waitpid(pid, &status, 0);
  result const seen{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), slurp(out), slurp(err)};
  std::fclose(out);
  std::fclose(err);
  return seen;
}

inline std::multiset<std::string> lines(std::string const& text) {
  std::multiset<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.insert(line);
  return all;
}

}  // namespace testing
