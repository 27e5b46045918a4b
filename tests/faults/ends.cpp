// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "workload.hpp"

using namespace faults;

namespace {

/// All ranks loop over allreduce; after some calls one of them does `fault` instead.
template <class Fault>
auto loop_until(int victim, Fault fault) {
  return [victim, fault](tutti::communicator& world, seat& self) {
    workload work;
    for (int i = 0;; ++i) {
      if (self.rank == victim && i == 7) {
        self.fault_now();
        return fault(world);
      }
      work(world, collective::allreduce, self);
    }
  };
}

template <class Fault>
void as_processes(char const* what, error_kind kind, std::string const& words, Fault fault) {
  latencies times;
  for (int size : {4, 3, 2}) {
    for (int victim : {0, size - 1}) {
      CAPTURE(what);
      CAPTURE(victim);
      job j(size);
      j.start_all(loop_until(victim, fault));
      CHECK(j.wait_all_end());
      CHECK(!j.strays);
      check_survivors(j, {kind, victim, 100ms, {"rank " + std::to_string(victim), words}}, &times);
    }
  }
  times.print(what, 100);
}

template <class Fault>
void as_threads(error_kind kind, std::string const& words, Fault fault) {
  for (int victim : {0, 2}) {
    CAPTURE(victim);
    board shared;
    auto const said = live_as_threads(4, {}, shared, loop_until(victim, fault));
    for (int r = 0; r < 4; ++r)
      if (r != victim)
        check_said(said[static_cast<std::size_t>(r)], r, shared.fault_at,
                   {kind, victim, 100ms, {"rank " + std::to_string(victim), words}});
  }
}

void no_such_file(tutti::communicator&) { throw std::runtime_error("no such file: data.bin"); }

}  // namespace

TEST_CASE("an exception in one rank reaches every other with its text, as run() passes it on") {
  as_processes("exception under run()", error_kind::aborted, "gave up: no such file: data.bin",
               [](tutti::communicator& world) {
                 auto program = no_such_file;
                 (void)!std::freopen("/dev/null", "w", stderr);  // it would be printed there, once, as it should
                 (void)tutti::detail::call_program(world, program);
               });
  as_threads(error_kind::aborted, "gave up: no such file: data.bin", no_such_file);
}

TEST_CASE("an exception that passes the communicator's own scope is no good leave") {
  as_processes("exception past the world", error_kind::aborted, "its program ended with an exception", no_such_file);
}

TEST_CASE("abort() reaches every rank with its reason") {
  auto const fault = [](tutti::communicator& world) { world.abort("the loss is not a number"); };
  as_processes("abort()", error_kind::aborted, "gave up: the loss is not a number", fault);
  as_threads(error_kind::aborted, "gave up: the loss is not a number", fault);
}

TEST_CASE("a process that ends without leaving is lost, whatever its exit status") {
  auto const words = "its process ended without leaving";
  as_processes("exit(3)", error_kind::peer_lost, words, [](tutti::communicator&) { std::exit(3); });
  as_processes("_exit(0)", error_kind::peer_lost, words, [](tutti::communicator&) { ::_exit(0); });
  as_processes("quick_exit(0)", error_kind::peer_lost, words, [](tutti::communicator&) { std::quick_exit(0); });
  as_processes("SIGSEGV", error_kind::peer_lost, words, [](tutti::communicator&) { ::raise(SIGSEGV); });
}

TEST_CASE("a rank that returns early has left, and is no crash") {
  auto const words = "left in good order";
  as_processes("early return", error_kind::peer_left, words, [](tutti::communicator&) {});
  as_threads(error_kind::peer_left, words, [](tutti::communicator&) {});
}

TEST_CASE("ranks that leave one after the other after their last call disturb nobody") {
  for (int last : {0, 1, 3}) {
    CAPTURE(last);
    job j(4);
    j.start_all([last](tutti::communicator& world, seat& self) {
      workload work;
      for (int i = 0; i < 20; ++i) work(world, collective::allreduce, self);
      if (self.rank == last) {
        self.ready();
        self.wait_for_go();
      }
    });
    REQUIRE(j.wait_ready(last));
    for (int r = 0; r < 4; ++r)
      if (r != last) CHECK(j.wait_end(r));
    j.go(last);
    CHECK(j.wait_all_end());
    for (int r = 0; r < 4; ++r) check_unharmed(j, r);
  }
}

TEST_CASE("a descriptor that a rank leaves open is counted") {
  job j(2);
  j.start_all([](tutti::communicator& world, seat& self) {
    barrier(world);
    [[maybe_unused]] int const left_open = self.rank == 1 ? ::dup(STDERR_FILENO) : -1;
  });
  CHECK(j.wait_all_end());
  CHECK(j.said(0).leaked == 0);
  CHECK(j.said(1).leaked == 1);
}
