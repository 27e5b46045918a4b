// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/broadcast.hpp>

#include <doctest/doctest.h>

#include <Eigen/Core>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../model/five_models.hpp"
#include "worlds.hpp"

namespace {

using tutti::communicator;
using worlds::algorithm;

TEST_CASE("broadcast: every rank ends with the root's elements, for every root, algorithm and count") {
  worlds::run(worlds::sizes, [](communicator& world) {
    for (algorithm const a : worlds::algorithms)
      for (int const root : worlds::roots(world.size()))
        for (std::size_t const n : worlds::counts(world.size())) {
          CAPTURE(static_cast<int>(a));
          CAPTURE(root);
          CAPTURE(n);
          auto mine = worlds::numbers(world.rank(), n);
          broadcast(world, mine, root, {.algorithm = a});
          CHECK(mine == worlds::numbers(root, n));
          broadcast(world, mine = worlds::numbers(world.rank(), n), {.algorithm = a, .root = root});
          CHECK(mine == worlds::numbers(root, n));
        }
  });
}

TEST_CASE("broadcast: megabytes in streams that hold 64 KiB") {
  worlds::run({2, 3}, [](communicator& world) {
    for (algorithm const a : worlds::algorithms) {
      auto mine = worlds::numbers(world.rank(), 400'009);
      broadcast(world, mine, world.size() - 1, {.algorithm = a});
      CHECK(mine == worlds::numbers(world.size() - 1, 400'009));
    }
  });
}

TEST_CASE("broadcast: any writable range serves in place, and an rvalue container comes back") {
  worlds::run(worlds::few, [](communicator& world) {
    auto const last = world.size() - 1;
    std::array<int, 3> array{world.rank(), 1, 2};
    broadcast(world, array, last);
    CHECK(array == std::array<int, 3>{last, 1, 2});

    int plain[4] = {world.rank(), world.rank() + 1, 7, 8};
    broadcast(world, plain, last);
    CHECK(plain[0] == last);
    CHECK(plain[1] == last + 1);

    std::vector<double> whole{0.5, static_cast<double>(world.rank()), 0.25};
    broadcast(world, std::span(whole).subspan(1, 1), last);
    CHECK(whole == std::vector<double>{0.5, static_cast<double>(last), 0.25});

    CHECK(broadcast(world, std::vector<int>(5, world.rank()), last) == std::vector<int>(5, last));

    int grid[2][2] = {{world.rank(), 1}, {2, world.rank()}};
    broadcast(world, grid, last);
    CHECK(grid[0][0] == last);
    CHECK(grid[1][1] == last);
  });
}

TEST_CASE("broadcast: Eigen matrices and blocks of whole columns, but no block with gaps") {
  worlds::run({1, 3}, [](communicator& world) {
    Eigen::MatrixXf m = Eigen::MatrixXf::Constant(4, 3, static_cast<float>(world.rank()));
    broadcast(world, m, world.size() - 1);
    CHECK(m == Eigen::MatrixXf::Constant(4, 3, static_cast<float>(world.size() - 1)));

    m.setConstant(static_cast<float>(world.rank()));
    broadcast(world, m.middleCols(1, 2), world.size() - 1);
    CHECK(m.col(0) == Eigen::VectorXf::Constant(4, static_cast<float>(world.rank())));
    CHECK(m.rightCols(2) == Eigen::MatrixXf::Constant(4, 2, static_cast<float>(world.size() - 1)));

    auto gaps = m.block(0, 0, 2, 2);
    CHECK(worlds::kind_of_error([&] { broadcast(world, gaps, 0); }) == "config");
    broadcast(world, m, 0);  // and nothing was sent: the communicator goes on
    CHECK(m(0, 0) == 0.0F);
  });
}

enum class colour : int { red = 3, green };

TEST_CASE("broadcast: single numbers, truth values, enumerations, structs") {
  worlds::run(worlds::few, [](communicator& world) {
    bool const root = world.rank() == 0;
    int number = root ? 42 : 0;
    broadcast(world, number);
    CHECK(number == 42);
    bool truth = root;
    broadcast(world, truth);
    CHECK(truth);
    colour c = root ? colour::green : colour::red;
    broadcast(world, c);
    CHECK(c == colour::green);
    auto m = worlds::matrix::of(world.rank(), 3);
    broadcast(world, m, world.size() - 1);
    CHECK(m == worlds::matrix::of(world.size() - 1, 3));
  });
}

TEST_CASE("broadcast: objects replace what was there, whatever its size; empty, small, and of many pieces") {
  worlds::run(worlds::few, [](communicator& world) {
    for (int const root : worlds::roots(world.size()))
      for (std::size_t const n : {std::size_t{0}, std::size_t{5}, std::size_t{1} << 20U, std::size_t{2'500'001}}) {
        std::string text = world.rank() == root ? std::string(n, 'x') : std::string(17, 'y');
        broadcast(world, text, root);
        CHECK((text == std::string(n, 'x')));
      }
    std::map<std::string, std::vector<int>> tree{{"old", {world.rank()}}};
    std::map<std::string, std::vector<int>> const sent{{"a", {1, 2}}, {"", {}}, {"b", {3}}};
    if (world.rank() == 0) tree = sent;
    broadcast(world, tree);
    CHECK(tree == sent);
    std::vector<std::string> lines;
    if (world.rank() == 0) lines = {"one", "", "three"};
    broadcast(world, lines);
    CHECK(lines == std::vector<std::string>{"one", "", "three"});
  });
}

template <class M>
std::vector<double> contents(M& model) {
  std::vector<double> all;
  tutti::for_each_tensor(model, [&](auto t) {
    for (auto x : t.data) all.push_back(static_cast<double>(x));
  });
  return all;
}
template <class M>
void travels(M const& made) {
  worlds::run({1, 3}, [&](communicator& world) {
    M mine = made;
    double const sent = world.size() - 1;
    tutti::for_each_tensor(mine, [&](auto t) {
      for (auto& x : t.data) x = static_cast<std::remove_reference_t<decltype(x)>>(world.rank());
    });
    broadcast(world, mine, world.size() - 1);
    CHECK(contents(mine) == std::vector<double>(12, sent));
  });
}

TEST_CASE("broadcast: the same line serves five ways to write a model") {
  travels(five::plain{});
  travels(five::make_containers());
  travels(five::behind_boost{});
  travels(five::make_eigen());
  travels(five::hooked{});
}

TEST_CASE("broadcast: a root that does not exist is refused before anything is sent") {
  worlds::run({1, 3}, [](communicator& world) {
    std::vector<int> x(3, world.rank());
    CHECK(worlds::kind_of_error([&] { broadcast(world, x, world.size()); }) == "config");
    CHECK(worlds::kind_of_error([&] { broadcast(world, x, -1); }) == "config");
    broadcast(world, x);
    CHECK(x == std::vector<int>(3, 0));
  });
}

}  // namespace
