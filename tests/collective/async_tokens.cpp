// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <tutti/async.hpp>

#if defined(TUTTI_USE_BOOST_ASIO)
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#else
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/deferred.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#endif

#include "worlds.hpp"

using tutti::testing::over;
namespace net = tutti::net;
using numbers = std::vector<int>;

namespace {

net::awaitable<void> three_calls(tutti::communicator& world, numbers& seen) {
  numbers sum = co_await async_allreduce(world, numbers(2, 1), net::use_awaitable);
  seen.push_back(sum[0]);
  numbers x(1, world.rank());
  co_await async_allreduce(world, x, tutti::max, net::use_awaitable);
  seen.push_back(x[0]);
  try {
    co_await async_broadcast(world, x, 99, net::use_awaitable);
  } catch (tutti::error const&) {
    seen.push_back(-1);
  }
}

}  // namespace

TEST_CASE("co_await: in the user's loop while the library drives, and with the user's loop driving") {
  for (over const medium : {over::memory, over::sockets})
    for (bool const own : {false, true})
      tutti::testing::run_ranks(
          3,
          [own](tutti::communicator& world) {
            net::io_context io;
            numbers seen;
            std::optional<tutti::drive_with<tutti::transport::any>> driving;
            if (own) driving.emplace(world, io);
            net::co_spawn(io, three_calls(world, seen), net::detached);
            io.run();  // ends when the coroutine has
            CHECK(seen == numbers{3, 2, -1});
          },
          medium);
}

TEST_CASE("use_future gives a std::future with the result or the error") {
  tutti::testing::run_ranks(2, [](tutti::communicator& world) {
    std::future<numbers> sum = async_allreduce(world, numbers{1, 2}, net::use_future);
    std::future<void> met = async_barrier(world, net::use_future);
    CHECK(sum.get() == numbers{2, 4});
    met.get();
    numbers x{1};
    std::future<void> wrong = async_reduce(world, x, tutti::sum, 7, net::use_future);
    CHECK_THROWS_AS(wrong.get(), tutti::error);
  });
}

#if !defined(TUTTI_USE_BOOST_ASIO)
TEST_CASE("deferred starts nothing until it is called") {
  tutti::testing::run_ranks(2, [](tutti::communicator& world) {
    auto later = async_allreduce(world, numbers{1}, net::experimental::deferred);
    CHECK(allreduce(world, 5) == 10);
    std::future<numbers> sum = std::move(later)(net::use_future);
    CHECK(sum.get() == numbers{2});
  });
}
#endif
