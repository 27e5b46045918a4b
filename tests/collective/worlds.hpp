// SPDX-License-Identifier: BSL-1.0
// One body on worlds of many sizes, through memory and through sockets; and what its results are compared with.
#pragma once

#include <doctest/doctest.h>

#include <tutti/group/testing.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace worlds {

using tutti::algorithm;
using tutti::testing::over;

inline constexpr algorithm algorithms[] = {algorithm::automatic, algorithm::exchange, algorithm::star,
                                           algorithm::direct};
inline std::vector<int> const sizes{1, 2, 3, 4, 5, 7, 8, 13};
inline std::vector<int> const few{1, 2, 3, 5};

/// No element, one, around the number of ranks; and, in small worlds, more than a granule and more than a pipe holds.
inline std::vector<std::size_t> counts(int size) {
  auto const p = static_cast<std::size_t>(size);
  if (size > 5) return {1, p - 1, p + 1};
  return {0, 1, p - 1, p, p + 1, 20011};
}
inline std::vector<int> roots(int size) {
  if (size > 5) return {size / 2, size - 1};
  std::vector<int> all;
  for (int r = 0; r < size; ++r) all.push_back(r);
  return all;
}

/// body(communicator&) on every rank of every world. Through sockets the large worlds are left out: they cost seconds,
/// and differ from the small ones in nothing the plans do not already show in memory.
template <class Body>
void run(std::vector<int> const& of_sizes, Body body) {
  for (over const medium : {over::memory, over::sockets})
    for (int const size : of_sizes) {
      if (medium == over::sockets && size > 5) continue;
      auto const on_rank = [&](tutti::communicator& world) {
        INFO("size " << size << (medium == over::memory ? " in memory" : " over sockets") << ", rank " << world.rank());
        body(world);
      };
      tutti::testing::run_ranks(size, on_rank, medium);
    }
}

/// What rank r brings as element i: no two alike, in either direction.
inline std::int64_t number(int r, std::size_t i) {
  return 1'000'003 * static_cast<std::int64_t>(r + 1) * (r + 7) + 31 * static_cast<std::int64_t>(i);
}
inline std::vector<std::int64_t> numbers(int r, std::size_t n) {
  std::vector<std::int64_t> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = worlds::number(r, i);
  return v;
}
/// Everyone's numbers, in rank order.
inline std::vector<std::int64_t> all_numbers(int size, std::size_t n) {
  std::vector<std::int64_t> all;
  for (int r = 0; r < size; ++r)
    for (std::size_t i = 0; i < n; ++i) all.push_back(worlds::number(r, i));
  return all;
}
/// Numbers of such different magnitudes that every order of adding them gives other bits.
inline float wild(int r, std::size_t i) {
  auto const lane = static_cast<std::uint64_t>(r) + 1U;
  std::uint64_t h = lane * 0x9e3779b97f4a7c15U + std::uint64_t{i} * 0xbf58476d1ce4e5b9U;
  h ^= h >> 29U;
  h *= 0x94d049bb133111ebU;
  h ^= h >> 32U;
  return std::ldexp(static_cast<float>(h % 16'777'216U) - 8'388'608.0F, static_cast<int>(h / 16'777'216U % 20) - 10);
}
inline std::vector<float> wilds(int r, std::size_t n) {
  std::vector<float> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = worlds::wild(r, i);
  return v;
}

/// The definition: split at the largest power of two below the number of slots.
template <class Of, class Join>
auto bracket(int first, int last, Of of, Join join) {
  if (last - first == 1) return of(first);
  int left = 1;
  while (left * 2 < last - first) left *= 2;
  auto const a = worlds::bracket(first, first + left, of, join);
  return join(a, worlds::bracket(first + left, last, of, join));
}
/// The fold of everyone's of(rank, i), element by element.
template <class Of, class Join>
auto folded(int size, std::size_t n, Of of, Join join) {
  std::vector<decltype(of(0, n))> all;
  for (std::size_t i = 0; i < n; ++i)
    all.push_back(worlds::bracket(
        0, size, [&](int r) { return of(r, i); }, join));
  return all;
}
inline std::vector<std::int64_t> sums(int size, std::size_t n) {
  return worlds::folded(size, n, worlds::number, [](std::int64_t a, std::int64_t b) { return a + b; });
}
inline std::vector<float> wild_sums(int size, std::size_t n) {
  return worlds::folded(size, n, worlds::wild, [](float a, float b) { return a + b; });
}

/// Equal as memory: a NaN equals itself, and 0 is not -0.
template <class T>
bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// Spells out how it was made: neither commutative nor associative, so one result shows order and bracket.
struct word {
  char text[64] = {};
  static word of(int r, std::size_t i) {
    word w;
    w.text[0] = static_cast<char>('a' + r);
    w.text[1] = static_cast<char>('0' + i % 10);
    return w;
  }
  friend bool operator==(word const&, word const&) = default;
};
struct join_words {
  word operator()(word const& a, word const& b) const {
    word w;
    std::string const text = "(" + std::string(a.text) + std::string(b.text) + ")";
    std::memcpy(w.text, text.data(), text.size() < sizeof w.text ? text.size() : sizeof w.text);
    return w;
  }
};
inline std::vector<word> words(int r, std::size_t n) {
  std::vector<word> all;
  for (std::size_t i = 0; i < n; ++i) all.push_back(word::of(r, i));
  return all;
}
inline std::vector<word> joined_words(int size, std::size_t n) {
  return worlds::folded(size, n, word::of, join_words{});
}

/// 2×2 matrices modulo a prime: associative, not commutative.
struct matrix {
  std::int64_t a = 1, b = 0, c = 0, d = 1;
  static matrix of(int r, std::size_t i) { return {r + 2, static_cast<std::int64_t>(i % 11), 1, r}; }
  friend matrix operator*(matrix const& x, matrix const& y) {
    constexpr std::int64_t prime = 1009;
    return {(x.a * y.a + x.b * y.c) % prime, (x.a * y.b + x.b * y.d) % prime, (x.c * y.a + x.d * y.c) % prime,
            (x.c * y.b + x.d * y.d) % prime};
  }
  friend bool operator==(matrix const&, matrix const&) = default;
};
inline std::vector<matrix> matrices(int r, std::size_t n) {
  std::vector<matrix> all;
  for (std::size_t i = 0; i < n; ++i) all.push_back(matrix::of(r, i));
  return all;
}
/// Rank after rank, from the left: for an associative operation any bracket gives this.
inline std::vector<matrix> products(int size, std::size_t n) {
  std::vector<matrix> all;
  for (std::size_t i = 0; i < n; ++i) {
    matrix m = matrix::of(0, i);
    for (int r = 1; r < size; ++r) m = m * matrix::of(r, i);
    all.push_back(m);
  }
  return all;
}

/// The kind of tutti::error that `call` throws; nothing if it throws none.
template <class Call>
std::string kind_of_error(Call call) {
  try {
    call();
  } catch (tutti::error const& e) {
    return std::string(tutti::to_string(e.kind()));
  }
  return "";
}

}  // namespace worlds
