// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/allreduce.hpp>

#include <doctest/doctest.h>

#include <Eigen/Core>
#include <array>
#include <complex>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "../model/five_models.hpp"
#include "worlds.hpp"

namespace {

using tutti::communicator;
using worlds::algorithm;

TEST_CASE("allreduce: the sum of everyone's elements, for every algorithm and count") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (std::size_t const n : worlds::counts(world.size())) {
        CAPTURE(static_cast<int>(a));
        CAPTURE(n);
        auto x = worlds::numbers(world.rank(), n);
        allreduce(world, x, {.algorithm = a});
        CHECK(x == worlds::sums(world.size(), n));
      }
  });
}

TEST_CASE("allreduce: megabytes in streams that hold 64 KiB") {
  worlds::run({2, 3}, [](communicator& world) {
    for (algorithm const a : worlds::algorithms) {
      auto x = worlds::numbers(world.rank(), 400'009);
      allreduce(world, x, {.algorithm = a});
      CHECK(x == worlds::sums(world.size(), 400'009));
    }
  });
}

TEST_CASE("allreduce: 2x2 matrices are multiplied in rank order") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (std::size_t const n : worlds::counts(world.size())) {
        CAPTURE(static_cast<int>(a));
        CAPTURE(n);
        auto x = worlds::matrices(world.rank(), n);
        allreduce(world, x, tutti::prod, {.algorithm = a});
        CHECK(x == worlds::products(world.size(), n));
      }
  });
}

TEST_CASE("allreduce: every algorithm joins along the one bracket, spelled out letter by letter") {
  CHECK(std::string(worlds::joined_words(5, 1)[0].text) == "(((a0b0)(c0d0))e0)");
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (std::size_t const n : {std::size_t{1}, std::size_t{14}, std::size_t{1700}}) {
        auto x = worlds::words(world.rank(), n);
        allreduce(world, x, worlds::join_words{}, {.algorithm = a});
        CHECK(x == worlds::joined_words(world.size(), n));
      }
  });
}

TEST_CASE("allreduce: floats have the bits of the serial fold on every rank, for every algorithm") {
  // The data can tell: added from the left, rank by rank, it gives other bits.
  std::vector<float> from_left;
  for (std::size_t i = 0; i < 1000; ++i) {
    float s = 0;
    for (int r = 0; r < 5; ++r) s += worlds::wild(r, i);
    from_left.push_back(s);
  }
  CHECK_FALSE(worlds::same_bits(from_left, worlds::wild_sums(5, 1000)));
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (std::size_t const n : {std::size_t{1}, std::size_t{17}, std::size_t{30'001}}) {
        if (world.size() > 5 && n > 17) continue;
        CAPTURE(static_cast<int>(a));
        CAPTURE(n);
        auto x = worlds::wilds(world.rank(), n);
        allreduce(world, x, {.algorithm = a});
        CHECK(worlds::same_bits(x, worlds::wild_sums(world.size(), n)));
      }
  });
}

TEST_CASE("allreduce: any writable range serves in place, and an rvalue container comes back") {
  worlds::run(worlds::few, [](communicator& world) {
    int const p = world.size();
    std::array<int, 2> array{1, world.rank()};
    allreduce(world, array);
    CHECK(array == std::array<int, 2>{p, p * (p - 1) / 2});
    int plain[3] = {1, 2, 3};
    allreduce(world, plain);
    CHECK(plain[2] == 3 * p);
    std::vector<double> whole{0.5, 1, 0.25};
    allreduce(world, std::span(whole).subspan(1, 1));
    CHECK(whole == std::vector<double>{0.5, static_cast<double>(p), 0.25});
    CHECK(allreduce(world, std::vector<int>(5, 1)) == std::vector<int>(5, p));
    CHECK(allreduce(world, std::vector<int>(2, world.rank()), tutti::max) == std::vector<int>(2, p - 1));
  });
}

TEST_CASE("allreduce: Eigen matrices and blocks of whole columns, but no block with gaps") {
  worlds::run({1, 3}, [](communicator& world) {
    auto const p = static_cast<float>(world.size());
    Eigen::MatrixXf m = Eigen::MatrixXf::Ones(4, 3);
    allreduce(world, m);
    CHECK(m == Eigen::MatrixXf::Constant(4, 3, p));
    allreduce(world, m.rightCols(2));
    CHECK(m.col(0) == Eigen::VectorXf::Constant(4, p));
    CHECK(m.rightCols(2) == Eigen::MatrixXf::Constant(4, 2, p * p));
    auto gaps = m.topRows(2);
    CHECK(worlds::kind_of_error([&] { allreduce(world, gaps); }) == "config");
  });
}

TEST_CASE("allreduce: values are returned, the argument stays") {
  worlds::run(worlds::few, [](communicator& world) {
    int const p = world.size();
    int const mine = world.rank();
    CHECK(allreduce(world, mine) == p * (p - 1) / 2);
    CHECK(allreduce(world, 1.5) == 1.5 * p);
    CHECK(allreduce(world, std::complex<double>(1, 2)) == std::complex<double>(p, 2 * p));
    CHECK(allreduce(world, worlds::word::of(mine, 4), worlds::join_words{}) == worlds::joined_words(p, 5)[4]);
    CHECK(allreduce(world, 1, {.label = "ones", .where = {}}) == p);
  });
}

// The supplied operations, each beside a loop over the ranks that says the same in other words.
template <class T, class Op, class Serial>
void agrees(Op op, Serial serial) {
  worlds::run({3, 5}, [&](communicator& world) {
    auto const of = [](int r, std::size_t i) {
      return static_cast<T>((worlds::number(r, i) / 8) % 2 + (r + 3) % 4 * 2);
    };
    std::vector<T> x;
    std::vector<T> expected;
    for (std::size_t i = 0; i < 50; ++i) {
      x.push_back(of(world.rank(), i));
      T all = of(0, i);
      for (int r = 1; r < world.size(); ++r) all = static_cast<T>(serial(all, of(r, i)));
      expected.push_back(all);
    }
    allreduce(world, x, op);
    CHECK(worlds::same_bits(x, expected));
  });
}

TEST_CASE("allreduce: the supplied operations mean what their names say") {
  agrees<std::int64_t>(tutti::sum, [](auto a, auto b) { return b - (0 - a); });
  agrees<double>(std::plus<>{}, [](auto a, auto b) { return b + a; });
  agrees<std::uint8_t>(tutti::prod, [](auto a, auto b) { return b * a; });
  agrees<float>(std::multiplies<float>{}, [](auto a, auto b) { return b * a; });
  agrees<std::int16_t>(tutti::min, [](auto a, auto b) { return a < b ? a : b; });
  agrees<double>(tutti::max, [](auto a, auto b) { return a > b ? a : b; });
  agrees<std::uint32_t>(tutti::bit_and, [](auto a, auto b) { return ~(~a | ~b); });
  agrees<std::int32_t>(tutti::bit_or, [](auto a, auto b) { return ~(~a & ~b); });
  agrees<std::uint64_t>(tutti::bit_xor, [](auto a, auto b) { return (a | b) & ~(a & b); });
  agrees<int>(tutti::logical_and, [](auto a, auto b) { return a != 0 ? (b != 0 ? 1 : 0) : 0; });
  agrees<std::int8_t>(tutti::logical_or, [](auto a, auto b) { return a != 0 ? 1 : (b != 0 ? 1 : 0); });
}

struct join_spans {
  void operator()(std::span<worlds::word> acc, std::span<worlds::word const> in) const {
    for (std::size_t i = 0; i < acc.size(); ++i) acc[i] = worlds::join_words{}(acc[i], in[i]);
  }
};

TEST_CASE("allreduce: an operation on spans keeps rank order and bracket too") {
  worlds::run({1, 2, 3, 4, 5, 7}, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (std::size_t const n : {std::size_t{0}, std::size_t{1}, std::size_t{14}, std::size_t{1700}}) {
        auto x = worlds::words(world.rank(), n);
        allreduce(world, x, join_spans{}, {.algorithm = a});
        CHECK(x == worlds::joined_words(world.size(), n));
      }
  });
}

TEST_CASE("allreduce: an operation may carry state, as a lambda does") {
  worlds::run({1, 3}, [](communicator& world) {
    int const modulus = 5;
    std::vector<int> x{3, 4};
    allreduce(world, x, [&](int a, int b) { return (a + b) % modulus; });
    CHECK(x[0] % modulus == 3 * world.size() % modulus);
    CHECK(x[1] % modulus == 4 * world.size() % modulus);
  });
}

template <class M>
void adds_up(M const& made) {
  worlds::run({1, 2, 3}, [&](communicator& world) {
    M mine = made;
    allreduce(world, mine);
    double expected = 1;
    tutti::for_each_tensor(mine, [&](auto t) {
      for (auto x : t.data) CHECK(static_cast<double>(x) == world.size() * expected++);
    });
    CHECK(expected == 13);
  });
}

TEST_CASE("allreduce: the same line serves five ways to write a model, tensor by tensor") {
  adds_up(five::plain{});
  // Of the containers only the names sort otherwise; the sum is checked on their own order.
  worlds::run({1, 2, 3}, [](communicator& world) {
    auto mine = five::make_containers();
    auto before = five::make_containers();
    std::vector<double> expected;
    tutti::for_each_tensor(before, [&](auto t) {
      for (auto x : t.data) expected.push_back(world.size() * static_cast<double>(x));
    });
    allreduce(world, mine);
    std::vector<double> got;
    tutti::for_each_tensor(mine, [&](auto t) {
      for (auto x : t.data) got.push_back(static_cast<double>(x));
    });
    CHECK(got == expected);
  });
  adds_up(five::behind_boost{});
  adds_up(five::make_eigen());
  adds_up(five::hooked{});
}

TEST_CASE("allreduce: the statically bound forms do the same") {
  auto const body = [](auto& world) {
    auto x = worlds::numbers(world.rank(), 1000);
    allreduce(world, x);
    CHECK(x == worlds::sums(world.size(), 1000));
  };
  tutti::testing::run_ranks<tutti::transport::local>(
      3, [&](tutti::basic_communicator<tutti::transport::local>& world) { body(world); });
  tutti::testing::run_ranks<tutti::transport::tcp>(
      3, [&](tutti::basic_communicator<tutti::transport::tcp>& world) { body(world); }, worlds::over::sockets);
}

}  // namespace
