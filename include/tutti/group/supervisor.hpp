// SPDX-License-Identifier: BSL-1.0
// The parent of the ranks on one host: passes their output on, names the first that fails, leaves none behind.
#pragma once

#include <tutti/core/version.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// The exit code of a rank that has only heard of another's failure (EX_PROTOCOL of sysexits.h): a survivor may end
/// before the one it survives, whose streams the kernel closes first, and must not be taken for the cause.
inline constexpr int survivor_status = 76;

}  // namespace tutti::inline TUTTI_ABI::detail

#if !defined(_WIN32)

#include <poll.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/group/posix.hpp>
#include <tutti/group/prefixed_lines.hpp>

namespace tutti::inline TUTTI_ABI::detail {

/// How long the supervisor waits before each of its steps.
struct patience {
  std::chrono::milliseconds naming{500};       ///< for the cause behind the first rank that merely exited non-zero
  std::chrono::milliseconds survivors{10000};  ///< from the first failure until the others are told to end
  std::chrono::milliseconds terminate{2000};   ///< from then until they are killed
  std::chrono::milliseconds stop{
      5000};  ///< from a signal to this process, passed on at once, until the ranks are killed
};

/// Where prefixed lines go: this process's stdout or stderr.
template <class = on_use>
class basic_output {
 public:
  explicit basic_output(int fd) : fd_(fd) {
    char const* const plain = std::getenv("NO_COLOR");
    coloured_ = (plain == nullptr || *plain == '\0') && ::isatty(fd) == 1;
  }
  [[nodiscard]] bool coloured() const noexcept { return coloured_; }

  /// Writes everything, waiting for a slow reader; gives up for good when the reader is gone, or when it is still not
  /// reading once `stopping` descends or `wakeup` becomes readable.
  void write(std::string_view bytes, int wakeup, bool stopping) {
    while (!bytes.empty() && !lost_) {
      std::array<pollfd, 2> waits{{{fd_, POLLOUT, 0}, {stopping ? -1 : wakeup, POLLIN, 0}}};
      int const ready = ::poll(waits.data(), waits.size(), stopping ? 100 : -1);
      if (ready < 0 && errno == EINTR) continue;
      if (waits[0].revents == 0) {
        lost_ = stopping;
        if (!stopping) stopping = true;
        continue;
      }
      auto const n = ::write(fd_, bytes.data(), (std::min)(bytes.size(), at_once));
      if (n > 0)
        bytes.remove_prefix(static_cast<std::size_t>(n));
      else if (n < 0 && errno != EINTR && errno != EAGAIN)
        lost_ = true;
    }
  }

 private:
  static constexpr std::size_t at_once = 4096;  // what poll promises a pipe takes without blocking

  int fd_;
  bool coloured_ = false;
  bool lost_ = false;
};
using output = basic_output<>;

/// Owns the children that were added, until watch() has seen them all end; its destructor kills and reaps the rest.
template <class Use = on_use>
class basic_supervisor {
  using output = basic_output<Use>;
  using clock = std::chrono::steady_clock;

 public:
  basic_supervisor(signal_scope& signals, patience wait) : signals_(signals), wait_(wait), started_(clock::now()) {}
  basic_supervisor(basic_supervisor const&) = delete;
  basic_supervisor& operator=(basic_supervisor const&) = delete;
  ~basic_supervisor() {
    send(SIGKILL);
    for (auto& each : ranks_)
      while (each.running && ::waitpid(each.pid, nullptr, 0) < 0 && errno == EINTR) continue;
  }

  /// Takes the next rank: its process, and the read ends of its stdout (none for rank 0) and stderr.
  void add(pid_t pid, unique_fd out, unique_fd err) {
    int const rank = static_cast<int>(ranks_.size());
    member next;
    next.pid = pid;
#if defined(__linux__) && defined(SYS_pidfd_open)
    next.death = unique_fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
#endif
    for (auto* end : {&out, &err})
      if (end->open()) set_nonblocking(end->get());
    next.streams[0] = {std::move(out), prefixed_lines(rank_prefix(rank, outputs_[0].coloured()))};
    next.streams[1] = {std::move(err), prefixed_lines(rank_prefix(rank, outputs_[1].coloured()))};
    ranks_.push_back(std::move(next));
    ++running_;
  }

  /// In a new child: closes what only the parent needs.
  void release() noexcept { ranks_.clear(); }

  /// Returns when every rank has ended: 0, or the exit status of the rank that was named, 128 + the signal for one
  /// that was killed; if nothing failed before a signal stopped this process, 128 + that signal.
  int watch() {
    signals_.listen();
    while (running_ > 0) {
      sleep();
      reap();
      relay();
      judge();
    }
    finish_lines();
    if (culprit_ >= 0) return exit_code(ranks_[static_cast<std::size_t>(culprit_)].status);
    return stopped_by_ != 0 && failed_ ? 128 + stopped_by_ : 0;
  }

 private:
  struct stream {
    unique_fd from;
    prefixed_lines lines{""};
  };
  struct member {
    pid_t pid = -1;
    unique_fd death;  // readable once the process has ended
    std::array<stream, 2> streams;
    bool running = true;
    int status = 0;  // as waitpid gives it
    clock::time_point ended{};
  };

  static bool killed(int status) noexcept { return WIFEXITED(status) == 0; }
  /// Of several that failed at about the same time, the one with the most of it is named, then the first.
  static int suspicion(int status) noexcept { return killed(status) ? 2 : WEXITSTATUS(status) != survivor_status; }
  static int exit_code(int status) noexcept { return killed(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

  // Until output, a death, a stop signal, or the next deadline.
  void sleep() {
    std::vector<pollfd> waits{{signals_.wakeup(), POLLIN, 0}};
    auto until = (std::min)(terminate_at_, kill_at_);
    auto const no_later_than = [&](clock::time_point at) { until = (std::min)(until, at); };
    for (auto const& each : ranks_) {
      if (each.running && each.death.open()) waits.push_back({each.death.get(), POLLIN, 0});
      if (each.running && !each.death.open()) no_later_than(clock::now() + std::chrono::milliseconds(20));
      for (auto const& from : each.streams)
        if (from.from.open()) waits.push_back({from.from.get(), POLLIN, 0});
    }
    if (culprit_ >= 0 && !named_) no_later_than(first_failure_ + wait_.naming);
    int timeout = -1;
    if (until != never) {
      auto const left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
      timeout = static_cast<int>((std::max)(left.count(), std::chrono::milliseconds::rep{0}));
    }
    ::poll(waits.data(), static_cast<nfds_t>(waits.size()), timeout);
  }

  void reap() {
    auto const now = clock::now();
    std::vector<std::size_t> ended;
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
      auto& each = ranks_[rank];
      if (!each.running) continue;
      pid_t const got = ::waitpid(each.pid, &each.status, WNOHANG);
      if (got != each.pid && !(got < 0 && errno == ECHILD)) continue;
      if (got != each.pid)
        each.status = 1 << 8;  // somebody else reaped it: how it ended is lost, so count it as failed
      each.running = false;
      each.ended = now;
      each.death.reset();
      --running_;
      if (exit_code(each.status) != 0) ended.push_back(rank);
    }
    // A terminal's Ctrl-C reaches ranks and parent alike. The kernel marks all of them before any can end, so looking
    // here, after waitpid, never blames a rank for it.
    note_stop(now);
    failed_ = failed_ || !ended.empty();
    if (stopped_by_ != 0) return;
    for (std::size_t const rank : ended) {
      if (culprit_ < 0) {
        first_failure_ = now;
        terminate_at_ = now + wait_.survivors;
      } else if (named_ || suspicion(ranks_[rank].status) <= suspicion(culprit().status)) {
        continue;
      }
      culprit_ = static_cast<int>(rank);
    }
  }

  void note_stop(clock::time_point now) {
    int const signal = stop_signal.exchange(0);
    if (signal == 0) return;
    signals_.drain_wakeup();
    if (stopped_by_ != 0) return;
    stopped_by_ = signal;
    terminate_at_ = never;
    kill_at_ = (std::min)(kill_at_, now + wait_.stop);
    send(SIGTERM);
  }

  void relay() {
    std::string text;
    std::array<char, 64 * 1024> bytes;
    for (auto& each : ranks_) {
      for (std::size_t i = 0; i < each.streams.size(); ++i) {
        auto& [from, lines] = each.streams[i];
        // A pipe holds less than this; the bound keeps one busy rank from hiding the others.
        for (int pieces = 0; pieces < 16 && from.open(); ++pieces) {
          auto const n = ::read(from.get(), bytes.data(), bytes.size());
          if (n < 0 && errno == EINTR) continue;
          if (n < 0) break;
          text.clear();
          if (n == 0) {
            lines.finish(text);
            from.reset();
          } else {
            lines.feed({bytes.data(), static_cast<std::size_t>(n)}, text);
          }
          print(outputs_[i], text);
        }
      }
    }
  }

  // A process that a rank started and left behind may hold a pipe open for ever: it is not waited for.
  void finish_lines() {
    std::string text;
    for (auto& each : ranks_) {
      for (std::size_t i = 0; i < each.streams.size(); ++i) {
        text.clear();
        each.streams[i].lines.finish(text);
        each.streams[i].from.reset();
        print(outputs_[i], text);
      }
    }
  }

  void judge() {
    auto const now = clock::now();
    if (culprit_ >= 0 && !named_) {
      bool const sure = killed(culprit().status) || now >= first_failure_ + wait_.naming;
      if (sure || running_ == 0 || stopped_by_ != 0) name_culprit();
    }
    if (now >= terminate_at_) {
      terminate_at_ = never;
      kill_at_ = now + wait_.terminate;
      send(SIGTERM);
    }
    if (now >= kill_at_) {
      kill_at_ = never;
      send(SIGKILL);
    }
  }

  void name_culprit() {
    named_ = true;
    auto const& who = culprit();
    auto const tenths = std::chrono::duration_cast<std::chrono::milliseconds>(who.ended - started_).count() / 100;
    std::string const how = killed(who.status) ? "was killed by " + describe_signal(WTERMSIG(who.status))
                                               : "exited with status " + std::to_string(WEXITSTATUS(who.status));
    print(outputs_[1], "tutti: rank " + std::to_string(culprit_) + " " + how + " after " + std::to_string(tenths / 10) +
                           "." + std::to_string(tenths % 10) + " s\n");
  }

  void print(output& to, std::string_view text) { to.write(text, signals_.wakeup(), stopped_by_ != 0); }

  void send(int signal) noexcept {
    for (auto const& each : ranks_)
      if (each.running) ::kill(each.pid, signal);
  }

  [[nodiscard]] member const& culprit() const { return ranks_[static_cast<std::size_t>(culprit_)]; }

  signal_scope& signals_;
  patience wait_;
  clock::time_point started_;
  std::array<output, 2> outputs_{output(STDOUT_FILENO), output(STDERR_FILENO)};
  std::vector<member> ranks_;
  std::size_t running_ = 0;
  int culprit_ = -1;     // the rank to name
  bool named_ = false;   // it has been: nothing changes it any more
  bool failed_ = false;  // some rank did not end with 0
  int stopped_by_ = 0;   // the signal that this process was sent
  clock::time_point first_failure_{};
  static constexpr clock::time_point never = (clock::time_point::max)();
  clock::time_point terminate_at_ = never;
  clock::time_point kill_at_ = never;
};
using supervisor = basic_supervisor<>;

}  // namespace tutti::inline TUTTI_ABI::detail

#endif
