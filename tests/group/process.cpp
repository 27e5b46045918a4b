// SPDX-License-Identifier: BSL-1.0
// Each case starts ranks from a child of this process, and looks at what that child wrote and how it ended.
#include <doctest/doctest.h>

#if !defined(_WIN32)

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <tutti/group/process.hpp>

#include "captured.hpp"

namespace {

using namespace std::chrono_literals;
using testing::lines;
using testing::run;
using tutti::detail::fork_workers;
using tutti::detail::patience;
using tutti::detail::worker;

// The text with the seconds in " after 1.3 s" replaced by "N".
std::string untimed(std::string text) {
  auto const at = text.find(" after ");
  if (at != std::string::npos) text.replace(at + 7, text.find(" s", at) - at - 7, "N");
  return text;
}

// Holds a pipe that every process forked later keeps open: gone() once all of them have ended.
struct lifeline {
  std::array<int, 2> ends{-1, -1};
  lifeline() { REQUIRE(::pipe(ends.data()) == 0); }
  ~lifeline() {
    ::close(ends[0]);
    close_ours();
  }
  void close_ours() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  // A rank reports that it runs.
  void report() const {
    if (::write(ends[1], "x", 1) != 1) std::_Exit(98);
  }
  // Waits for that many reports.
  void await(int n) const {
    char c = 0;
    for (int i = 0; i < n; ++i) REQUIRE(::read(ends[0], &c, 1) == 1);
  }
  bool gone(std::chrono::milliseconds bound) const {
    pollfd wait{ends[0], POLLIN, 0};
    char c = 0;
    return ::poll(&wait, 1, static_cast<int>(bound.count())) == 1 && ::read(ends[0], &c, 1) == 0;
  }
};

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

std::set<int> open_descriptors() {
  std::set<int> all;
  for (int fd = 0; fd < 1024; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) all.insert(fd);
  return all;
}

}  // namespace

TEST_CASE("rank 0's stdout passes byte for byte; the others' stdout and all stderr come as prefixed whole lines") {
  std::string const binary("\x00\xff\n\r\x1b binary, no newline", 24);
  auto const seen = run([&] {
    return fork_workers(3, [&](worker const& self) {
      if (self.rank == 0) {
        std::fwrite(binary.data(), 1, binary.size(), stdout);
      } else {
        return;
      }
      std::fputs("warning", stderr);
    });
  });
  CHECK(seen.code == 0);
  CHECK(seen.out == binary);
  CHECK(seen.err == "[r0] warning\n");

  auto const rest = run([] {
    std::printf("the parent's buffer, once\n");
    return fork_workers(3, [](worker const& self) {
      if (self.rank == 0) return;
      std::printf("first of %d\nsecond, open", self.size);
      std::fprintf(stderr, "problem\n");
    });
  });
  CHECK(rest.code == 0);
  CHECK(lines(rest.out) == std::multiset<std::string>{"the parent's buffer, once", "[r1] first of 3",
                                                      "[r1] second, open", "[r2] first of 3", "[r2] second, open"});
  CHECK(lines(rest.err) == std::multiset<std::string>{"[r1] problem", "[r2] problem"});
}

TEST_CASE("more output than any pipe holds arrives complete") {
  constexpr int count = 40000;
  auto const seen = run([] {
    return fork_workers(3, [](worker const& self) {
      if (self.rank != 0)
        for (int i = 0; i < count; ++i) std::printf("line %d of rank %d\n", i, self.rank);
    });
  });
  std::array<int, 3> next{};
  std::istringstream in(seen.out);
  for (std::string line; std::getline(in, line);) {
    int prefix = -1, i = -1, rank = -1;
    bool const whole = std::sscanf(line.c_str(), "[r%d] line %d of rank %d", &prefix, &i, &rank) == 3;
    if (!whole || prefix != rank || i != next.at(static_cast<std::size_t>(rank))++) FAIL(line);
  }
  CHECK(next == std::array<int, 3>{0, count, count});
}

TEST_CASE("only rank 0 reads the parent's stdin") {
  auto const seen = run([] {
    std::FILE* const input = std::tmpfile();
    std::fputs("hello", input);
    std::rewind(input);
    ::dup2(::fileno(input), STDIN_FILENO);
    return fork_workers(2, [](worker const& self) {
      std::string text(8, '\0');
      auto const n = ::read(STDIN_FILENO, text.data(), text.size());
      std::fprintf(stderr, "%s\n", n >= 0 ? text.substr(0, static_cast<std::size_t>(n)).c_str() : "cannot read");
      (void)self;
    });
  });
  CHECK(lines(seen.err) == std::multiset<std::string>{"[r0] hello", "[r1] "});
}

TEST_CASE("all ranks share one job id and one root, where rank 0 alone holds the listening socket") {
  auto const seen = run([] {
    return fork_workers(3, [](worker const& self) {
      std::set<int> listening;
      for (int const fd : open_descriptors()) {
        int yes = 0;
        socklen_t length = sizeof yes;
        if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &length) == 0 && yes != 0) listening.insert(fd);
      }
      bool const right =
          self.rank == 0 ? listening == std::set<int>{self.listener} : listening.empty() && self.listener == -1;
      std::fprintf(stderr, "%s %s %s\n", right ? "right" : "wrong", self.root.c_str(),
                   tutti::detail::job_text(self.job).c_str());
    });
  });
  std::set<std::string> said;
  for (auto const& line : lines(seen.err)) said.insert(line.substr(5));
  REQUIRE(said.size() == 1);
  CHECK(said.begin()->starts_with("right 127.0.0.1:"));
}

TEST_CASE("a rank has the same descriptors as its parent, apart from the listener; the parent keeps none") {
  auto const seen = run([] {
    auto const before = open_descriptors();
    int const code = fork_workers(3, [&](worker const& self) {
      auto expected = before;
      if (self.rank == 0) expected.insert(self.listener);
      return open_descriptors() == expected ? 0 : 7;
    });
    if (code != 0) return code;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD) return 8;  // no zombie
    return open_descriptors() == before ? 0 : 9;
  });
  CHECK(seen.code == 0);
  CHECK(seen.err == "");
}

TEST_CASE("ranks start with the hard limit on descriptors, the parent gets its own back") {
  auto const seen = run([] {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    int const code = fork_workers(40, [](worker const&) {
      rlimit mine{};
      ::getrlimit(RLIMIT_NOFILE, &mine);
      return mine.rlim_cur == mine.rlim_max ? 0 : 5;
    });
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return code != 0 ? code : limit.rlim_cur == 64 ? 0 : 6;
  });
  CHECK(seen.code == 0);
}

TEST_CASE("the first rank to fail is named once, and its status is the exit code") {
  auto const seen = run([] { return fork_workers(3, [](worker const& self) { return self.rank == 2 ? 3 : 0; }); });
  CHECK(seen.code == 3);
  CHECK(untimed(seen.err) == "tutti: rank 2 exited with status 3 after N s\n");
  // A result whose low byte is zero is still a failure.
  CHECK(run([] { return fork_workers(1, [](worker const&) { return 256; }); }).code == 1);
}

TEST_CASE("an exception that escapes a rank is printed and is status 1") {
  auto const seen = run([] {
    return fork_workers(2, [](worker const& self) {
      if (self.rank == 1) throw std::runtime_error("no such column");
    });
  });
  CHECK(seen.code == 1);
  CHECK(untimed(seen.err) == "[r1] tutti: no such column\ntutti: rank 1 exited with status 1 after N s\n");
}

TEST_CASE(
    "of ranks that fail shortly after one another the one killed is named, then the one that failed by itself, then "
    "the "
    "first; but none in place of one long gone") {
  struct row {
    std::chrono::milliseconds naming;
    int first, second;  // how rank 0 ends, and rank 1 after it: a status, or a signal below 0
    int code;
    std::string said;
  };
  using tutti::detail::survivor_status;
  for (auto const& each :
       {row{1min, 4, -SIGKILL, 128 + SIGKILL, "tutti: rank 1 was killed by SIGKILL (signal 9) after N s\n"},
        row{0ms, 4, -SIGKILL, 4, "tutti: rank 0 exited with status 4 after N s\n"},
        row{1min, survivor_status, 3, 3, "tutti: rank 1 exited with status 3 after N s\n"},
        row{1min, 4, survivor_status, 4, "tutti: rank 0 exited with status 4 after N s\n"}}) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    auto const seen = run([&, wait = patience{.naming = each.naming}] {
      return fork_workers(
          3,
          [&](worker const& self) {
            pid_t first = ::getpid();
            if (self.rank == 0) return ::write(ends[1], &first, sizeof first) == sizeof first ? each.first : 98;
            if (self.rank == 2) return 0;
            if (::read(ends[0], &first, sizeof first) == sizeof first)
              while (::kill(first, 0) == 0) ::usleep(1000);  // rank 0 has been reaped
            if (each.second < 0) ::raise(-each.second);
            return each.second;
          },
          wait);
    });
    ::close(ends[0]);
    ::close(ends[1]);
    CHECK(seen.code == each.code);
    CHECK(untimed(seen.err) == each.said);
  }
}

TEST_CASE("after a failure the survivors are told to end, and killed if they do not") {
  auto const seen = run([] {
    return fork_workers(
        3,
        [](worker const& self) -> int {
          if (self.rank == 0) ::raise(SIGSEGV);
          if (self.rank == 1) ::signal(SIGTERM, SIG_IGN);
          sleep_for_ever();
        },
        patience{.naming = 10ms, .survivors = 50ms, .terminate = 50ms});
  });
  CHECK(seen.code == 128 + SIGSEGV);
  CHECK(untimed(seen.err) == "tutti: rank 0 was killed by SIGSEGV (signal 11) after N s\n");
}

TEST_CASE("killing the parent kills every rank") {
  lifeline line;
  run([&] { return fork_workers(3, [&](worker const&) { line.report(), sleep_for_ever(); }); },
      [&](pid_t parent) {
        line.close_ours();
        line.await(3);
        ::kill(parent, SIGKILL);
      });
  CHECK(line.gone(10s));
}

TEST_CASE("SIGTERM to the parent ends the ranks, stubborn ones by force, and blames none of them") {
  lifeline line;
  auto const seen = run(
      [&] {
        return fork_workers(
            3,
            [&](worker const& self) {
              if (self.rank == 1) ::signal(SIGTERM, SIG_IGN);
              line.report();
              sleep_for_ever();
            },
            patience{.stop = 100ms});
      },
      [&](pid_t parent) {
        line.close_ours();
        line.await(3);
        ::kill(parent, SIGTERM);
      });
  CHECK(seen.code == 128 + SIGTERM);
  CHECK(seen.err == "");
  CHECK(line.gone(10s));
}

TEST_CASE("a reader that has stopped reading does not keep SIGTERM from ending the ranks") {
  lifeline line;
  auto const seen = run(
      [&] {
        std::array<int, 2> unread{};
        if (::pipe(unread.data()) != 0) return 97;
        ::dup2(unread[1], STDOUT_FILENO);
        return fork_workers(2, [&](worker const& self) {
          if (self.rank == 0) sleep_for_ever();
          ::fcntl(STDOUT_FILENO, F_SETFL, O_WRONLY | O_NONBLOCK);
          std::string const text(1000, '\n');
          for (int full = 0; full < 50; ::usleep(1000))  // until nothing has moved for a while
            full = ::write(STDOUT_FILENO, text.data(), text.size()) > 0 ? 0 : full + 1;
          line.report();
          sleep_for_ever();
        });
      },
      [&](pid_t parent) {
        line.close_ours();
        line.await(1);
        ::kill(parent, SIGTERM);
      });
  CHECK(seen.code == 128 + SIGTERM);
  CHECK(line.gone(10s));
}

TEST_CASE("a terminal's Ctrl-C, which reaches ranks and parent alike, blames no rank") {
  lifeline line;
  auto const seen = run(
      [&] {
        ::setpgid(0, 0);
        return fork_workers(3, [&](worker const&) { line.report(), sleep_for_ever(); });
      },
      [&](pid_t parent) {
        line.close_ours();
        line.await(3);
        ::kill(-parent, SIGINT);
      });
  CHECK(seen.code == 128 + SIGINT);
  CHECK(seen.err == "");
  CHECK(line.gone(10s));
}

TEST_CASE("signal dispositions are restored, and ranks run with the program's own") {
  auto const seen = run([] {
    struct sigaction mine {};
    mine.sa_handler = [](int) {};
    ::sigaction(SIGINT, &mine, nullptr);
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGCHLD, SIG_IGN);  // would lose the exit statuses
    auto const same = [&] {
      struct sigaction now {};
      sigset_t mask;
      ::sigprocmask(SIG_SETMASK, nullptr, &mask);
      bool ok = sigismember(&mask, SIGINT) == 0 && sigismember(&mask, SIGTERM) == 0;
      ::sigaction(SIGINT, nullptr, &now);
      ok = ok && now.sa_handler == mine.sa_handler;
      for (int const ignored : {SIGHUP, SIGCHLD}) {
        ::sigaction(ignored, nullptr, &now);
        ok = ok && now.sa_handler == SIG_IGN;
      }
      for (int const untouched : {SIGTERM, SIGPIPE}) {
        ::sigaction(untouched, nullptr, &now);
        ok = ok && now.sa_handler == SIG_DFL;
      }
      return ok;
    };
    int const code = fork_workers(2, [&](worker const&) { return same() ? 42 : 5; });
    return code == 42 && same() ? 0 : 6;
  });
  CHECK(seen.code == 0);
}

TEST_CASE("with a live thread nothing is started, and the error says why") {
  auto const seen = run([] {
    std::thread other([] { sleep_for_ever(); });
    other.detach();
    return fork_workers(2, [](worker const&) { std::fputs("started\n", stderr); });
  });
  CHECK(seen.code == 99);
  CHECK(seen.err ==
        "config: cannot start ranks while 1 other thread(s) run in this process; start them before the first "
        "thread\n");
  // One that was joined is no obstacle.
  CHECK(run([] {
          std::thread([] {}).join();
          return fork_workers(2, [](worker const&) {});
        }).code == 0);
}

TEST_CASE("a process that a rank leaves behind with the pipe open does not hold the parent up") {
  lifeline line;
  auto const seen = run(
      [&] {
        return fork_workers(2, [&](worker const& self) {
          if (self.rank == 1 && ::fork() == 0) {
            ::close(line.ends[1]);  // this one may outlive the test's patience, but not the test
            char c = 0;
            while (::read(line.ends[0], &c, 1) < 0) continue;
            std::_Exit(0);
          }
          if (self.rank == 1) std::printf("parting line");
        });
      },
      [&](pid_t) {});
  CHECK(seen.code == 0);
  CHECK(seen.out == "[r1] parting line\n");
}

#endif
