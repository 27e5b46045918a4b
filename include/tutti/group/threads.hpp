// SPDX-License-Identifier: BSL-1.0
// The only file that starts a thread.
//
// Who runs what. The caller's thread runs every collective, and the join. Each process of a world has one more thread,
// the control thread: it keeps the connections to rank 0 alive, carries verdicts, and accepts lanes, which it hands
// over and never touches again. It sleeps unless a frame or a heartbeat is due. Ranks as threads (local_world) have
// none: the thread that starts them is the test's or the user's. A process that starts asynchronous operations, and
// gives them no io_context of its own, has one more: the progress thread (group/progress.hpp), which sleeps until a
// stream of a started operation can move, and ends when there have been none for a while. A `prefetch` reads on a
// thread of its own until it is destroyed, and whoever serves a store to others does so on one; neither makes
// collective calls.
#pragma once

#include <thread>
#include <utility>

#include <tutti/core/version.hpp>

#if !defined(_WIN32)
#include <csignal>
#endif

namespace tutti::inline TUTTI_ABI::group {

/// Runs `body` on a new thread that takes no signals: the program's handlers keep running where they ran before.
/// `body` must not throw. Throws std::system_error if the system has no thread left.
template <class Body>
[[nodiscard]] std::thread start_thread(Body&& body) {
#if defined(_WIN32)
  return std::thread(std::forward<Body>(body));
#else
  struct quiet {
    sigset_t before{};
    quiet() {
      sigset_t every;
      sigfillset(&every);
      (void)pthread_sigmask(SIG_SETMASK, &every, &before);
    }
    quiet(quiet const&) = delete;
    quiet& operator=(quiet const&) = delete;
    ~quiet() { (void)pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  };
  quiet const meanwhile;
  return std::thread(std::forward<Body>(body));
#endif
}

}  // namespace tutti::inline TUTTI_ABI::group
