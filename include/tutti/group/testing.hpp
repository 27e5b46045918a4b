// SPDX-License-Identifier: BSL-1.0
// Several ranks as threads of this process, for tests: of the library, and of programs that use it.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/group/join.hpp>
#include <tutti/group/threads.hpp>

namespace tutti::inline TUTTI_ABI::testing {

/// How the rank threads reach each other: through memory, or through sockets on loopback with a control thread each.
enum class over : std::uint8_t { memory, sockets };

/// How one rank ended.
struct outcome {
  std::exception_ptr thrown;  ///< null: its function returned
};

/// Calls fn(communicator&) on n ranks, each a thread, and returns how each ended. A rank that throws aborts the others.
template <class S = transport::any, class Function, class Use = on_use>
[[nodiscard]] std::vector<later<outcome, S>> try_ranks(int n, Function fn, over medium = over::memory,
                                                       join_options how = {}) {
  std::vector<later<outcome, S>> ended(static_cast<std::size_t>(n));
  auto const world = std::make_shared<group::basic_local_world<Use>>(n, how.stall_report);
  auto const hub = std::make_shared<transport::basic_local_hub<Use>>();
  net::io_context io;
  net::ip::tcp::acceptor listener(io);
  std::string root;
  if (medium == over::sockets) {
    listener = net::ip::tcp::acceptor(io, {net::ip::address_v4::loopback(), 0});
    root = "127.0.0.1:" + std::to_string(listener.local_endpoint().port());
  }
  auto const body = [&](int rank) {
    try {
      auto const call = [&](basic_communicator<S> mine) {
        try {
          fn(mine);
        } catch (std::exception const& problem) {
          mine.give_up(problem.what());
          throw;
        }
      };
      if (medium == over::memory) {
        if constexpr (!std::same_as<S, transport::tcp>) call(group::make_world<S>(world, hub, rank, how));
      } else {
        if constexpr (!std::same_as<S, transport::local>) {
          join_options mine = how;
          mine.rank = rank;
          mine.size = n;
          mine.root = root;
          mine.job = "threads of one test";
          if (rank == 0) mine.listener = listener.release();
          call(group::make_world<S>(group::join_world<Use>(mine), mine));
        }
      }
    } catch (...) {
      ended[static_cast<std::size_t>(rank)].thrown = std::current_exception();
    }
  };
  std::vector<later<std::thread, S>> threads;
  for (int rank = 0; rank < n; ++rank) threads.push_back(group::start_thread([&body, rank] { body(rank); }));
  for (auto& t : threads) t.join();
  return ended;
}

/// Throws what the first rank that was itself at fault threw, if any did.
template <class Outcome>
void rethrow_first(std::vector<Outcome> const& ended) {
  std::exception_ptr first;
  for (auto const& o : ended) {
    if (!o.thrown) continue;
    try {
      std::rethrow_exception(o.thrown);
    } catch (error const&) {  // perhaps only told of another's failure
      if (!first) first = o.thrown;
    } catch (...) {
      throw;
    }
  }
  if (first) std::rethrow_exception(first);
}

/// Calls fn(communicator&) on n ranks, each a thread, and throws what the first rank that was itself at fault threw.
template <class S = transport::any, class Function>
void run_ranks(int n, Function fn, over medium = over::memory, join_options how = {}) {
  testing::rethrow_first(testing::try_ranks<S>(n, std::move(fn), medium, std::move(how)));
}

}  // namespace tutti::inline TUTTI_ABI::testing
