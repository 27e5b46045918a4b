// SPDX-License-Identifier: BSL-1.0
#include <tutti/engine/run.hpp>

#include <doctest/doctest.h>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/collective/gather.hpp>
#include <tutti/collective/reduce_scatter.hpp>
#include <tutti/collective/scatter.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../collective/worlds.hpp"
#include "alone.hpp"

namespace {

namespace te = tutti::engine;
namespace tp = tutti::plan;
namespace tt = tutti::transport;
using namespace std::chrono_literals;
using tutti::algorithm;

/// Rank `me` of a world whose other ranks are this test: it reads and writes their ends of the pipes by hand.
class puppet {
 public:
  puppet(int size, int me)
      : size_(size),
        me_(me),
        streams_(hub_, 1, alone::everyone(size), me),
        watch_(1, alone::everyone(size)),
        runner_(streams_, watch_, referee_, true) {
    header_.communicator = 1;
    header_.sequence = 1;
    header_.what = tp::collective::broadcast;
    header_.root = 0;
    watch_.begin(header_, tutti::call_site::here(), {});
  }
  [[nodiscard]] te::call& header() { return header_; }
  [[nodiscard]] te::counters const& moved() const { return runner_.moved(); }
  [[nodiscard]] te::watch& seen() { return watch_; }

  /// Runs `p` over `data`, cut evenly.
  template <class T>
  void run(tp::plan const& p, std::span<T> data, te::reducer fold = {}, std::chrono::nanoseconds patience = 10s) {
    te::program const program = te::prepare(p);
    std::vector<std::uint64_t> offsets{0};
    auto const parts = static_cast<std::size_t>(size_);
    for (std::size_t q = 0; q < parts; ++q)
      offsets.push_back(offsets.back() + (data.size() / parts + (q < data.size() % parts ? 1 : 0)) * sizeof(T));
    te::binding b;
    b.offsets = offsets;
    b.output = std::as_writable_bytes(data);
    b.element_size = sizeof(T);
    b.fold = fold;
    te::frame const frame = te::encode(header_);
    runner_.run(program, b, frame, patience);
  }
  /// Everything that rank has sent to `peer`.
  std::vector<std::byte> sent_to(int peer) {
    std::vector<std::byte> all(tt::pipe::capacity);
    all.resize(hub_->between(1, me_, peer)->read_some({}, all).bytes);
    return all;
  }
  void send_from(int peer, tutti::const_bytes head, tutti::const_bytes body = {}) {
    CHECK(hub_->between(1, peer, me_)->write_some(head, body).bytes == head.size() + body.size());
  }
  void close(int peer) { hub_->between(1, peer, me_)->close(); }

 private:
  int size_;
  int me_;
  std::shared_ptr<tt::local_hub> hub_ = std::make_shared<tt::local_hub>();
  tt::local streams_;
  te::watch watch_;
  alone::believing referee_;
  te::runner<tt::local> runner_;
  te::call header_;
};

std::vector<std::byte> expected_on_wire(te::call const& header, tutti::const_bytes body) {
  auto const frame = te::encode(header);
  std::vector<std::byte> all(frame.begin(), frame.end());
  all.insert(all.end(), body.begin(), body.end());
  return all;
}

TEST_CASE("run: what is sent is the header and the bytes of the plan's block, once, to the plan's peer") {
  puppet p(3, 0);
  std::vector<int> x(300);
  std::iota(x.begin(), x.end(), 0);
  p.run(tp::make({tp::collective::broadcast, algorithm::star, 0, 3, 0, {}}), std::span(x));
  CHECK(p.sent_to(1) == expected_on_wire(p.header(), std::as_bytes(std::span(x))));
  CHECK(p.sent_to(2) == expected_on_wire(p.header(), std::as_bytes(std::span(x))));
  CHECK(p.moved().bytes_sent == 2 * (48 + 1200));
}

TEST_CASE(
    "run: the engine does what the plan says, not what the collective is called: a corrupted plan sends other bytes") {
  puppet p(3, 0);
  std::vector<int> x(300);
  std::iota(x.begin(), x.end(), 0);
  tp::plan corrupted = tp::make({tp::collective::broadcast, algorithm::star, 0, 3, 0, {}});
  corrupted.steps[0].at.first = 1;                     // the first peer misses part 0
  corrupted.steps.erase(corrupted.steps.begin() + 1);  // and the second everything
  p.run(corrupted, std::span(x));
  CHECK(p.sent_to(1) == expected_on_wire(p.header(), std::as_bytes(std::span(x).subspan(100))));
  CHECK(p.sent_to(2).empty());
}

TEST_CASE("run: a fold takes its order from the plan: swapped sources give another result") {
  for (bool const swapped : {false, true}) {
    puppet p(3, 0);
    tp::plan plan = tp::make({tp::collective::reduce, algorithm::star, 0, 3, 0, {}});
    for (tp::step& s : plan.steps)
      if (s.what == tp::verb::fold && swapped) std::swap(s.sources[1].from, s.sources[2].from);
    auto const b = worlds::words(1, 4);
    auto const c = worlds::words(2, 4);
    p.send_from(1, te::encode(p.header()), std::as_bytes(std::span(b)));
    p.send_from(2, te::encode(p.header()), std::as_bytes(std::span(c)));
    auto x = worlds::words(0, 4);
    worlds::join_words const op;
    p.run(plan, std::span(x), te::make_reducer<worlds::word>(op));
    CHECK(std::string(x[0].text) == (swapped ? "((a0c0)b0)" : "((a0b0)c0)"));
  }
}

TEST_CASE("run: a block of no bytes sends the header alone, and the receiver returns once it has it") {
  puppet root(3, 0);
  std::vector<int> none;
  root.run(tp::make({tp::collective::broadcast, algorithm::star, 0, 3, 0, {}}), std::span(none));
  CHECK(root.sent_to(1) == expected_on_wire(root.header(), {}));
  puppet leaf(3, 1);
  leaf.send_from(0, te::encode(leaf.header()));
  leaf.run(tp::make({tp::collective::broadcast, algorithm::star, 1, 3, 0, {}}), std::span(none));
  CHECK(leaf.moved().bytes_received == 48);
}

/// The error that a leaf of a broadcast throws after `prepare(puppet)`.
template <class Prepare>
tutti::failure fails(Prepare prepare, std::chrono::nanoseconds patience = 10s) {
  puppet leaf(3, 1);
  prepare(leaf);
  std::vector<int> x(10);
  try {
    leaf.run(tp::make({tp::collective::broadcast, algorithm::star, 1, 3, 0, {}}), std::span(x), {}, patience);
  } catch (tutti::error const& e) {
    CHECK(leaf.seen().revoked());
    CHECK(e.operation().rfind("broadcast #1 (", 0) == 0);
    return e.facts();
  }
  FAIL("no error");
  return {};
}

TEST_CASE("run: another call's header is a mismatch that names the rank and both calls, however many bytes came") {
  for (std::size_t const body : {0U, 3U, 40U}) {
    auto const f = fails([&](puppet& leaf) {
      te::call theirs = leaf.header();
      theirs.what = tp::collective::allreduce;
      theirs.op = 1;
      theirs.root = -1;
      theirs.sequence = 2;
      theirs.count = 7;
      theirs.element = tutti::element_code<float>();
      std::vector<std::byte> const rest(body);
      leaf.send_from(0, te::encode(theirs), rest);
    });
    CHECK(f.kind == tutti::error_kind::mismatch);
    CHECK(f.rank == 0);
    CHECK(f.cause == "rank 0 called allreduce(sum, 7 x f32) as call 2, this rank broadcast(root 0) as call 1");
  }
}

TEST_CASE("run: bytes that are no header are refused as such") {
  std::array<std::byte, 48> garbage{};
  garbage.fill(std::byte{0x5a});
  auto const f = fails([&](puppet& leaf) { leaf.send_from(0, garbage); });
  CHECK(f.kind == tutti::error_kind::protocol);
  CHECK(f.rank == 0);
}

TEST_CASE("run: a peer whose stream ends is lost, also in the middle of the header or of the data") {
  for (std::size_t const before : {0U, 20U, 48U, 60U}) {
    auto const f = fails([&](puppet& leaf) {
      std::vector<std::byte> const body(40);
      auto const all = expected_on_wire(leaf.header(), body);
      if (before > 0) leaf.send_from(0, tutti::const_bytes(all).first(before));
      leaf.close(0);
    });
    CHECK(f.kind == tutti::error_kind::peer_lost);
    CHECK(f.rank == 0);
  }
}

/// A root whose bytes come after one try that finds nothing; or, while it dozes, not before this rank has slept.
struct late_root {
  std::vector<std::byte> bytes{};
  bool dozes = false;
  bool tried = false;
  int slept = 0;
  [[nodiscard]] int rank() const noexcept { return 1; }
  [[nodiscard]] int size() const noexcept { return 2; }
  tt::moved write_some(int, tutti::const_bytes, tutti::const_bytes) { return {}; }
  tt::moved read_some(int, tutti::bytes head, tutti::bytes body) {
    if (dozes || !std::exchange(tried, true)) return {};
    std::copy_n(bytes.begin(), head.size(), head.begin());
    std::copy_n(bytes.begin() + 48, body.size(), body.begin());
    return {head.size() + body.size(), false};
  }
  void wait(std::span<tt::interest const>, tutti::clock::time_point) {
    ++slept;
    dozes = false;
  }
  void wake() noexcept {}
  void close() noexcept {}
};

TEST_CASE("run: a call tries for a moment before it sleeps, also after a call that slept") {
  te::call header;
  header.communicator = 1;
  header.sequence = 1;
  header.what = tp::collective::broadcast;
  header.root = 0;
  int x = 0;
  std::vector<std::uint64_t> const offsets{0, 4, 4};
  te::binding b;
  b.offsets = offsets;
  b.output = std::as_writable_bytes(std::span(&x, 1));
  b.element_size = 4;
  late_root root{expected_on_wire(header, std::as_bytes(std::span(&header.sequence, 1)).first(4))};
  te::watch seen(1, alone::everyone(2));
  alone::believing referee;
  te::runner<late_root> runner(root, seen, referee, true);
  te::program const program = te::prepare(tp::make({tp::collective::broadcast, algorithm::star, 1, 2, 0, {}}));
  te::frame const frame = te::encode(header);
  seen.begin(header, tutti::call_site::here(), {});
  root.dozes = true;
  runner.run(program, b, frame, 10s);
  int const before = root.slept;
  CHECK(before > 0);
  root.tried = false;
  runner.run(program, b, frame, 10s);
  CHECK(root.slept == before);
}

TEST_CASE("run: without progress until the deadline, a timeout names who is waited for") {
  auto const f =
      fails([](puppet& leaf) { leaf.send_from(0, tutti::const_bytes(te::encode(leaf.header())).first(30)); }, 5ms);
  CHECK(f.kind == tutti::error_kind::timeout);
  CHECK(f.rank == 0);
  CHECK(f.cause == "nothing moved for 5 ms; waiting for rank 0");
}

TEST_CASE("run: a revoked communicator ends the run with the reason") {
  auto const f = fails([](puppet& leaf) { leaf.seen().revoke({tutti::error_kind::aborted, 2, {}, "enough"}); });
  CHECK(f.kind == tutti::error_kind::aborted);
  CHECK(f.rank == 2);
  CHECK(f.cause == "enough");
}

/// All collectives that cut, fold or relay, against what they mean.
template <class Communicator>
void agrees(Communicator& world, std::size_t n) {
  auto const p = static_cast<std::size_t>(world.size());
  int const last = world.size() - 1;
  for (algorithm const a : worlds::algorithms) {
    auto x = worlds::numbers(world.rank(), n);
    broadcast(world, x, last, {.algorithm = a});
    CHECK(x == worlds::numbers(last, n));
    auto w = worlds::words(world.rank(), n / 8);
    allreduce(world, w, worlds::join_words{}, {.algorithm = a});
    CHECK(w == worlds::joined_words(world.size(), n / 8));
    auto f = worlds::wilds(world.rank(), n);
    reduce_scatter(world, worlds::wilds(world.rank(), n * p), f, {.algorithm = a});
    auto const sums = worlds::wild_sums(world.size(), n * p);
    auto const mine = std::span(sums).subspan(static_cast<std::size_t>(world.rank()) * n, n);
    CHECK(worlds::same_bits(f, std::vector<float>(mine.begin(), mine.end())));
    std::vector<std::int64_t> all(n * p);
    allgather(world, worlds::numbers(world.rank(), n), all, {.algorithm = a});
    CHECK(all == worlds::all_numbers(world.size(), n));
  }
  auto const blocks = gather(world, worlds::numbers(world.rank(), static_cast<std::size_t>(world.rank()) * 3), last);
  CHECK(scatter(world, blocks, last) == worlds::numbers(world.rank(), static_cast<std::size_t>(world.rank()) * 3));
}

TEST_CASE("run: streams that move one byte, a few, or none at all, and wake for no reason, change no result") {
  struct chaos {
    std::size_t most;
    std::size_t count;
  };
  for (chaos const c : {chaos{1, 20}, chaos{7, 100}, chaos{5000, 9000}})
    for (int const size : {2, 3, 5}) {
      CAPTURE(c.most);
      CAPTURE(size);
      alone::run<alone::chaotic>(
          size, [&](auto& world) { agrees(world, c.count); },
          [&](tt::local l, int rank) {
            return alone::chaotic(std::move(l), static_cast<std::uint32_t>(rank) * 77 + 5, c.most);
          });
    }
}

struct triple {
  std::int64_t a = 0, b = 0, c = 0;
  friend triple operator+(triple const& x, triple const& y) { return {x.a + y.a, x.b + y.b, x.c + y.c}; }
  friend bool operator==(triple const&, triple const&) = default;
};

TEST_CASE("run: elements of 24 bytes, which no power of two holds, are never torn at a granule's end") {
  alone::run(5, [](auto& world) {
    for (algorithm const a : worlds::algorithms) {
      std::vector<triple> x(60'011);
      std::vector<triple> expected(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        auto const k = static_cast<std::int64_t>(i);
        x[i] = {k, world.rank(), k * world.rank()};
        expected[i] = {5 * k, 10, 10 * k};
      }
      allreduce(world, x, {.algorithm = a});
      CHECK(x == expected);
    }
  });
}

struct large {
  std::array<std::int32_t, 102'400> values;  // 400 KB: more than a granule
  friend bool operator==(large const&, large const&) = default;
};
struct add_large {
  large operator()(large const& a, large const& b) const {
    large c;
    for (std::size_t i = 0; i < a.values.size(); ++i) c.values[i] = a.values[i] + b.values[i];
    return c;
  }
};

TEST_CASE("run: an element larger than a granule and than a pipe is folded whole") {
  alone::run(3, [](auto& world) {
    for (algorithm const a : worlds::algorithms) {
      std::vector<large> x(5);
      std::vector<large> expected(5);
      for (std::size_t i = 0; i < x.size(); ++i)
        for (std::size_t k = 0; k < x[i].values.size(); ++k) {
          auto const at = static_cast<std::int32_t>(i * 1000 + k);
          x[i].values[k] = at + world.rank();
          expected[i].values[k] = 3 * at + 3;
        }
      allreduce(world, x, add_large{}, {.algorithm = a});
      CHECK(x == expected);
    }
  });
}

}  // namespace
