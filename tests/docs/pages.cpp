// SPDX-License-Identifier: BSL-1.0
// The fragments of README.md and docs/ that no example holds: compiled, run, and found there by tests/snippets.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <tutti/tutti.hpp>

namespace {

// docs/launching.md
[[maybe_unused]] tutti::communicator join_by_hand(int rank, int size) {
  using namespace std::chrono_literals;
  return tutti::join({.root = "10.0.0.4:7000", .rank = rank, .size = size, .trusted_network = true, .timeout = 30s});
}
[[maybe_unused]] int start_workers() { return tutti::launch(4, {"./worker", "--epochs", "3"}); }

// docs/collectives.md: an operation on whole runs of elements
struct saturating_sum {
  void operator()(std::span<std::uint8_t> acc, std::span<std::uint8_t const> in) const {
    for (std::size_t i = 0; i < acc.size(); ++i) acc[i] = static_cast<std::uint8_t>(std::min(255, acc[i] + in[i]));
  }
};

// docs/collectives.md: an operation with an accumulator of its own
struct geometric_mean {
  double widen(float x) const { return std::log(static_cast<double>(x)); }
  double operator()(double a, double b) const { return a + b; }
  void narrow(double logs, std::uint64_t ranks, float& out) const {
    out = static_cast<float>(std::exp(logs / static_cast<double>(ranks)));
  }
};

// docs/models.md
class embedding {
 public:
  embedding() = default;
  explicit embedding(std::size_t words) : table_(words * 4) {}
  friend void tutti_visit(embedding& m, auto&& v) {
    v("table", m.table_);
    v("lookups", m.lookups_, tutti::role::buffer);
  }

 private:
  std::vector<float> table_;
  std::int64_t lookups_ = 0;
};
struct recommender {
  embedding words{3};
  std::vector<std::vector<float>> layers{{1, 2}, {3}};
  float temperature = 1;
  std::string name = "small";
};

}  // namespace

TEST_CASE("docs/collectives.md: where the best is, and an operation with an accumulator") {
  tutti::testing::run_ranks(3, [](tutti::communicator& world) {
    double const loss = world.rank() == 0 ? 2 : 1;
    tutti::located<double> const best = allreduce(world, tutti::located<double>{loss, world.rank()}, tutti::minloc);
    CHECK(best == tutti::located<double>{1, 1});
    std::vector<float> x(100, static_cast<float>(1 << (2 * world.rank())));
    allreduce(world, x, geometric_mean{}, {.algorithm = tutti::algorithm::doubling});
    CHECK(std::abs(x[99] - 4.0F) < 1e-5F);
  });
}

TEST_CASE("docs/collectives.md: the three kinds of argument") {
  tutti::testing::run_ranks(3, [](tutti::communicator& comm) {
    std::vector<double> x{comm.rank() + 1.0, 0.5};
    allreduce(comm, x);                                                      // a buffer: in place
    double const largest = allreduce(comm, x[0] + comm.rank(), tutti::max);  // a value: returned
    recommender model;
    allreduce(comm, model);  // a model: in place, tensor by tensor
    CHECK(x == std::vector<double>{6.0, 1.5});
    CHECK(largest == 8.0);
    CHECK(model.layers == std::vector<std::vector<float>>{{3, 6}, {9}});
  });
}

TEST_CASE("docs/collectives.md: options and roots") {
  tutti::testing::run_ranks(3, [](tutti::communicator& comm) {
    using namespace std::chrono_literals;
    std::vector<int> x{comm.rank()};
    allreduce(comm, x, tutti::max, {.timeout = 5s, .label = "steps"});
    CHECK(x[0] == 2);
    x[0] = comm.rank();
    broadcast(comm, x, 1);            // the same as
    broadcast(comm, x, {.root = 1});  // this
    CHECK(x[0] == 1);
  });
}

TEST_CASE("docs/collectives.md: objects, uneven blocks and operations of one's own") {
  tutti::testing::run_ranks(3, [](tutti::communicator& comm) {
    std::string const mine(static_cast<std::size_t>(comm.rank() + 1), 'x');
    std::vector<std::string> const all = allgather(comm, mine);
    CHECK(all == std::vector<std::string>{"x", "xx", "xxx"});

    std::vector<int> numbers(static_cast<std::size_t>(comm.rank()), comm.rank());
    tutti::ragged<int> const lists = allgather(comm, numbers);  // 0, 1 and 2 numbers
    CHECK(lists.size() == 3);
    CHECK(std::ranges::equal(lists[2], std::vector{2, 2}));

    std::vector<std::uint8_t> pixels{100, 10};
    allreduce(comm, pixels, saturating_sum{});
    CHECK(pixels == std::vector<std::uint8_t>{255, 30});
  });
}

TEST_CASE("docs/collectives.md: a part of the world") {
  tutti::testing::run_ranks(4, [](tutti::communicator& world) {
    tutti::communicator half = world.split(world.rank() % 2);
    int const members = allreduce(half, 1);
    CHECK(members == 2);
  });
}

TEST_CASE("docs/determinism.md: five slots are folded as ((s0 + s1) + (s2 + s3)) + s4") {
  std::vector<float> const s{1e8F, 1.0F, -1e8F, 3.0F, 0.25F};
  float const along_the_bracket = ((s[0] + s[1]) + (s[2] + s[3])) + s[4];
  tutti::testing::run_ranks(5, [&](tutti::communicator& comm) {
    std::vector<float> x(1000, s[static_cast<std::size_t>(comm.rank())]);
    for (auto how : {tutti::algorithm::star, tutti::algorithm::direct}) {
      std::vector<float> y = x;
      allreduce(comm, y, {.algorithm = how});
      CHECK(std::ranges::all_of(y, [&](float v) { return v == along_the_bracket; }));
    }
  });
}

TEST_CASE("docs/models.md: what explain_model prints") {
  recommender const model;
  CHECK(tutti::explain_model(model) ==
        "value: tier 6 plain struct\n"
        "words: tier 1 hook\n"
        "words.table: tier 3 leaf, f32 12, 48 bytes, parameter\n"
        "words.lookups: tier 3 leaf, i64 scalar, 8 bytes, buffer\n"
        "layers: tier 4 container\n"
        "layers.0: tier 3 leaf, f32 2, 8 bytes, parameter\n"
        "layers.1: tier 3 leaf, f32 1, 4 bytes, parameter\n"
        "temperature: tier 3 leaf, f32 scalar, 4 bytes, parameter\n"
        "name: tier 7 opaque, no tensor: travels in broadcast and checkpoints only\n"
        "in all: 17 numbers, 72 bytes\n");
}

TEST_CASE("docs/training.md: the mean over samples, not over ranks") {
  tutti::testing::run_ranks(2, [](tutti::communicator& world) {
    std::vector<float> gradient{world.rank() == 0 ? 3.0F : 5.0F};  // sums over this rank's samples
    double const samples = world.rank() == 0 ? 3 : 1;
    tutti::data_parallel dp{world, gradient};
    dp.sync(gradient, samples);  // (3 + 5) / (3 + 1), where the mean of means would be 3
    CHECK(gradient[0] == 2.0F);
  });
}

TEST_CASE("docs/sampler.md: a sampler continues where another number of ranks stopped") {
  struct ranks {  // all that a sampler asks of a communicator
    int mine, all;
    [[nodiscard]] int rank() const { return mine; }
    [[nodiscard]] int size() const { return all; }
  };
  tutti::sampler before{.size = 100, .global_batch = 16, .seed = 7};
  auto three = before.epochs(1).on(ranks{0, 3});
  (void)three.begin();                                // one batch on three ranks
  tutti::sampler_state const saved = before.state();  // 24 bytes
  tutti::sampler after{.size = 100, .global_batch = 16};
  after.resume(saved);
  std::uint64_t left = 0;
  for (auto const& batch : after.epochs(1).on(ranks{0, 1})) left += batch.size();
  CHECK(left == 84);
}

TEST_CASE("failure.md: what an error says of a rank that gave up") {
  using namespace std::chrono_literals;
  std::atomic<int> told{0};
  (void)tutti::testing::try_ranks(2, [&](tutti::communicator& world) {
    if (world.rank() == 1) throw std::runtime_error("out of data");
    std::vector<float> gradient(10);
    tutti::failure seen;
    // clang-format off
try {
  allreduce(world, gradient, {.timeout = 5s, .label = "gradient"});
} catch (tutti::error const& e) {
  seen = e.facts();  // .kind       peer_lost
                     // .rank       1: the world rank to blame, -1 where no single rank is
                     // .operation  "allreduce #6 'gradient' (train.cpp:82)": this rank's own call
}                    // .cause      one sentence; e.what() is operation and cause in one line
    // clang-format on
    CHECK(seen.kind == tutti::error_kind::aborted);
    CHECK(seen.rank == 1);
    CHECK(seen.operation.starts_with("allreduce #1 'gradient' (pages.cpp:"));
    ++told;
  });
  CHECK(told == 1);
}
