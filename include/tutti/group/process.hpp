// SPDX-License-Identifier: BSL-1.0
// Starts the ranks of a job on this host, as forks of this program or as copies of another, and supervises them.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/group/supervisor.hpp>

#if !defined(_WIN32)
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif
#endif

namespace tutti::inline TUTTI_ABI::detail {

/// What a started process knows of its job.
struct worker {
  int rank = 0;
  int size = 1;
  std::string root;                 ///< "127.0.0.1:port", where rank 0 listens already
  int listener = -1;                ///< rank 0: the descriptor that listens there, bound by the parent; elsewhere -1
  std::array<std::byte, 16> job{};  ///< random, the same in all ranks of one start
};

/// 32 lower-case hexadecimal digits.
template <class = on_use>
[[nodiscard]] std::string job_text(std::array<std::byte, 16> const& job) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::byte const b : job) {
    text.push_back(digits[std::to_integer<std::size_t>(b >> 4)]);
    text.push_back(digits[std::to_integer<std::size_t>(b & std::byte{15})]);
  }
  return text;
}

#if defined(_WIN32)

struct patience {};

template <class Body>
int fork_workers(int, Body&&, patience = {}) {
  throw error(error_kind::config, "--np needs fork, which Windows lacks; start the ranks yourself");
}

template <class = on_use>
int exec_workers(int, std::vector<std::string> const&, patience = {}) {
  throw error(error_kind::config, "launch needs fork, which Windows lacks; start the ranks yourself");
}

#else

/// Threads of this process, or 0 where the system does not say.
template <class = on_use>
[[nodiscard]] int count_threads() {
  DIR* const tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return 0;
  int count = 0;
  while (dirent const* const entry = ::readdir(tasks)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(tasks);
  return count;
}

/// Throws `config` while other threads live: they would be missing in the children, with their locks held, and the
/// children's lives hang on the thread that starts them. A thread that was just joined may be listed a moment longer.
template <class = on_use>
void require_single_thread() {
#if defined(__SANITIZE_THREAD__)
  constexpr int allowed = 2;  // the sanitizer's own
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  constexpr int allowed = 2;
#else
  constexpr int allowed = 1;
#endif
#else
  constexpr int allowed = 1;
#endif
  int count = 0;
  for (int tries = 0; tries < 100; ++tries) {
    count = count_threads();
    if (count <= allowed) return;
    timespec const moment{0, 1'000'000};
    ::nanosleep(&moment, nullptr);
  }
  throw error(error_kind::config, "cannot start ranks while " + std::to_string(count - allowed) +
                                      " other thread(s) run in this process; start them before the first thread");
}

/// A socket that listens on a free port of 127.0.0.1.
struct listening {
  unique_fd socket;
  std::string at;  ///< "127.0.0.1:port"
};

template <class = on_use>
[[nodiscard]] listening listen_on_loopback(int backlog) {
  unique_fd const made(::socket(AF_INET, SOCK_STREAM, 0));
  if (!made.open()) throw_system("open a socket");
  unique_fd socket = above_stdio(made);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::inet_addr("127.0.0.1");
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), generic, length) != 0 || ::listen(socket.get(), (std::max)(backlog, 128)) != 0 ||
      ::getsockname(socket.get(), generic, &length) != 0)
    throw_system("listen on 127.0.0.1");
  return {std::move(socket), "127.0.0.1:" + std::to_string(ntohs(address.sin_port))};
}

/// In a new child: dies with its parent, which may be dead already.
inline void die_with(pid_t parent) noexcept {
#if defined(__linux__)
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (::getppid() != parent) ::_exit(1);
}

/// In a new child: its stdin, stdout and stderr. Rank 0 keeps stdin and stdout as they are.
inline void connect_stdio(int rank, unique_fd out, unique_fd err) noexcept {
  if (rank != 0) {
    int const nothing = ::open("/dev/null", O_RDONLY);
    if (nothing >= 0 && nothing != STDIN_FILENO) {
      ::dup2(nothing, STDIN_FILENO);
      ::close(nothing);
    }
    ::dup2(out.get(), STDOUT_FILENO);
  }
  ::dup2(err.get(), STDERR_FILENO);
}

/// In a child: turns it into the rank. Does not return. If `trouble` is a descriptor, it is closed on exec, and an
/// errno written there tells the parent that the exec failed.
using become = std::function<void(worker const&, int trouble)>;

template <class Use = on_use>
int start_workers(int n, bool execs, patience wait, std::string const& what, become const& turn_into) {
  if (n < 1) throw error(error_kind::config, "cannot start " + std::to_string(n) + " ranks; at least 1 is needed");
  require_single_thread();
  raised_descriptor_limit const limit;
  worker next;
  next.size = n;
  listening port = listen_on_loopback(n);
  next.root = port.at;
  if (::getentropy(next.job.data(), next.job.size()) != 0) throw_system("draw a random job id");
  std::fflush(nullptr);  // or every child would write the parent's buffers again
  pid_t const parent = ::getpid();
  signal_scope signals;
  basic_supervisor<Use> ranks(signals, wait);
  for (next.rank = 0; next.rank < n; ++next.rank) {
    pipe_ends out = next.rank != 0 ? make_pipe() : pipe_ends{};
    pipe_ends err = make_pipe();
    pipe_ends trouble = execs ? make_pipe() : pipe_ends{};
    pid_t const pid = ::fork();
    if (pid < 0) throw_system("start rank " + std::to_string(next.rank));
    if (pid == 0) {
      die_with(parent);
      ranks.release();
      signals.restore();
      out.read.reset();
      err.read.reset();
      trouble.read.reset();
      connect_stdio(next.rank, std::move(out.write), std::move(err.write));
      next.listener = port.socket.get();
      turn_into(next, trouble.write.get());
      ::_exit(1);
    }
    ranks.add(pid, std::move(out.read), std::move(err.read));
    port.socket.reset();  // rank 0 has it; the others never see it
    trouble.write.reset();
    int code = 0;
    if (execs && ::read(trouble.read.get(), &code, sizeof code) == sizeof code) {
      std::string const why = std::generic_category().message(code);
      throw error(error_kind::config, "cannot start '" + what + "': " + why);
    }
  }
  return ranks.watch();
}

/// Ends a forked rank the way main's return would: static destructors run, stdio is flushed.
[[noreturn]] inline void leave(int result) { std::exit(result != 0 && (result & 0xff) == 0 ? 1 : result); }

/// Forks n ranks of this program. Each runs body(worker) -> int or void and exits with its result inside this call (1
/// if an exception escapes, whose text it prints). Returns in the parent only, when all have ended and been reaped:
/// supervisor::watch()'s exit code. Throws `config` if other threads run, `resource` if the system refuses.
template <class Body>
int fork_workers(int n, Body&& body, patience wait = {}) {
  return start_workers(n, false, wait, {}, [&body](worker const& self, int) {
    // The lines of a rank that crashes should not be lost in its buffer.
    if (self.rank != 0) std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    int result = 0;
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<Body&, worker const&> >)
        std::invoke(body, self);
      else
        result = std::invoke(body, self);
    } catch (std::exception const& problem) {
      std::fprintf(stderr, "tutti: %s\n", problem.what());
      result = 1;
    } catch (...) {
      std::fputs("tutti: an exception that is not a std::exception\n", stderr);
      result = 1;
    }
    leave(result);
  });
}

/// Starts n copies of another program (found in PATH), which learn who they are from TUTTI_RANK, TUTTI_WORLD_SIZE,
/// TUTTI_LOCAL_RANK, TUTTI_LOCAL_SIZE, TUTTI_ROOT, TUTTI_JOB_ID and, on rank 0, TUTTI_LISTEN_FD. Returns as
/// fork_workers does; throws `config` also if the program cannot be started.
template <class Use = on_use>
int exec_workers(int n, std::vector<std::string> const& command, patience wait = {}) {
  if (command.empty()) throw error(error_kind::config, "no program to start was given");
  std::vector<later<std::string, Use> > words = command;
  std::vector<later<char*, Use> > arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return start_workers(n, true, wait, command.front(), [&arguments](worker const& self, int trouble) {
    auto const set = [](char const* name, std::string const& value) { ::setenv(name, value.c_str(), 1); };
    for (char const* const rank : {"TUTTI_RANK", "TUTTI_LOCAL_RANK"}) set(rank, std::to_string(self.rank));
    for (char const* const size : {"TUTTI_WORLD_SIZE", "TUTTI_LOCAL_SIZE"}) set(size, std::to_string(self.size));
    set("TUTTI_ROOT", self.root);
    set("TUTTI_JOB_ID", job_text(self.job));
    ::unsetenv("TUTTI_LISTEN_FD");
    ::unsetenv("TUTTI_LAUNCHER");  // whatever launcher is above us, they were started by this one
    if (self.listener >= 0) {
      set("TUTTI_LISTEN_FD", std::to_string(self.listener));
      ::fcntl(self.listener, F_SETFD, 0);
    }
    ::execvp(arguments.front(), arguments.data());
    int const code = errno;
    [[maybe_unused]] auto const told = ::write(trouble, &code, sizeof code);
    ::_exit(127);
  });
}

#endif

}  // namespace tutti::inline TUTTI_ABI::detail
