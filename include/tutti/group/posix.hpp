// SPDX-License-Identifier: BSL-1.0
// What the process supervisor needs of POSIX: descriptors that close, pipes, signals put back as they were found.
#pragma once

#if !defined(_WIN32)

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

#include <tutti/core/error.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// Throws `resource`: "cannot <what>: <the system's words>".
[[noreturn]] inline void throw_system(std::string const& what, int code = errno) {
  throw error(error_kind::resource, "cannot " + what + ": " + std::generic_category().message(code));
}

/// Owns one descriptor.
class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    reset();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~unique_fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }
  void reset() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

/// A copy that is closed on exec and lies above 2: a caller may have closed its own stdin, and a pipe that landed there
/// would be overwritten when a child's stdio is connected.
[[nodiscard]] inline unique_fd above_stdio(unique_fd const& low) {
  int const copy = ::fcntl(low.get(), F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw_system("open a descriptor");
  return unique_fd(copy);
}

struct pipe_ends {
  unique_fd read, write;
};

[[nodiscard]] inline pipe_ends make_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe(ends.data()) != 0) throw_system("open a pipe");
  unique_fd const read(ends[0]);
  unique_fd const write(ends[1]);
  return {above_stdio(read), above_stdio(write)};
}

inline void set_nonblocking(int fd) noexcept { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

/// Raises the soft limit on descriptors to the hard one; children inherit it, the destructor takes it back.
class raised_descriptor_limit {
 public:
  raised_descriptor_limit() noexcept {
    if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) return;
    rlimit raised = before_;
    raised.rlim_cur = raised.rlim_max;
    changed_ = raised.rlim_cur != before_.rlim_cur && ::setrlimit(RLIMIT_NOFILE, &raised) == 0;
  }
  raised_descriptor_limit(raised_descriptor_limit const&) = delete;
  raised_descriptor_limit& operator=(raised_descriptor_limit const&) = delete;
  ~raised_descriptor_limit() {
    if (changed_) ::setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  bool changed_ = false;
};

/// The signal that asked this process to stop, or 0, and the pipe that wakes its poll. Written by a signal handler.
inline std::atomic<int> stop_signal{0};
inline std::atomic<int> stop_wakeup{-1};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch it");

inline void on_stop_signal(int signal) {
  int const saved = errno;
  stop_signal.store(signal);
  char const byte = 0;
  [[maybe_unused]] auto const written = ::write(stop_wakeup.load(), &byte, 1);
  errno = saved;
}

/// For as long as it lives, SIGINT, SIGTERM and SIGHUP are noted instead of obeyed (one that was ignored stays so),
/// SIGPIPE is ignored, and children wait to be reaped, whatever the program had arranged. Then all is as before.
class signal_scope {
 public:
  signal_scope() : wakeup_(make_pipe()) {
    set_nonblocking(wakeup_.read.get());
    set_nonblocking(wakeup_.write.get());
    stop_signal.store(0);
    stop_wakeup.store(wakeup_.write.get());
    sigset_t stops;
    sigemptyset(&stops);
    for (int const signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&stops, signal);
    ::pthread_sigmask(SIG_BLOCK, &stops, &mask_);  // until listen(): a child must not run our handler
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], nullptr, &before_[i]);
    set(SIGCHLD, SIG_DFL);
    set(SIGPIPE, SIG_IGN);
  }
  signal_scope(signal_scope const&) = delete;
  signal_scope& operator=(signal_scope const&) = delete;
  ~signal_scope() { restore(); }

  /// From here on the stop signals are noted.
  void listen() {
    for (std::size_t i = 0; i < 3; ++i)
      if (before_[i].sa_handler != SIG_IGN) set(signals[i], on_stop_signal);
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }

  /// Puts everything back; a new child calls it too.
  void restore() noexcept {
    if (!wakeup_.read.open()) return;
    for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before_[i], nullptr);
    stop_wakeup.store(-1);
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    wakeup_.read.reset();
    wakeup_.write.reset();
  }

  /// Readable once a stop signal has come.
  [[nodiscard]] int wakeup() const noexcept { return wakeup_.read.get(); }
  void drain_wakeup() const noexcept {
    std::array<char, 64> bytes{};
    while (::read(wakeup_.read.get(), bytes.data(), bytes.size()) > 0) continue;
  }

 private:
  static constexpr std::array<int, 5> signals{SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE};

  void set(int signal, void (*handler)(int)) noexcept {
    struct sigaction action {};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
  }

  pipe_ends wakeup_;
  sigset_t mask_{};
  std::array<struct sigaction, 5> before_{};
};

/// "SIGSEGV (signal 11)", or "signal 42" for one without a common name.
[[nodiscard]] inline std::string describe_signal(int signal) {
  constexpr struct {
    int value;
    char const* name;
  } names[] = {
      {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"},
      {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"},
      {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"}, {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
      {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"},
  };
  std::string const number = "signal " + std::to_string(signal);
  for (auto const& [value, name] : names)
    if (value == signal) return std::string(name) + " (" + number + ")";
  return number;
}

}  // namespace tutti::inline TUTTI_ABI::detail

#endif
