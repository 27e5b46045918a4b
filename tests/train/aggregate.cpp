// SPDX-License-Identifier: BSL-1.0
// Promises of train/aggregate.hpp.
#include <tutti/train/aggregate.hpp>

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "../collective/worlds.hpp"

namespace {

using tutti::communicator;
using tutti::testing::run_ranks;

struct net {
  std::vector<float> a;
  std::vector<double> b;
  std::vector<float> c;
  std::int32_t calls = 5;
};
net of_rank(int r, std::size_t n) {
  net g;
  for (std::size_t i = 0; i < n; ++i) g.a.push_back(worlds::wild(r, i));
  for (std::size_t i = 0; i < n / 2; ++i) g.b.push_back(static_cast<double>(worlds::wild(r, i + 500)) / 3);
  g.c = {std::sin(static_cast<float>(r)), 2, static_cast<float>(r % 2)};
  return g;
}
/// f(the numbers of all ranks) for each place of each tensor.
template <class F>
net number_by_number(std::vector<net> const& all, F f) {
  net out = all[0];
  auto const each = [&](auto member) {
    auto& to = out.*member;
    for (std::size_t i = 0; i < to.size(); ++i) {
      std::vector<double> v;
      for (net const& g : all) v.push_back(static_cast<double>((g.*member)[i]));
      to[i] = static_cast<std::remove_reference_t<decltype(to[i])>>(f(v));
    }
  };
  each(&net::a), each(&net::b), each(&net::c);
  return out;
}
template <class T>
double apart(std::vector<T> const& x, std::vector<T> const& y) {
  double most = x.size() == y.size() ? 0 : HUGE_VAL;
  for (std::size_t i = 0; i < x.size() && most < HUGE_VAL; ++i) {
    double const scale = std::fmax(1, std::fabs(static_cast<double>(y[i])));
    most = std::fmax(most, std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i])) / scale);
  }
  return most;
}
double apart(net const& x, net const& y) {
  return std::fmax(apart(x.a, y.a), std::fmax(apart(x.b, y.b), apart(x.c, y.c))) + (x.calls == y.calls ? 0 : 1);
}

/// Adasum by its formula, pair by pair along the bracket, tensor by tensor, in long double.
template <class T>
std::vector<long double> adasum(std::vector<std::vector<T>> const& all, std::size_t first, std::size_t last) {
  if (last - first == 1) return {all[first].begin(), all[first].end()};
  std::size_t half = 1;
  while (2 * half < last - first) half *= 2;
  auto a = adasum(all, first, first + half);
  auto const b = adasum(all, first + half, last);
  long double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = (1 - ab / (2 * aa)) * a[i] + (1 - ab / (2 * bb)) * b[i];
  return a;
}
template <class T>
std::vector<T> adasum(std::vector<net> const& all, std::vector<T> net::*member) {
  std::vector<std::vector<T>> rows;
  for (net const& g : all) rows.push_back(g.*member);
  auto const wide = adasum(rows, 0, rows.size());
  std::vector<T> narrow;
  for (long double x : wide) narrow.push_back(static_cast<T>(x));
  return narrow;
}

}  // namespace

TEST_CASE("median and trimmed mean are, number by number, those of the sorted values, however the parts are cut") {
  for (int const p : {1, 2, 3, 4, 5, 8})
    for (std::size_t const n : {std::size_t{0}, std::size_t{1}, std::size_t{40}}) {
      std::vector<net> all;
      for (int r = 0; r < p; ++r) all.push_back(of_rank(r, n));
      net const middle = number_by_number(all, [](std::vector<double> v) {
        std::sort(v.begin(), v.end());
        return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
      });
      net const trimmed = number_by_number(all, [](std::vector<double> v) {
        std::sort(v.begin(), v.end());
        std::size_t const cut = v.size() >= 3 ? 1 : 0;
        double sum = 0;
        for (std::size_t i = cut; i < v.size() - cut; ++i) sum += v[i];
        return sum / static_cast<double>(v.size() - 2 * cut);
      });
      run_ranks(p, [&](communicator& world) {
        net g = all[static_cast<std::size_t>(world.rank())];
        tutti::aggregate::median(world, g);
        CHECK(apart(g, middle) <= 1e-7);
        g = all[static_cast<std::size_t>(world.rank())];
        tutti::aggregate::trimmed_mean(world, g, p >= 3 ? 1 : 0);
        CHECK(apart(g, trimmed) <= 1e-7);
      });
    }
}

TEST_CASE("one lying rank of five moves neither median nor trimmed mean beyond the honest ones; it moves the mean") {
  for (double const lie : {1e30, -1e30, static_cast<double>(std::numeric_limits<float>::quiet_NaN())})
    run_ranks(5, [&](communicator& world) {
      int const r = world.rank();
      std::vector<float> const mine(11, r == 2 ? static_cast<float>(lie) : 1 + 0.1F * static_cast<float>(r));
      auto robust = mine, middle = mine, average = mine;
      tutti::aggregate::trimmed_mean(world, robust, 1);
      tutti::aggregate::median(world, middle);
      allreduce(world, average, tutti::mean);
      for (std::size_t i = 0; i < mine.size(); ++i) {
        CHECK((robust[i] >= 1.0F && robust[i] <= 1.4F));
        CHECK((middle[i] >= 1.0F && middle[i] <= 1.4F));
        CHECK_FALSE((average[i] >= 1.0F && average[i] <= 1.4F));  // control
      }
      CHECK_THROWS_AS(tutti::aggregate::trimmed_mean(world, robust, 3), tutti::error);
    });
}

TEST_CASE("Adasum is its formula along the bracket, tensor by tensor: the sum at right angles, the mean of equals") {
  for (int const p : {1, 2, 3, 4, 5, 8}) {
    std::vector<net> all;
    for (int r = 0; r < p; ++r) all.push_back(of_rank(r, 40));
    net due = all[0];
    due.a = adasum(all, &net::a);
    due.b = adasum(all, &net::b);
    due.c = adasum(all, &net::c);
    std::vector<std::vector<float>> results(static_cast<std::size_t>(p));
    run_ranks(p, [&](communicator& world) {
      net g = all[static_cast<std::size_t>(world.rank())];
      tutti::aggregate::adasum(world, g);
      CHECK(apart(g, due) <= 1e-5);
      results[static_cast<std::size_t>(world.rank())] = g.a;

      std::vector<double> same{3, -1, 2}, apart_all(static_cast<std::size_t>(p)), zeros(4);
      tutti::aggregate::adasum(world, same);
      CHECK(apart(same, {3, -1, 2}) <= 1e-15);
      apart_all[static_cast<std::size_t>(world.rank())] = 7;
      tutti::aggregate::adasum(world, apart_all);
      CHECK(apart_all == std::vector<double>(static_cast<std::size_t>(p), 7));
      tutti::aggregate::adasum(world, zeros);
      CHECK(zeros == std::vector<double>(4));
    });
    for (auto const& one : results) CHECK(worlds::same_bits(one, results[0]));
  }
}
