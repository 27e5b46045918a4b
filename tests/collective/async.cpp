// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <tutti/async.hpp>

#include <dirent.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <thread>

#include "worlds.hpp"

using namespace std::chrono_literals;
using tutti::error_kind;
using tutti::testing::over;
using words = std::vector<std::int64_t>;

namespace {

int threads_of_this_process() {
  DIR* const all = ::opendir("/proc/self/task");
  if (all == nullptr) return 0;
  int count = -2;  // . and ..
  while (::readdir(all) != nullptr) ++count;
  ::closedir(all);
  return count;
}

words sum_of_numbers(int size, std::size_t n) {
  words all(n);
  for (int r = 0; r < size; ++r)
    for (std::size_t i = 0; i < n; ++i) all[i] += worlds::number(r, i);
  return all;
}

template <class Future>
error_kind kind_of(Future f) {
  try {
    f.get();
  } catch (tutti::error const& e) {
    return e.kind();
  }
  return error_kind{};
}

constexpr std::size_t some = 20'011;  // more than a pipe holds

}  // namespace

TEST_CASE("every call started and awaited gives what serial code gives, in worlds of 1 to 8, started all at once") {
  worlds::run({1, 2, 3, 4, 5, 8}, [](tutti::communicator& world) {
    int const p = world.size();
    int const me = world.rank();
    int const last = p - 1;
    auto const ranks = static_cast<std::size_t>(p);
    auto const mine = static_cast<std::size_t>(me);
    words const all = worlds::all_numbers(p, some);
    words const block = worlds::numbers(me, some);

    words a = block, b = block, c(some * ranks), d(some * ranks), e(some), f(3);
    words told = me == last ? block : words(some);
    auto const summed = async_allreduce(world, a);
    auto const reduced = async_reduce(world, b, tutti::max, {.root = last});
    auto const gathered = async_gather(world, block, c, last);
    auto const everywhere = async_allgather(world, block, d);
    auto const scattered = async_scatter(world, all, e, last);
    words const thirds(3 * ranks, 7);
    auto const folded = async_reduce_scatter(world, thirds, f);
    auto const spread = async_broadcast(world, told, last);
    auto met = async_barrier(world);
    auto value = async_allreduce(world, std::int64_t{me});
    auto uneven = async_allgather(world, words(mine, me));
    auto sentence = async_broadcast(world, me == 0 ? std::string("all together") : std::string());
    auto objects = async_gather(world, std::string(mine, 'x'), last);

    met.get();  // everything before it has ended
    CHECK((summed.ready() && reduced.ready() && gathered.ready() && everywhere.ready() && scattered.ready() &&
           folded.ready() && spread.ready()));
    CHECK(a == sum_of_numbers(p, some));
    words largest(some);
    for (std::size_t i = 0; i < some; ++i) largest[i] = worlds::number(last, i);
    CHECK(b == (me == last ? largest : block));
    if (me == last) CHECK(c == all);
    CHECK(d == all);
    CHECK(e == block);
    CHECK(f == words(3, 7 * p));
    CHECK(told == worlds::numbers(last, some));
    CHECK(value.get() == std::int64_t{p} * last / 2);
    auto const got = uneven.get();
    REQUIRE(got.size() == ranks);
    for (int r = 0; r < p; ++r) CHECK(got.counts[static_cast<std::size_t>(r)] == static_cast<std::size_t>(r));
    CHECK(sentence.get() == "all together");
    auto const texts = objects.get();
    CHECK(texts.size() == (me == last ? ranks : 0));
    for (std::size_t r = 0; r < texts.size(); ++r) CHECK(texts[r] == std::string(r, 'x'));
  });
}

TEST_CASE("handlers are called in the order of issue, with nobody waiting; a blocking call comes after them all") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        3,
        [](tutti::communicator& world) {
          std::atomic<int> count{0};
          std::atomic<bool> right{true};
          for (int i = 0; i < 100; ++i) {
            async_allreduce(world, words{i, world.rank()}, [&, i](std::exception_ptr failed, words sum) {
              if (failed || count++ != i || sum != words{3 * i, 3}) right = false;
            });
            if (i % 10 == 3) {  // the blocking call takes over what is under way
              words x(some, i);
              allreduce(world, x);
              if (x != words(some, 3 * i)) right = false;
            }
          }
          while (count < 100 && right) std::this_thread::sleep_for(1ms);
          CHECK(right);
        },
        medium);
}

TEST_CASE("a thousand operations under way on many communicators add one thread at most, and all of them end right") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        2,
        [](tutti::communicator& world) {
          std::vector<tutti::communicator> many;
          for (int i = 0; i < 10; ++i) many.push_back(world.dup());
          barrier(world);
          int const before = threads_of_this_process();
          std::vector<tutti::future<words>> pending;
          // Rank 1 starts last, so that all of rank 0's are under way together; and it takes the communicators in the
          // opposite order, which would never end if one operation held up another.
          if (world.rank() == 1) barrier(world);
          for (int i = 0; i < 1000; ++i) {
            int const which = world.rank() == 0 ? i / 100 : 9 - i / 100;
            pending.push_back(async_allreduce(many[static_cast<std::size_t>(which)], words{which, i % 100}));
          }
          if (world.rank() == 0) {
            std::this_thread::sleep_for(20ms);
            CHECK(threads_of_this_process() <= before + 1);
            CHECK(!pending.front().ready());
            barrier(world);
          }
          for (int i = 0; i < 1000; ++i) {
            int const which = world.rank() == 0 ? i / 100 : 9 - i / 100;
            CHECK(pending[static_cast<std::size_t>(i)].get() == words{2 * which, 2 * (i % 100)});
          }
          CHECK(threads_of_this_process() <= before + 1);
        },
        medium);
}

TEST_CASE("the user's io_context drives, its run() ends with the work, and no thread is added") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        2,
        [](tutti::communicator& world) {
          barrier(world);
          int const before = threads_of_this_process();
          tutti::net::io_context io;
          int steps = 0;
          {
            tutti::drive_with const driving(world, io);
            std::thread::id const here = std::this_thread::get_id();
            async_allreduce(world, words(some, 1), [&](std::exception_ptr failed, words sum) {
              CHECK(!failed);
              CHECK(sum == words(some, 2));
              CHECK(std::this_thread::get_id() == here);
              ++steps;
              async_barrier(world, [&](std::exception_ptr) { ++steps; });  // issued by a handler
            });
            CHECK(steps == 0);
            io.run();
            CHECK(steps == 2);
            CHECK(threads_of_this_process() <= before);
            auto left = async_allreduce(world, words{1});  // nobody runs io: get() drives
            CHECK(left.get() == words{2});
            io.restart();
            async_barrier(world, [&](std::exception_ptr) { ++steps; });
          }  // brings it to its end; its handler waits for the loop
          io.run();
          CHECK(steps == 3);
          CHECK(async_allreduce(world, 1).get() == 2);
        },
        medium);
}

TEST_CASE("what moves in comes back without a copy; what is dropped goes on; what is borrowed is written in place") {
  tutti::testing::run_ranks(2, [](tutti::communicator& world) {
    words big(some, 1);
    auto const* const where = big.data();
    words const back = async_allreduce(world, std::move(big)).get();
    CHECK(back.data() == where);
    CHECK(back == words(some, 2));

    words mine(2, world.rank()), all(4);
    auto const* const at = all.data();
    auto [in, out] = async_allgather(world, std::move(mine), std::move(all)).get();
    CHECK(in == words(2, world.rank()));
    CHECK(out == words{0, 0, 1, 1});
    CHECK(out.data() == at);

    (void)async_allreduce(world, words(some, 1));  // the buffer lives on inside
    words borrowed(some, 3);
    (void)async_allreduce(world, std::span(borrowed));
    barrier(world);
    CHECK(borrowed == words(some, 6));
  });
}

TEST_CASE("a communicator that ends or moves brings its operations to their end first") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        3,
        [](tutti::communicator& world) {
          words x(some, 1), y(some, 1);
          std::atomic<int> called{0};
          tutti::future<void> kept;
          {
            tutti::communicator other = world.dup();
            kept = async_allreduce(other, x);
            tutti::communicator moved = std::move(other);
            CHECK(kept.ready());
            async_allreduce(moved, y, [&](std::exception_ptr failed) { called += failed ? 100 : 1; });
          }
          kept.get();
          CHECK(x == words(some, 3));
          CHECK(y == words(some, 3));
          while (called == 0) std::this_thread::sleep_for(1ms);
          CHECK(called == 1);
        },
        medium);
}

TEST_CASE("several blocking calls in one function run as one operation") {
  tutti::testing::run_ranks(3, [](tutti::communicator& world) {
    auto all = async_run(world, [](tutti::communicator& comm) {
      auto const texts = allgather(comm, std::string(1, static_cast<char>('a' + comm.rank())));
      return allreduce(comm, static_cast<int>(texts.size())) + allreduce(comm, 1);
    });
    CHECK(all.get() == 12);
  });
}

TEST_CASE("errors go where the result would: arguments that do not fit, with the line of the call") {
  tutti::testing::run_ranks(2, [](tutti::communicator& world) {
    words x(1);
    auto wrong = async_broadcast(world, x, 5);
    CHECK_THROWS_WITH_AS(wrong.get(), doctest::Contains("the root 5 is not between 0 and 1"), tutti::error);
    world.revoke("enough");
    auto late = async_allreduce(world, x, {.label = "late"});
    CHECK_THROWS_WITH_AS(late.get(), doctest::Contains("'late' (async.cpp:"), tutti::error);
  });
}

TEST_CASE("an operation cancelled before it began fails alone, if all ranks cancel it") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        2,
        [](tutti::communicator& world) {
          tutti::net::io_context io;  // not run: nothing begins
          tutti::drive_with const driving(world, io);
          std::stop_source stop;
          words x{1}, y{1}, z{1};
          auto a = async_allreduce(world, x);
          auto b = async_allreduce(world, y, tutti::sum, tutti::cancel_with(stop.get_token()));
          auto c = async_allreduce(world, z);
          stop.request_stop();
          CHECK(kind_of(std::move(b)) == error_kind::cancelled);
          a.get();
          c.get();
          CHECK((x == words{2} && y == words{1} && z == words{2}));
        },
        medium);
}

TEST_CASE("an operation that one rank alone takes back before it began is no silent mix-up with the next") {
  auto const ended = tutti::testing::try_ranks(2, [](tutti::communicator& world) {
    tutti::net::io_context io;
    tutti::drive_with const driving(world, io);
    words x{1}, y{1};
    auto a = async_allreduce(world, x);
    auto b = async_allreduce(world, y);
    if (world.rank() == 0) a.cancel();
    b.get();
  });
  for (auto const& one : ended) {
    REQUIRE(one.thrown);
    CHECK_THROWS_WITH_AS(std::rethrow_exception(one.thrown), doctest::Contains("called allreduce"), tutti::error);
  }
}

TEST_CASE("cancelling a started operation revokes the communicator everywhere, and everything pending says so") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        3,
        [](tutti::communicator& world) {
          tutti::communicator comm = world.dup();
          barrier(comm);
          auto before = std::chrono::steady_clock::now();
          if (world.rank() < 2) {  // rank 2 stays away: it cannot end
            auto first = async_barrier(comm);
            auto second = async_barrier(comm);
            std::this_thread::sleep_for(30ms);
            if (world.rank() == 0) first.cancel();
            CHECK(kind_of(std::move(first)) == error_kind::cancelled);
            CHECK(kind_of(std::move(second)) == error_kind::cancelled);
            CHECK_THROWS_WITH_AS(barrier(comm), doctest::Contains("rank 0 cancelled this operation"), tutti::error);
          } else {
            std::this_thread::sleep_for(100ms);
            CHECK(kind_of(async_barrier(comm)) == error_kind::cancelled);
          }
          CHECK(std::chrono::steady_clock::now() - before < 5s);
          barrier(world);  // others are untouched
        },
        medium);
}

TEST_CASE(
    "an operation without progress ends by its timeout, those behind it say the same, and the loop has no more work") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        2,
        [](tutti::communicator& world) {
          tutti::communicator comm = world.dup();
          barrier(comm);  // its streams are open
          if (world.rank() == 0) {
            std::atomic<int> told{0};
            auto const expect_timeout = [&](std::exception_ptr failed) {
              try {
                if (failed) std::rethrow_exception(failed);
              } catch (tutti::error const& e) {
                if (e.kind() == error_kind::timeout && e.rank() == 1) ++told;
              }
            };
            tutti::net::io_context io;
            tutti::drive_with const driving(comm, io);
            async_barrier(comm, tutti::options{.timeout = 200ms}, expect_timeout);
            for (int i = 0; i < 9; ++i) async_barrier(comm, expect_timeout);
            io.run();
            CHECK(told == 10);
          }
          barrier(world);
        },
        medium);
}

TEST_CASE("a handler that throws on the progress thread aborts its rank with the text; nothing terminates") {
  for (over const medium : {over::memory, over::sockets}) {
    auto const ended = tutti::testing::try_ranks(
        2,
        [](tutti::communicator& world) {
          async_barrier(world, [me = world.rank()](std::exception_ptr) {  // may run when `world` has ended
            if (me == 1) throw std::runtime_error("the handler's own words");
          });
          for (;;) barrier(world);
        },
        medium);
    for (auto const& one : ended) {
      REQUIRE(one.thrown);
      CHECK_THROWS_WITH_AS(std::rethrow_exception(one.thrown), doctest::Contains("the handler's own words"),
                           tutti::error);
    }
  }
}

TEST_CASE("messages and the newer collectives start like any other; what a call writes is borrowed, even a number") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        3,
        [](tutti::communicator& world) {
          int const p = world.size();
          int const me = world.rank();
          int const next = (me + 1) % p;
          int const before = (me + p - 1) % p;
          words const mine = worlds::numbers(me, some);
          words got(some), around = mine, running = mine;
          int number = me == 1 ? 42 : 0;
          int from_before = 0;
          auto told = async_broadcast(world, number, 1);
          auto sent = async_send(world, mine, next, 3);
          auto came = async_recv(world, got, before, 3);
          auto both = async_sendrecv(world, me, next, from_before, before);
          auto turned = async_shift(world, around, 1);
          auto summed = async_scan(world, running);
          words below = mine;
          auto summed_below = async_exscan(world, below);
          tutti::ragged<std::int64_t> block;
          block.push_back(words{me, 10 * me});
          auto passed = async_neighbour_exchange(world, tutti::neighbours::directed({next}, {before}), block);
          words const to_all(static_cast<std::size_t>(p), me);
          auto crossed = async_alltoall(world, to_all, words(static_cast<std::size_t>(p)));
          auto text = async_sendrecv(world, std::string(1, static_cast<char>('a' + me)), next, std::string(), before);
          barrier(world);
          CHECK((told.ready() && sent.ready() && came.ready() && both.ready() && turned.ready() && summed.ready()));
          CHECK(number == 42);
          CHECK(got == worlds::numbers(before, some));
          CHECK(from_before == before);
          CHECK(around == worlds::numbers(before, some));
          CHECK(running == sum_of_numbers(me + 1, some));
          CHECK(summed_below.ready());
          CHECK(below == (me == 0 ? mine : sum_of_numbers(me, some)));
          CHECK(passed.ready());
          CHECK(passed.get().values == words{before, 10 * before});
          CHECK(crossed.get() == words{0, 1, 2});
          CHECK(std::get<1>(text.get()) == std::string(1, static_cast<char>('a' + before)));
          CHECK(async_broadcast(world, me + 5, 2).get() == 7);
        },
        medium);
}

TEST_CASE("the statistics count what was started whole: they come after it") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        2,
        [](tutti::communicator& world) {
          auto const begin = world.stats();
          auto sum = async_allreduce(world, words(some, 1));
          auto const end = world.stats();
          CHECK(sum.ready());
          CHECK(end.calls == begin.calls + 1);
          CHECK(end.bytes_received - begin.bytes_received >= some * sizeof(std::int64_t));
          CHECK(sum.get() == words(some, 2));
        },
        medium);
}

TEST_CASE("a message that nobody has sent holds up nobody's thread, and a communicator moves with its messages") {
  for (over const medium : {over::memory, over::sockets})
    tutti::testing::run_ranks(
        2,
        [](tutti::communicator& world) {
          tutti::communicator first = world.dup();
          int x = world.rank();
          async_sendrecv(first, x, 1 - world.rank(), x, 1 - world.rank()).get();
          tutti::communicator letters = std::move(first);
          std::atomic<int> arrived{0};
          if (world.rank() == 0)
            async_recv(letters, words(), 1,
                       [&](std::exception_ptr failed, words w) { arrived = failed ? -1 : static_cast<int>(w.size()); });
          barrier(world);  // goes on while the message is awaited
          if (world.rank() == 1) send(letters, words(some, 1), 0);
          if (world.rank() == 0)
            while (arrived == 0) std::this_thread::sleep_for(1ms);
          if (world.rank() == 0) CHECK(arrived == static_cast<int>(some));
        },
        medium);
}
