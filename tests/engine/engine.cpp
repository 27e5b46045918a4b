// SPDX-License-Identifier: BSL-1.0
#include <tutti/engine/engine.hpp>

#include <doctest/doctest.h>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/barrier.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/collective/reduce.hpp>
#include <tutti/group/testing.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if !defined(_WIN32)
#include <sys/mman.h>
#endif

#include "alone.hpp"

// ThreadSanitizer brings an operator new of its own that cannot be replaced: nothing is counted there.
#if defined(__SANITIZE_THREAD__)
#define TUTTI_TEST_COUNTS 0
#elif defined(__has_feature)
#define TUTTI_TEST_COUNTS !__has_feature(thread_sanitizer)
#else
#define TUTTI_TEST_COUNTS 1
#endif

#if TUTTI_TEST_COUNTS
namespace counted {
thread_local std::uint64_t allocations = 0;
}
// Not inlined: the compiler would see free() meet operator new.
[[gnu::noinline]] void* operator new(std::size_t n) {
  ++counted::allocations;
  if (void* p = std::malloc(n == 0 ? 1 : n)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif

namespace {

namespace te = tutti::engine;
namespace tt = tutti::transport;
using tutti::algorithm;

#if TUTTI_TEST_COUNTS
TEST_CASE("engine: a call that was made before allocates nothing, in memory and over sockets") {
  auto const on_rank = [](tutti::communicator& world) {
    std::vector<float> small(100, 1);
    std::vector<float> big(50'000, 1);
    auto const calls = [&] {
      for (algorithm const a :
           {algorithm::automatic, algorithm::exchange, algorithm::star, algorithm::direct, algorithm::binomial,
            algorithm::doubling, algorithm::halving, algorithm::chain, algorithm::ring}) {
        tutti::options const how{.algorithm = a, .order = tutti::order::any};
        allreduce(world, small, how);
        allreduce(world, big, tutti::max, how);
        broadcast(world, big, world.size() - 1, how);
        reduce(world, big, tutti::min, how);
        (void)allreduce(world, 1, how);
        barrier(world, {.label = "a label longer than any small string, to be sure", .where = {}});
      }
    };
    calls();
    barrier(world);  // nobody counts while another still warms up
    std::uint64_t made =
        1'000'000;  // least of five: whoever waits for 100 ms tells the control thread, which allocates
    for (int attempt = 0; attempt < 5; ++attempt) {
      std::uint64_t const before = counted::allocations;
      for (int i = 0; i < 2; ++i) calls();
      made = std::min(made, counted::allocations - before);
    }
    CHECK(made == 0);
    std::uint64_t const before = counted::allocations;
    std::vector<int> const seen_by_the_counter(3);
    CHECK(counted::allocations == before + 1);
  };
  for (auto const medium : {tutti::testing::over::memory, tutti::testing::over::sockets})
    for (int const size : {1, 2, 3, 4}) {
      CAPTURE(size);
      tutti::testing::run_ranks(size, on_rank, medium);
    }
}
#endif

TEST_CASE("engine: counts its calls, and the bytes on its streams with their headers") {
  alone::run(3, [](auto& world) {
    std::vector<std::int32_t> x(100);
    broadcast(world, x, 0, {.algorithm = algorithm::star});
    broadcast(world, x, 0, {.algorithm = algorithm::star});
    auto const s = world.stats();
    CHECK(s.calls == 2);
    CHECK(s.bytes_sent == (world.rank() == 0 ? 2U * 2U * 448U : 0U));
    CHECK(s.bytes_received == (world.rank() == 0 ? 0U : 2U * 448U));
    CHECK(s.time_in_calls.count() > 0);
  });
}

TEST_CASE("engine: of two threads in one communicator the second is refused, and the first does not notice") {
  auto const hub = std::make_shared<tt::local_hub>();
  auto const make = [&](int rank) {
    auto from = std::make_shared<tutti::group::origin<tt::local>>();
    from->streams = [&](std::uint64_t id, std::vector<int> const& m, int r) { return tt::local(hub, id, m, r); };
    from->judge = std::make_shared<alone::believing>();
    return tutti::basic_communicator<tt::local>(from, 1, {0, 1}, rank);
  };
  auto zero = make(0);
  auto one = make(1);
  int sum = 0;
  std::thread first([&] { sum = allreduce(zero, 20); });
  while (!zero.engine().seen()->latest().running) std::this_thread::yield();
  CHECK_THROWS_WITH_AS(barrier(zero),
                       "two threads are inside calls on the same communicator; give each thread its own (dup or split)",
                       tutti::error);
  CHECK(allreduce(one, 22) == 42);
  first.join();
  CHECK(sum == 42);
}

TEST_CASE("engine: once revoked, every call says why at once, naming itself") {
  alone::run(1, [](auto& world) {
    world.revoke("had enough");
    for (int i = 1; i <= 2; ++i) try {
        barrier(world, {.label = "end", .where = {"main.cpp", 7}});
        FAIL("no error");
      } catch (tutti::error const& e) {
        CHECK(e.kind() == tutti::error_kind::revoked);
        CHECK(e.rank() == 0);
        CHECK(std::string(e.what()) == "barrier #" + std::to_string(i) + " 'end' (main.cpp:7): had enough");
      }
  });
}

template <class Communicator>
std::string cause_of_next_call(Communicator& world) {
  try {
    barrier(world);
  } catch (tutti::error const& e) {
    return e.facts().cause;
  }
  return "none";
}

TEST_CASE("engine: a call that fails half-way on one rank revokes the communicator: half a call cannot be taken back") {
  alone::run(1, [](auto& world) {
    te::operation op;
    op.what = tutti::plan::collective::barrier;
    CHECK_THROWS_AS(world.engine().call_once(op, {}, [] { throw std::length_error("too long"); }), std::length_error);
    CHECK(cause_of_next_call(world) == "the call failed on this rank: too long");
  });
}

TEST_CASE("engine: different calls on two ranks are a mismatch on both, at this call or the next") {
  struct call {
    char const* name;
    void (*on_one)(tutti::communicator&);
  };
  // Rank 0 always makes: allreduce(sum) of 8 floats.
  call const others[] = {
      {"another collective",
       [](tutti::communicator& c) {
         std::vector<float> x(8);
         broadcast(c, x, 1);
       }},
      {"another count",
       [](tutti::communicator& c) {
         std::vector<float> x(9);
         allreduce(c, x);
       }},
      {"another type",
       [](tutti::communicator& c) {
         std::vector<std::int32_t> x(8);
         allreduce(c, x);
       }},
      {"another operation",
       [](tutti::communicator& c) {
         std::vector<float> x(8);
         allreduce(c, x, tutti::max);
       }},
      {"another algorithm",
       [](tutti::communicator& c) {
         std::vector<float> x(8);
         allreduce(c, x, {.algorithm = algorithm::direct});
       }},
  };
  for (call const& other : others) {
    CAPTURE(std::string(other.name));
    auto const ended = tutti::testing::try_ranks(2, [&](tutti::communicator& c) {
      std::vector<float> x(8);
      if (c.rank() == 0)
        allreduce(c, x, {.algorithm = algorithm::exchange});
      else
        other.on_one(c);
      barrier(c);  // a root that only sends has returned before its peer could complain
    });
    for (auto const& rank : ended) {
      REQUIRE(rank.thrown != nullptr);
      try {
        std::rethrow_exception(rank.thrown);
      } catch (tutti::error const& e) {
        CHECK(tutti::to_string(e.kind()) == "mismatch");
        INFO(e.what());
        CHECK(std::string(e.what()).find("engine.cpp:") != std::string::npos);
      }
    }
  }
}

#if !defined(_WIN32)
/// Takes and gives any number of bytes without touching memory, and notes where they would have been.
struct endless {
  int me;
  te::call expected{};
  std::shared_ptr<std::uint64_t> moved = std::make_shared<std::uint64_t>(0);
  std::shared_ptr<std::byte const*> first = std::make_shared<std::byte const*>(nullptr);
  std::shared_ptr<bool> contiguous = std::make_shared<bool>(true);

  [[nodiscard]] int rank() const noexcept { return me; }
  [[nodiscard]] int size() const noexcept { return 2; }
  tt::moved write_some(int, tutti::const_bytes head, tutti::const_bytes body) {
    note(body.data(), body.size());
    return {head.size() + body.size(), false};
  }
  tt::moved read_some(int, tutti::bytes head, tutti::bytes body) {
    te::frame const f = te::encode(expected);
    for (std::size_t i = 0; i < head.size(); ++i) head[i] = f[i];
    note(body.data(), body.size());
    return {head.size() + body.size(), false};
  }
  void wait(std::span<tt::interest const>, tutti::clock::time_point) {}
  void wake() noexcept {}
  void close() noexcept {}

 private:
  void note(std::byte const* at, std::size_t n) const {
    if (n == 0) return;
    if (*moved == 0) *first = at;
    if (at != *first + *moved) *contiguous = false;
    *moved += n;
  }
};
static_assert(tt::streams<endless>);

/// Addresses without memory behind them.
class address_space {
 public:
  explicit address_space(std::size_t n)
      : begin_(::mmap(nullptr, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)), size_(n) {
    REQUIRE(begin_ != MAP_FAILED);
  }
  address_space(address_space const&) = delete;
  address_space& operator=(address_space const&) = delete;
  ~address_space() { ::munmap(begin_, size_); }
  [[nodiscard]] tutti::bytes all() const { return {static_cast<std::byte*>(begin_), size_}; }

 private:
  void* begin_;
  std::size_t size_;
};

TEST_CASE("engine: counts and places beyond 32 bits") {
  constexpr std::uint64_t five_gib = std::uint64_t{5} << 30U;
  address_space const space(five_gib + 4096);
  te::operation op;
  op.what = tutti::plan::collective::broadcast;
  op.root = 0;
  op.count = five_gib;
  op.output = space.all().first(five_gib);
  tutti::options const how{};
  for (int const rank : {0, 1}) {  // sends it all; receives it all
    endless streams{rank};
    streams.expected = {1, 1, op.what, algorithm::star, 0, 0, 0, 0, five_gib};
    te::engine<endless> e(streams, std::make_shared<te::watch>(1, std::vector<int>{0, 1}),
                          std::make_shared<alone::believing>(), {});
    e.run(op, how);
    CHECK(*streams.moved == five_gib);
    CHECK(*streams.first == space.all().data());
    CHECK(*streams.contiguous);
    CHECK((rank == 0 ? e.moved().bytes_sent : e.moved().bytes_received) == five_gib + 48);
  }

  // The root of a gather: its own five GiB lie in place, the other's page comes behind them.
  std::uint64_t const counts[] = {five_gib / 8, 512};
  tutti::const_bytes const mine = space.all().first(five_gib);
  op = {};
  op.what = tutti::plan::collective::gather;
  op.root = 0;
  op.element_size = 8;
  op.counts = counts;
  op.inputs = {&mine, 1};
  op.output = space.all();
  op.held = 0;
  op.input_is_part = true;
  endless streams{0};
  streams.expected = {1, 1, op.what, algorithm::star, 0, 0, 0, 0, 0};
  te::engine<endless> e(streams, std::make_shared<te::watch>(1, std::vector<int>{0, 1}),
                        std::make_shared<alone::believing>(), {});
  e.run(op, how);
  CHECK(*streams.first == space.all().data() + five_gib);
  CHECK(*streams.moved == 4096);
}
#endif

}  // namespace
