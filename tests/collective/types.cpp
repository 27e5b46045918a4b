// SPDX-License-Identifier: BSL-1.0
// Every operation on every type it is for, compared with a serial fold that shares no line with the library: all pairs
// at three ranks, and a set that covers every pair of circumstances.
#include <tutti/collective/arguments.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../core/short_floats.hpp"
#include "worlds.hpp"

namespace {

namespace plan = tutti::plan;
using tutti::bfloat16;
using tutti::communicator;
using tutti::half;
using tutti::options;
using worlds::algorithm;
#if defined(__SIZEOF_INT128__)
using tutti::int128;
using tutti::uint128;
#else
using int128 = std::int64_t;
using uint128 = std::uint64_t;
#endif
using place = tutti::located<double>;

std::uint64_t mixed(int r, std::size_t i) {
  std::uint64_t h = (static_cast<std::uint64_t>(r) + 3) * 0x9e3779b97f4a7c15U + (i + 1) * 0xbf58476d1ce4e5b9U;
  h = (h ^ h >> 29U) * 0x94d049bb133111ebU;
  return h ^ h >> 32U;
}

/// What rank r brings as element i. Floats of such different magnitudes that the order of adding shows.
template <class T>
T element_of(int r, std::size_t i) {
  std::uint64_t const h = mixed(r, i);
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
    return T::from_bits(static_cast<std::uint16_t>((h & 0x83ffU) | (0x3000U + (h >> 20U & 0xc00U))));
  else if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(
        std::ldexp(static_cast<double>(h % 16'777'216U) - 8'388'608.0, static_cast<int>(h >> 60U) - 30));
  else if constexpr (tutti::detail::is_complex<T>)
    return T(element_of<typename T::value_type>(r, i), element_of<typename T::value_type>(r + 20, i));
  else if constexpr (std::is_same_v<T, place>)
    return {static_cast<double>(h % 5), static_cast<std::int64_t>(h >> 30U & 7U)};
  else if constexpr (std::is_same_v<T, bool>)
    return h % 3 != 0;
  else if constexpr (sizeof(T) == 16)
    return static_cast<T>(static_cast<T>(h) << 50);
  else
    return static_cast<T>(h);
}

template <class T, class Join>
T along(std::vector<T> const& all, Join join) {
  return worlds::bracket(
      0, static_cast<int>(all.size()), [&](int r) { return all[static_cast<std::size_t>(r)]; }, join);
}

/// The fold of one element of every rank, by definition.
template <class T, class Op>
T serial(Op, std::vector<T> const& all) {
  constexpr bool adds = std::is_same_v<Op, tutti::sum_op> || std::is_same_v<Op, std::plus<>>;
  auto const n = static_cast<std::int64_t>(all.size());
  if constexpr (std::is_same_v<T, place>) {
    constexpr bool least = std::is_same_v<Op, tutti::minloc_op>;
    double extreme = all[0].value;
    for (place const& p : all) extreme = least ? std::fmin(extreme, p.value) : std::fmax(extreme, p.value);
    std::int64_t index = 1'000'000;
    for (place const& p : all)
      if (p.value == extreme && p.index < index) index = p.index;
    return {extreme, index};
  } else if constexpr (std::is_same_v<Op, tutti::min_op> || std::is_same_v<Op, tutti::max_op>) {
    T extreme = all[0];
    for (T const x : all)
      if (std::is_same_v<Op, tutti::min_op> ? x < extreme : x > extreme) extreme = x;
    return extreme;
  } else if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
    using defined = short_floats::format<std::is_same_v<T, half> ? 5 : 8>;
    std::vector<float> wide;
    for (T const x : all) wide.push_back(static_cast<float>(defined::value(x.bits())));
    constexpr bool multiplies = std::is_same_v<Op, tutti::prod_op>;
    float total = along(wide, [](float a, float b) { return multiplies ? a * b : a + b; });
    if (std::is_same_v<Op, tutti::mean_op>) total /= static_cast<float>(n);
    return T::from_bits(defined::rounded(total));
  } else if constexpr (tutti::detail::is_complex<T> || std::is_floating_point_v<T>) {
    if constexpr (adds) {
      return along(all, [](T a, T b) { return b + a; });
    } else if constexpr (std::is_same_v<Op, tutti::prod_op>) {
      return along(all, [](T a, T b) { return a * b; });
    } else if constexpr (std::is_floating_point_v<T>) {
      using W = std::conditional_t<std::is_same_v<T, float>, double, T>;
      std::vector<W> const wide(all.begin(), all.end());
      return static_cast<T>(along(wide, [](W a, W b) { return a + b; }) / static_cast<W>(n));
    } else {
      std::vector<typename T::value_type> re;
      std::vector<typename T::value_type> im;
      for (T const& z : all) {
        re.push_back(z.real());
        im.push_back(z.imag());
      }
      return T(serial(tutti::mean, re), serial(tutti::mean, im));
    }
  } else if constexpr (std::is_same_v<Op, tutti::mean_op>) {
    int128 total = 0;  // large enough for these numbers
    for (T const x : all) total += static_cast<int128>(x);
    int128 best = total / n - 2;
    auto const twice = [&](int128 m) { return 2 * (m * n - total < 0 ? total - m * n : m * n - total); };
    for (int128 m = best; m <= total / n + 2; ++m)
      if (twice(m) < twice(best) || (twice(m) == twice(best) && m % 2 == 0)) best = m;
    return static_cast<T>(best);
  } else {  // bit by bit, or modulo 2^bits
    uint128 total = static_cast<uint128>(all[0]);
    for (std::size_t i = 1; i < all.size(); ++i) {
      auto const x = static_cast<uint128>(all[i]);
      if constexpr (adds)
        total += x;
      else if constexpr (std::is_same_v<Op, tutti::prod_op>)
        total *= x;
      else if constexpr (std::is_same_v<Op, tutti::bit_and_op>)
        total = ~(~total | ~x);
      else if constexpr (std::is_same_v<Op, tutti::bit_or_op>)
        total = ~(~total & ~x);
      else if constexpr (std::is_same_v<Op, tutti::bit_xor_op>)
        total = (total | x) - (total & x);
    }
    if constexpr (!std::is_same_v<T, std::byte>) {
      bool every = true;
      bool some = false;
      for (T const x : all) {
        every = every && x != 0;
        some = some || x != 0;
      }
      if constexpr (std::is_same_v<Op, tutti::logical_and_op>)
        return static_cast<T>(all.size() == 1 ? all[0] : T(every));
      if constexpr (std::is_same_v<Op, tutti::logical_or_op>) return static_cast<T>(all.size() == 1 ? all[0] : T(some));
    }
    return static_cast<T>(total);
  }
}

/// The same number: a -0 is not a 0, and the padding of a long double does not count.
template <class T>
bool same(T const& a, T const& b) {
  if constexpr (std::is_floating_point_v<T>)
    return a == b && std::signbit(a) == std::signbit(b);
  else
    return a == b;
}

using plan::collective;
constexpr std::array calls{collective::allreduce, collective::reduce, collective::reduce_scatter, collective::scan,
                           collective::exscan};

/// One operation on one type; what is told apart at compile time ends here.
struct pairing {
  int op;
  int type;
  std::size_t size;
  tutti::engine::operation (*describe)(collective what, int root);
  void (*bring)(int r, std::size_t i, std::byte* to);
  bool (*is_fold)(int ranks, std::size_t i, std::byte const* got);
  [[nodiscard]] std::string name() const {
    tutti::engine::operation const o = describe(collective::allreduce, -1);
    return std::string(tutti::op_name(o.op)) + " of " + tutti::element_name(o.element);
  }
};

template <class T, class Op>
pairing pair(int op, int type) {
  return {op,
          type,
          sizeof(T),
          [](collective what, int root) {
            static constexpr Op combine{};
            return tutti::detail::reduction_on<T>(what, root, combine);
          },
          [](int r, std::size_t i, std::byte* to) {
            T const x = element_of<T>(r, i);
            std::memcpy(to, &x, sizeof x);
          },
          [](int ranks, std::size_t i, std::byte const* got) {
            std::vector<T> all;
            for (int r = 0; r < ranks; ++r) all.push_back(element_of<T>(r, i));
            T x;
            std::memcpy(static_cast<void*>(&x), got, sizeof x);
            return same<T>(x, serial(Op{}, all));
          }};
}

/// How many elements one call leaves wrong on this rank.
int wrong(communicator& world, pairing const& p, collective what, std::size_t n, options const& how) {
  auto const ranks = static_cast<std::size_t>(world.size());
  bool const scatters = what == collective::reduce_scatter;
  std::size_t const begin = scatters ? n * static_cast<std::size_t>(world.rank()) : 0;
  std::vector<std::byte> mine((scatters ? n * ranks : n) * p.size);
  for (std::size_t i = 0; i * p.size < mine.size(); ++i) p.bring(world.rank(), i, &mine[i * p.size]);
  auto const before = mine;
  std::vector<std::byte> part(n * p.size);
  std::vector<std::uint64_t> const counts(ranks, n);
  tutti::const_bytes const input(mine);
  tutti::engine::operation op = p.describe(what, what == collective::reduce ? how.root : -1);
  op.count = n;
  op.output = scatters ? part : mine;
  if (scatters) {
    op.counts = counts;
    op.inputs = {&input, 1};
    op.held = world.rank();
    op.output_is_part = true;
  }
  world.engine().run(op, how);
  if (what == collective::reduce && world.rank() != how.root) return before == mine ? 0 : 1;
  if (what == collective::exscan && world.rank() == 0) return before == mine ? 0 : 1;
  int const folded = what == collective::scan     ? world.rank() + 1
                     : what == collective::exscan ? world.rank()
                                                  : world.size();
  int bad = 0;
  for (std::size_t i = 0; i < n; ++i)
    bad += !p.is_fold(folded, begin + i, (scatters ? part : mine).data() + i * p.size);
  return bad;
}

template <class... T>
struct types {};
using all_types = types<bool, char, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t,
                        std::int64_t, std::uint64_t, int128, uint128, float, double, long double, half, bfloat16,
                        std::complex<float>, std::complex<double>, std::byte, place>;
using all_ops = types<tutti::sum_op, tutti::prod_op, tutti::min_op, tutti::max_op, tutti::bit_and_op, tutti::bit_or_op,
                      tutti::bit_xor_op, tutti::logical_and_op, tutti::logical_or_op, tutti::minloc_op,
                      tutti::maxloc_op, tutti::mean_op, std::plus<>>;

template <class... T, class... Op>
std::vector<pairing> pair_up(types<T...>, types<Op...>) {
  std::vector<pairing> all;
  int op = 0;
  auto const add = [&]<class O>(O) {
    int type = 0;
    auto const with = [&]<class E>(E) {
      if constexpr (tutti::reduction<O, E> && !(std::is_same_v<O, std::plus<>> && sizeof(E) < 4))
        all.push_back(pair<E, O>(op, type));
      ++type;
    };
    (with(T{}), ...);
    ++op;
  };
  (add(Op{}), ...);
  return all;
}
std::vector<pairing> const& pairings() {
  static std::vector<pairing> const all = pair_up(all_types{}, all_ops{});
  return all;
}

TEST_CASE("types: every operation on every type it is for, at three ranks, by every algorithm that folds") {
  CHECK(pairings().size() > 140);
  tutti::testing::run_ranks(3, [](communicator& world) {
    for (pairing const& p : pairings())
      for (algorithm const a : {algorithm::automatic, algorithm::star, algorithm::direct, algorithm::doubling,
                                algorithm::binomial, algorithm::ring}) {
        INFO(p.name() << ", algorithm " << static_cast<int>(a));
        CHECK(wrong(world, p, collective::allreduce, 150, {.algorithm = a}) == 0);
      }
  });
}

/// One row of the covering set: an index into each list of circumstances.
constexpr std::array worlds_of{1, 2, 3, 4, 5, 7, 8, 13};
constexpr std::array algorithms{algorithm::automatic, algorithm::star,    algorithm::direct,  algorithm::binomial,
                                algorithm::doubling,  algorithm::halving, algorithm::pairwise};
enum factor : std::size_t { op, type, ranks, count, root, through, what, by, factors };
using circumstances = std::array<int, factors>;
struct combination {
  circumstances at;
  pairing const* which;
};
constexpr circumstances lengths{13, 21, 8, 6, 3, 2, 5, 7};

std::vector<combination> covering_set() {
  std::set<std::array<int, 4>> uncovered;  // factor, its value, factor, its value
  auto const pairs_of = [](circumstances const& c, auto&& visit) {
    for (std::size_t a = 0; a < factors; ++a)
      for (std::size_t b = a + 1; b < factors; ++b)
        visit(std::array<int, 4>{static_cast<int>(a), c[a], static_cast<int>(b), c[b]});
  };
  std::uint64_t seed = 42;
  auto const below = [&](int n) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return static_cast<int>((seed >> 33U) % static_cast<std::uint64_t>(n));
  };
  auto const candidate = [&](pairing const& p) {
    circumstances c{p.op, p.type};
    for (std::size_t f = ranks; f < factors; ++f) c[f] = below(lengths[f]);
    if (worlds_of[static_cast<std::size_t>(c[ranks])] > 5) c[through] = 0;  // large worlds in memory only
    return c;
  };
  // All pairs that can occur at all: those some candidate shows.
  for (int round = 0; round < 60; ++round)
    for (pairing const& p : pairings()) pairs_of(candidate(p), [&](auto const& pair) { uncovered.insert(pair); });
  std::vector<combination> chosen;
  for (std::size_t turn = 0; !uncovered.empty(); ++turn) {
    pairing const* best_pairing = nullptr;
    circumstances best{};
    int most = 0;
    for (int attempt = 0; attempt < 60; ++attempt) {
      pairing const& p = turn < pairings().size()
                             ? pairings()[turn]
                             : pairings()[static_cast<std::size_t>(below(static_cast<int>(pairings().size())))];
      circumstances const c = candidate(p);
      int news = 0;
      pairs_of(c, [&](auto const& pair) { news += uncovered.contains(pair) ? 1 : 0; });
      if (news > most) {
        most = news;
        best = c;
        best_pairing = &p;
      }
    }
    if (best_pairing == nullptr) continue;
    pairs_of(best, [&](auto const& pair) { uncovered.erase(pair); });
    chosen.push_back({best, best_pairing});
  }
  return chosen;
}

TEST_CASE("types: operation, type, ranks, count, root, transport, call and algorithm, every two of them together") {
  auto const set = covering_set();
  CHECK(set.size() < 600);
  for (worlds::over const medium : {worlds::over::memory, worlds::over::sockets})
    for (std::size_t size = 0; size < worlds_of.size(); ++size) {
      int const p = worlds_of[size];
      if (medium == worlds::over::sockets && p > 5) continue;
      auto const on_rank = [&](communicator& comm) {
        for (combination const& c : set) {
          if (c.at[ranks] != static_cast<int>(size) || (c.at[through] == 1) != (medium == worlds::over::sockets))
            continue;
          auto const q = static_cast<std::size_t>(p);
          std::size_t const n =
              std::array<std::size_t, 6>{0, 1, q - 1, q, q + 1, 3001}[static_cast<std::size_t>(c.at[count])];
          int const at = std::array{0, p / 2, p - 1}[static_cast<std::size_t>(c.at[root])];
          collective const which = calls[static_cast<std::size_t>(c.at[what])];
          INFO(c.which->name() << ", " << n << " elements on " << p << " ranks, root " << at << ", call "
                               << static_cast<int>(which) << ", algorithm " << c.at[by]);
          CHECK(wrong(comm, *c.which, which, n,
                      {.algorithm = algorithms[static_cast<std::size_t>(c.at[by])], .root = at}) == 0);
        }
      };
      tutti::testing::run_ranks(p, on_rank, medium);
    }
}

}  // namespace
