// SPDX-License-Identifier: BSL-1.0
// More elements than 32 bits count, without their memory: buffers in addresses where nobody may read or write, and
// streams that carry headers and count the rest.
#include <doctest/doctest.h>

#if defined(__unix__)

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/collective/send.hpp>
#include <tutti/group/testing.hpp>
#include <tutti/plan/choose.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alone.hpp"

namespace {

namespace te = tutti::engine;
namespace tp = tutti::plan;
namespace tt = tutti::transport;
using namespace std::chrono_literals;

constexpr std::uint64_t many = (std::uint64_t{1} << 32U) + 5;
constexpr int ranks = 3;

/// Whoever touches this ends the test.
class nowhere {
 public:
  nowhere()
      : at_(static_cast<std::byte*>(
            ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    REQUIRE(at_ != MAP_FAILED);
  }
  nowhere(nowhere const&) = delete;
  nowhere& operator=(nowhere const&) = delete;
  ~nowhere() { ::munmap(at_, size); }
  [[nodiscard]] std::span<std::byte> first(std::uint64_t n) const { return {at_, static_cast<std::size_t>(n)}; }

 private:
  static constexpr std::size_t size = ranks * many;
  std::byte* at_;
};

/// One direction between two ranks: headers as they are, of everything else how much.
class ledger {
 public:
  void write(tutti::const_bytes header, std::size_t more) {
    std::lock_guard const hold(guard_);
    if (!header.empty()) runs_.push_back({{header.begin(), header.end()}, 0});
    if (more > 0) runs_.push_back({{}, more});
  }
  /// Of one run at a time, so that what is only counted never meets a place where a header is awaited.
  std::size_t read(tutti::bytes first, tutti::bytes second) {
    std::lock_guard const hold(guard_);
    if (runs_.empty()) return 0;
    run& r = runs_.front();
    std::size_t n = 0;
    if (r.header.empty()) {
      n = (std::min)(r.counted, first.size() + second.size());
      r.counted -= n;
    } else {
      tutti::bytes const into = first.size() >= r.header.size() ? first : second;
      REQUIRE(into.size() >= r.header.size());
      std::copy(r.header.begin(), r.header.end(), into.begin());
      n = r.header.size();
      r.header.clear();
    }
    if (r.counted == 0) runs_.pop_front();
    return n;
  }

 private:
  struct run {
    std::vector<std::byte> header;
    std::size_t counted;
  };
  std::mutex guard_;
  std::deque<run> runs_;
};

class counting {
 public:
  using ledgers = std::map<std::pair<int, int>, ledger>;
  counting(std::shared_ptr<ledgers> all, int rank) : all_(std::move(all)), rank_(rank) {}

  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return ranks; }
  tt::moved write_some(int peer, tutti::const_bytes head, tutti::const_bytes body) {
    all_->at({rank_, peer}).write(head, body.size());
    return {head.size() + body.size()};
  }
  tt::moved read_some(int peer, tutti::bytes head, tutti::bytes body) {
    return {all_->at({peer, rank_}).read(head, body)};
  }
  void wait(std::span<tt::interest const>, tutti::clock::time_point) { std::this_thread::sleep_for(20us); }
  void wake() noexcept {}
  void close() noexcept {}

 private:
  std::shared_ptr<ledgers> all_;
  int rank_;
};
static_assert(tt::streams<counting>);

/// alone::run over such streams: one set for plans, one for messages.
template <class Body>
void run_counting(Body body) {
  std::vector<std::shared_ptr<counting::ledgers>> sets;
  for (int k = 0; k < 2; ++k) {
    sets.push_back(std::make_shared<counting::ledgers>());
    for (int a = 0; a < ranks; ++a)
      for (int b = 0; b < ranks; ++b) (*sets.back())[{a, b}];
  }
  std::vector<int> made(ranks, 0);
  alone::run<counting>(ranks, body, [&](tt::local const&, int rank) {
    return counting(sets.at(static_cast<std::size_t>(made[static_cast<std::size_t>(rank)]++)), rank);
  });
}

std::atomic<std::uint64_t> folded{0};
void count_folded(void const*, std::byte*, std::byte const*, std::byte const*, std::size_t n) { folded += n; }

/// What a call of `many` bytes is, as the collectives state it. Input and output lie over each other so that a rank's
/// own part is where it belongs already.
te::operation operation_of(tp::row const& row, nowhere const& place, int rank, tutti::const_bytes& input) {
  using enum tp::collective;
  te::operation op;
  op.what = row.what;
  bool const rooted = row.what == scatter || row.what == gather || row.what == broadcast || row.what == reduce;
  op.root = rooted ? 0 : -1;
  op.element = tutti::element_code<std::byte>();
  op.fold.apply = count_folded;
  bool const parts = row.what == scatter || row.what == gather || row.what == allgather || row.what == reduce_scatter ||
                     row.what == alltoall;
  op.count = many;
  op.output = place.first(many);
  if (!parts) return op;
  op.count = many / ranks;
  op.per_rank = true;
  op.held = rank;
  auto const mine = place.first(many).subspan(static_cast<std::size_t>(op.count) * static_cast<std::size_t>(rank),
                                              static_cast<std::size_t>(op.count));
  op.input_is_part = row.what == gather || row.what == allgather;
  op.output_is_part = row.what == scatter || row.what == reduce_scatter;
  input = op.input_is_part ? tutti::const_bytes(mine) : tutti::const_bytes(place.first(many));
  if (op.output_is_part) op.output = mine;
  op.inputs = {&input, 1};
  return op;
}

}  // namespace

TEST_CASE("plans of more than 2^32 elements move and fold what they say, and touch no byte for it") {
  nowhere const place;
  int rows = 0;
  for (tp::row const& row : tp::table()) {
    if (!row.serves(ranks) || row.what == tp::collective::barrier) continue;
    std::vector<std::uint64_t> sent(ranks, 0);
    std::uint64_t joined = 0;
    bool needs_memory = false;  // a row of scratch as long as the data, or a copy from one
    tp::request w{row.what, row.algorithm, 0, ranks, 0, {}, tutti::order::any};
    std::vector<std::uint64_t> begin{0};
    bool const skip_root = row.parts == tp::cut::even_but_root;
    bool const parts = row.parts == tp::cut::given;
    std::uint64_t const owners = skip_root ? ranks - 1 : ranks;
    for (std::uint64_t q = 0, seen = 0; q < ranks; ++q) {
      bool const owns = !skip_root || q != 0;
      std::uint64_t const one = parts ? many / ranks : many / owners + (seen < many % owners ? 1 : 0);
      begin.push_back(begin.back() + (owns ? one : 0));
      seen += owns ? 1 : 0;
    }
    for (w.rank = 0; w.rank < ranks; ++w.rank) {
      tp::plan const p = row.write(w);
      for (auto const& s : p.scratch) needs_memory = needs_memory || !s.window;
      for (auto const& s : p.steps) {
        std::uint64_t const n = begin[s.at.last] - begin[s.at.first];
        if (s.what == tp::verb::send) sent[static_cast<std::size_t>(w.rank)] += n;
        if (s.what == tp::verb::fold) joined += n * (s.sources.size() - 1);
        needs_memory = needs_memory || (s.sources.size() == 1 && s.sources[0].from.where == tp::buffer::scratch);
      }
    }
    if (needs_memory) continue;
    ++rows;
    CAPTURE(tp::to_string(row.what));
    CAPTURE(tutti::to_string(row.algorithm));
    folded = 0;
    std::vector<std::uint64_t> found(ranks, 0);
    run_counting([&](auto& world) {
      tutti::const_bytes input{};
      auto const op = operation_of(row, place, world.rank(), input);
      world.engine().run(op, {.algorithm = row.algorithm, .order = tutti::order::any});
      auto const moved = world.stats();
      found[static_cast<std::size_t>(world.rank())] = moved.bytes_sent - moved.messages_sent * sizeof(te::frame);
    });
    CHECK(found == sent);
    CHECK(folded == joined);
    if (row.what == tp::collective::broadcast) CHECK(found[0] + found[1] + found[2] == (ranks - 1) * many);
  }
  CHECK(rows >= 15);
}

TEST_CASE("a message of more than 2^32 elements is as long as it says") {
  nowhere const place;
  run_counting([&](auto& world) {
    if (world.rank() == 0) send(world, std::span<std::byte const>(place.first(many)), 1);
    if (world.rank() == 1) {
      recv(world, place.first(many), 0);
      CHECK(world.stats().bytes_received == many + sizeof(te::frame));
    }
  });
}

TEST_CASE("counts that differ by 2^32 differ") {
  nowhere const place;
  std::atomic<int> refused{0};
  run_counting([&](auto& world) {
    try {
      broadcast(world, place.first(world.rank() == 0 ? many : 5), {.timeout = 5s, .algorithm = tutti::algorithm::star});
      CHECK(world.rank() == 0);
    } catch (tutti::error const& e) {
      CHECK(e.kind() == tutti::error_kind::mismatch);
      ++refused;
    }
  });
  CHECK(refused == 2);
}

// Takes 9 GB of memory, so it runs only when asked for: ctest -C large -L large
TEST_CASE("more than 4 GiB arrive as they are, over sockets" * doctest::skip()) {
  auto const value = [](std::uint64_t i, int of) {
    return static_cast<std::uint8_t>((i ^ i >> 13U ^ i >> 32U) + static_cast<std::uint64_t>(of));
  };
  auto const fill = [&](std::vector<std::uint8_t>& x, int of) {
    for (std::uint64_t i = 0; i < x.size(); ++i) x[i] = value(i, of);
  };
  auto const wrong = [](std::vector<std::uint8_t> const& x, auto due) {
    std::uint64_t n = 0;
    for (std::uint64_t i = 0; i < x.size(); ++i)
      if (x[i] != due(i)) ++n;
    return n;
  };
  tutti::testing::run_ranks(
      2,
      [&](tutti::communicator& world) {
        std::vector<std::uint8_t> x(many);
        fill(x, world.rank());
        broadcast(world, x, 1);
        CHECK(wrong(x, [&](std::uint64_t i) { return value(i, 1); }) == 0);
        fill(x, world.rank());
        allreduce(world, x);
        CHECK(wrong(x, [&](std::uint64_t i) { return static_cast<std::uint8_t>(value(i, 0) + value(i, 1)); }) == 0);
        fill(x, 7);
        if (world.rank() == 0) {
          send(world, x, 1);
        } else {
          x.assign(many, 0);
          recv(world, x, 0);
        }
        CHECK(wrong(x, [&](std::uint64_t i) { return value(i, 7); }) == 0);
      },
      tutti::testing::over::sockets);
}

#endif
