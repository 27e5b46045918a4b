// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <tutti/engine/strand.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "alone.hpp"

namespace {

namespace te = tutti::engine;
namespace tt = tutti::transport;

using ring_of_one = tutti::basic_communicator<tt::local>;

/// An operation of the test's own.
struct task final : te::started {
  explicit task(std::function<void()> b) : body(std::move(b)) {}
  void run() noexcept override { body(); }
  void refuse(std::exception_ptr) noexcept override { refused = true; }
  void complete() noexcept override { completed = true; }
  [[nodiscard]] bool stop_requested() const noexcept override { return stop; }
  std::function<void()> body;
  bool stop = false;
  bool refused = false;
  std::atomic<bool> completed{false};
};

/// A strand whose loop runs when the test says so.
std::shared_ptr<te::strand<tt::local>> strand_in(ring_of_one& world, tutti::net::io_context& io) {
  auto s = std::make_shared<te::strand<tt::local>>(world.engine(), te::driver{&io, nullptr});
  world.engine().run_behind(s);
  return s;
}

}  // namespace

TEST_CASE("operations run in the loop, one after another; the loop has nothing left when they have ended") {
  tutti::net::io_context io;
  alone::run(1, [&](ring_of_one& world) {
    auto const s = strand_in(world, io);
    std::vector<int> order;
    for (int i = 0; i < 5; ++i) s->start(std::make_shared<task>([&order, i] { order.push_back(i); }));
    CHECK(order.empty());
    io.run();
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
  });
}

TEST_CASE(
    "who waits for an operation runs it, and what came before it, on the own thread; the rest stays with the loop") {
  tutti::net::io_context io;
  alone::run(1, [&](ring_of_one& world) {
    auto const s = strand_in(world, io);
    std::vector<int> order;
    std::vector<std::shared_ptr<task>> all;
    for (int i = 0; i < 5; ++i) {
      all.push_back(std::make_shared<task>([&order, i] { order.push_back(i); }));
      s->start(all.back());
    }
    s->finish(*all[2]);
    CHECK(order == std::vector<int>{0, 1, 2});
    CHECK((all[2]->done() && all[2]->completed && !all[3]->done()));
    io.run();
    CHECK(order.size() == 5);
    s->finish(*all[4]);  // at once
  });
}

TEST_CASE("a blocking call inside an operation waits without its thread; one outside takes over") {
  for (bool const take_over : {false, true}) {
    std::array<tutti::net::io_context, 2> loops;  // they outlive the communicators
    alone::run(2, [&](ring_of_one& world) {
      tutti::net::io_context& io = loops[static_cast<std::size_t>(world.rank())];
      auto const s = strand_in(world, io);
      int sum = 0;
      s->start(std::make_shared<task>([&] { sum = allreduce(world, world.rank() + 1); }));
      if (take_over)
        CHECK(allreduce(world, 1) == 2);
      else
        io.run();
      CHECK(sum == 3);
    });
  }
}

TEST_CASE("an operation stopped before it began is refused in its turn; after the end nothing starts") {
  tutti::net::io_context io;
  alone::run(1, [&](ring_of_one& world) {
    auto const s = strand_in(world, io);
    auto const one = std::make_shared<task>([] {});
    one->stop = true;
    s->start(one);
    io.run();
    CHECK((one->refused && one->completed));
    CHECK(world.engine().calls() == 1);  // it keeps its number
    s->close();
    CHECK_THROWS_AS(s->start(std::make_shared<task>([] {})), tutti::error);
  });
}

TEST_CASE("an operation that waits for another one of its communicator is told so") {
  tutti::net::io_context io;
  alone::run(1, [&](ring_of_one& world) {
    auto const s = strand_in(world, io);
    auto const second = std::make_shared<task>([] {});
    bool refused = false;
    s->start(std::make_shared<task>([&] {
      try {
        s->finish(*second);
      } catch (tutti::error const& e) {
        refused = e.kind() == tutti::error_kind::config;
      }
    }));
    s->start(second);
    io.run();
    CHECK(refused);
  });
}
