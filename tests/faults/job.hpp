// SPDX-License-Identifier: BSL-1.0
// Real processes as ranks of real worlds, and a parent that watches from outside, breaks them, and hears how each
// ended.
#pragma once

#include <doctest/doctest.h>

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "record.hpp"

namespace faults {

/// One world of processes on loopback.
class job {
 public:
  explicit job(int size) : size_(size), ranks_(static_cast<std::size_t>(size)) {
#if defined(__linux__)
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // an orphan of an orphan becomes our child, and is found
#endif
    auto [listener, root] = tutti::detail::listen_on_loopback(size);
    listener_ = std::move(listener);
    how.root = root;
    how.size = size;
    how.job = "faults " + std::to_string(::getpid()) + " " + root;
    how.timeout = 20s;
    void* const page = ::mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page != MAP_FAILED);
    shared = new (page) board;
  }
  job(job const&) = delete;
  job& operator=(job const&) = delete;
  ~job() {
    for (auto const& r : ranks_)
      if (r.pid > 0 && !r.ended) ::kill(r.pid, SIGKILL);
    for (auto& r : ranks_) reap(r);
    ::munmap(shared, sizeof(board));
  }

  tutti::join_options how;  ///< of every rank; rank and listener are filled in
  board* shared = nullptr;
  bool ranks_abort = false;
  void (*prelude)() = nullptr;  ///< run in each rank before it joins

  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] std::uint16_t root_port() const {
    return static_cast<std::uint16_t>(std::stoi(how.root.substr(how.root.rfind(':') + 1)));
  }

  /// Forks a rank that joins and runs program(world, seat). `slot`: where its records go.
  template <class Program>
  void start(int slot, tutti::join_options mine, Program const& program) {
    member& m = ranks_[static_cast<std::size_t>(slot)];
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    tutti::detail::unique_fd ours(ends[0]);
    tutti::detail::unique_fd theirs(ends[1]);
    std::fflush(nullptr);
    pid_t const parent = ::getpid();
    m.pid = ::fork();
    REQUIRE(m.pid >= 0);
    if (m.pid == 0) {
      tutti::detail::die_with(parent);
      ours.reset();
      for (auto& other : ranks_) other.line.reset();
      if (mine.rank == 0 && listener_.open()) mine.listener = ::dup(listener_.get());  // owned by the join
      listener_.reset();
      for (int s : {SIGABRT, SIGSEGV, SIGTERM, SIGINT, SIGFPE, SIGILL, SIGPIPE}) ::signal(s, SIG_DFL);
      seat self;
      self.rank = mine.rank;
      self.shared = shared;
      self.line = theirs.get();
      self.aborts = ranks_abort;
      if (prelude != nullptr) prelude();
      live(self, mine, program);
      ::_exit(0);
    }
    m.line = std::move(ours);
  }
  template <class Program>
  void start(int rank, Program const& program) {
    tutti::join_options mine = how;
    mine.rank = rank;
    start(rank, mine, program);
  }
  template <class Program>
  void start_all(Program const& program) {
    for (int r = 0; r < size_; ++r) start(r, program);
    listener_.reset();
  }
  /// Rank 0 has it: nobody may be left waiting in the queue of a socket that only the parent holds.
  void close_listener() { listener_.reset(); }
  tutti::detail::unique_fd& listener() { return listener_; }

  /// Until `rank` has said that it is ready. False if it ended or the watchdog's patience did.
  bool wait_ready(int rank) {
    member& m = ranks_[static_cast<std::size_t>(rank)];
    while (!m.ready && !m.ended && hear(20s)) continue;
    return m.ready;
  }
  bool wait_all_ready() {
    bool all = true;
    for (int r = 0; r < size_; ++r) all = wait_ready(r) && all;
    return all;
  }
  [[nodiscard]] record const& first_news(int rank) const { return ranks_[static_cast<std::size_t>(rank)].introduction; }
  void go(int rank) { (void)!::send(ranks_[static_cast<std::size_t>(rank)].line.get(), "g", 1, MSG_NOSIGNAL); }
  void signal(int rank, int number) { ::kill(ranks_[static_cast<std::size_t>(rank)].pid, number); }
  /// The fault: the clock starts just before it.
  void strike(int rank, int number) {
    shared->fault_at = now();
    signal(rank, number);
  }
  /// Until this rank's process has ended. False: the watchdog ended it.
  bool wait_end(int rank, std::chrono::milliseconds patience = 20s) {
    member& m = ranks_[static_cast<std::size_t>(rank)];
    while (!m.ended && hear(patience)) continue;
    if (m.ended) return true;
    ::kill(m.pid, SIGKILL);
    reap(m);
    return false;
  }
  /// Until all have ended, then checks that nobody else is left behind.
  bool wait_all_end(std::chrono::milliseconds patience = 20s) {
    bool all = true;
    for (int r = 0; r < size_; ++r)
      if (ranks_[static_cast<std::size_t>(r)].pid > 0) all = wait_end(r, patience) && all;
    if (::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD) strays = true;
    return all;
  }
  bool strays = false;  ///< a process outlived its job

  /// What the rank said last; none if it ended without a word.
  [[nodiscard]] record const& said(int rank) const { return ranks_[static_cast<std::size_t>(rank)].last; }
  /// As waitpid gives it.
  [[nodiscard]] int status(int rank) const { return ranks_[static_cast<std::size_t>(rank)].status; }
  /// From the fault to the throw.
  [[nodiscard]] std::int64_t took(int rank) const { return said(rank).at - shared->fault_at; }

 private:
  struct member {
    pid_t pid = -1;
    tutti::detail::unique_fd line;
    bool ready = false;
    bool ended = false;
    int status = -1;
    record introduction{};
    record last{};
  };

  template <class Program>
  static void live(seat& self, tutti::join_options const& mine, Program const& program) {
    record r;
    int const before = open_descriptors() - (mine.listener >= 0 ? 1 : 0);
    try {
      auto const joined = tutti::group::join_world(mine);
      for (std::size_t k = 0; k < joined->peers.size() && k < 8; ++k) self.ports[k] = joined->peers[k].port();
      auto world = tutti::group::make_world<tutti::transport::any>(joined, mine);
      try {
        program(world, self);
        r.what = record::news::returned;
      } catch (tutti::error const& e) {
        note(r, e);
        ask_again(r, world);
        if (self.aborts) world.give_up(e.what());
      }
    } catch (tutti::error const& e) {
      note(r, e);
    } catch (std::exception const& e) {
      r.at = now();
      r.what = record::news::threw_else;
      put(r.cause, e.what());
    }
    sum_up(r, self);
    r.leaked = open_descriptors() - before;
    (void)!::send(self.line, &r, sizeof r, MSG_NOSIGNAL);
  }

  void reap(member& m) {
    if (m.pid <= 0 || m.ended) return;
    while (::waitpid(m.pid, &m.status, 0) < 0 && errno == EINTR) continue;
    m.ended = true;
    m.line.reset();
  }
  /// Takes one round of news. False if there was none for `patience`.
  bool hear(std::chrono::milliseconds patience) {
    std::vector<pollfd> waits;
    for (auto const& m : ranks_) waits.push_back({m.line.open() ? m.line.get() : -1, POLLIN, 0});
    int const n = ::poll(waits.data(), static_cast<nfds_t>(waits.size()), static_cast<int>(patience.count()));
    if (n < 0 && errno == EINTR) return true;
    if (n <= 0) return false;
    for (std::size_t i = 0; i < waits.size(); ++i) {
      if (waits[i].revents == 0) continue;
      member& m = ranks_[i];
      record r;
      auto const got = ::recv(m.line.get(), &r, sizeof r, MSG_DONTWAIT);
      if (got == static_cast<ssize_t>(sizeof r)) {
        if (r.what == record::news::ready) {
          m.ready = true;
          m.introduction = r;
        } else {
          m.last = r;
        }
      } else if (got >= 0 || (errno != EAGAIN && errno != EINTR)) {
        reap(m);
      }
    }
    return true;
  }

  int size_;
  tutti::detail::unique_fd listener_;
  std::vector<member> ranks_;
};

}  // namespace faults
