// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "workload.hpp"

using namespace faults;

namespace {

using call = std::function<void(tutti::communicator&, tutti::options)>;

struct disagreement {
  char const* what;
  collective right_name;
  call right;
  std::string right_text;
  collective wrong_name;
  call wrong;
  std::string wrong_text;
};

template <class T>
call allreduce_of(std::size_t n) {
  return [n](tutti::communicator& c, tutti::options o) {
    std::vector<T> x(n);
    allreduce(c, x, o);
  };
}
call maximum_of(std::size_t n) {
  return [n](tutti::communicator& c, tutti::options o) {
    std::vector<float> x(n);
    allreduce(c, x, tutti::max, o);
  };
}
call broadcast_from(int root, std::size_t n) {
  return [root, n](tutti::communicator& c, tutti::options o) {
    std::vector<float> x(n);
    broadcast(c, x, root, o);
  };
}
call reduce_to(int root) {
  return [root](tutti::communicator& c, tutti::options o) {
    std::vector<float> x(100);
    reduce(c, x, tutti::sum, root, o);
  };
}
call a_barrier() {
  return [](tutti::communicator& c, tutti::options o) { barrier(c, o); };
}

std::vector<disagreement> const& disagreements() {
  using enum collective;
  static std::vector<disagreement> const all{
      {"operation", allreduce, allreduce_of<float>(100), "allreduce(sum, 100 x f32)", allreduce, maximum_of(100),
       "allreduce(max, 100 x f32)"},
      {"count", allreduce, allreduce_of<float>(100), "allreduce(sum, 100 x f32)", allreduce, allreduce_of<float>(101),
       "allreduce(sum, 101 x f32)"},
      {"large count", allreduce, allreduce_of<float>(300'000), "allreduce(sum, 300000 x f32)", allreduce,
       allreduce_of<float>(299'999), "allreduce(sum, 299999 x f32)"},
      {"element", allreduce, allreduce_of<float>(100), "allreduce(sum, 100 x f32)", allreduce,
       allreduce_of<std::int32_t>(100), "allreduce(sum, 100 x i32)"},
      {"root", broadcast, broadcast_from(0, 100), "broadcast(100 x f32, root 0)", broadcast, broadcast_from(1, 100),
       "broadcast(100 x f32, root 1)"},
      {"count of a broadcast", broadcast, broadcast_from(0, 100), "broadcast(100 x f32, root 0)", broadcast,
       broadcast_from(0, 99), "broadcast(99 x f32, root 0)"},
      {"collective", allreduce, allreduce_of<float>(100), "allreduce(sum, 100 x f32)", barrier, a_barrier(),
       "barrier(1 x byte)"},
      {"who waits", allreduce, allreduce_of<float>(100), "allreduce(sum, 100 x f32)", reduce, reduce_to(1),
       "reduce(sum, 100 x f32, root 1)"},
      {"no message at all", broadcast, broadcast_from(1, 100), "broadcast(100 x f32, root 1)", broadcast,
       broadcast_from(0, 100), "broadcast(100 x f32, root 0)"},
  };
  return all;
}

/// Rank 1 makes the wrong call after so many good ones; whoever got away with it meets the verdict in a later call.
auto program(disagreement const& d, int good_calls) {
  return [&d, good_calls](tutti::communicator& world, seat& self) {
    auto const good = [&] {
      self.begins(collective::allreduce);
      if (allreduce(world, 1) != world.size()) throw std::runtime_error("wrong sum");
    };
    for (int i = 0; i < good_calls; ++i) good();
    bool const wrong = self.rank == 1;
    if (wrong) self.fault_now();
    self.begins(wrong ? d.wrong_name : d.right_name);
    if (wrong)
      d.wrong(world, {.where = {"src/odd.cpp", 22}});
    else
      d.right(world, {.where = {"src/train.cpp", 11}});
    for (;;) good();
  };
}
expected verdict(disagreement const& d, int good_calls) {
  std::string const number = " as call " + std::to_string(good_calls + 1) + " at ";
  return {
      error_kind::mismatch,
      1,
      600ms,
      {"rank 1 called " + d.wrong_text + number + "odd.cpp:22", " called " + d.right_text + number + "train.cpp:11"}};
}

}  // namespace

TEST_CASE("calls that do not match end on every rank, with both ranks, both calls and both source lines") {
  latencies times;
  for (auto const& d : disagreements()) {
    for (int good_calls : {0, 500}) {
      for (int size : {4, 3, 2}) {
        CAPTURE(d.what);
        CAPTURE(good_calls);
        CAPTURE(size);
        job j(size);
        j.how.heartbeat = 500ms;
        j.start_all(program(d, good_calls));
        CHECK(j.wait_all_end());
        CHECK(!j.strays);
        for (int r = 0; r < size; ++r) check_survivor(j, r, verdict(d, good_calls), &times);
      }
    }
  }
  times.print("mismatch, heartbeat 500 ms", 600);
}

TEST_CASE("the same among threads") {
  for (auto const& d : disagreements()) {
    for (int size : {4, 2}) {
      CAPTURE(d.what);
      CAPTURE(size);
      board shared;
      auto const said = live_as_threads(size, {}, shared, program(d, 20));
      for (int r = 0; r < size; ++r) check_said(said[static_cast<std::size_t>(r)], r, shared.fault_at, verdict(d, 20));
    }
  }
}

TEST_CASE("the lines that a mismatch names are those of the program") {
  int right = 0;
  int wrong = 0;
  auto const both = [&](tutti::communicator& world, seat& self) {
    std::vector<double> x(3);
    // clang-format off
    if (self.rank != 1) { right = __LINE__; allreduce(world, x, {.label = "gradient"}); }
    else { self.fault_now(); wrong = __LINE__; allreduce(world, x, tutti::min); }
    // clang-format on
    barrier(world);
  };
  board shared;
  auto const said = live_as_threads(2, {}, shared, both);
  for (auto const& r : said) {
    INFO(text(r));
    CHECK(has(r.cause, "rank 1 called allreduce(min, 3 x f64) as call 1 at mismatch.cpp:" + std::to_string(wrong)));
    CHECK(has(r.cause,
              "rank 0 called allreduce(sum, 3 x f64) as call 1 'gradient' at mismatch.cpp:" + std::to_string(right)));
  }
}
