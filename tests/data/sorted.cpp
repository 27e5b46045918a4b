// SPDX-License-Identifier: BSL-1.0
// Promises of data/sorted.hpp.
#include <tutti/data/sorted.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "content.hpp"

namespace {

using content::row;

/// Repartitions, sorts stably on every rank, and compares with one stable sort of everything; the largest part.
template <class Look>
std::size_t check(std::vector<row> const& all, int p, Look look, std::uint64_t* most = nullptr) {
  auto const less = [&](row const& a, row const& b) { return std::invoke(look, a) < std::invoke(look, b); };
  auto got = content::repartitioned(all, p, tutti::sorted(look), most);
  std::vector<int> ids, due;
  std::size_t largest = 0;
  for (auto& part : got) {
    std::stable_sort(part.begin(), part.end(), less);
    for (row const& r : part) ids.push_back(r.id);
    largest = std::max(largest, part.size());
  }
  auto serial = all;
  std::stable_sort(serial.begin(), serial.end(), less);
  for (row const& r : serial) due.push_back(r.id);
  CHECK(ids == due);
  return largest;
}

TEST_CASE("sorted: together the parts are one stable sort, and none is larger than promised, whatever the ties") {
  for (int const p : {1, 2, 3, 4, 5, 7, 8})
    for (int const n : {0, 1, p - 1, p, p + 1, 5000}) {
      auto const all = content::rows(n);  // two thirds have the same price: kept together, they would break the bound
      auto const size = static_cast<std::size_t>(n), parts = static_cast<std::size_t>(p);
      CHECK(check(all, p, &row::price) <= size / parts * 9 / 8 + 1 + (size % parts != 0 ? 1 : 0));
      if (n == 5000 && p >= 3)
        CHECK(std::count_if(all.begin(), all.end(), [](row const& r) { return r.price == 25.0; }) > n / p * 9 / 8 + 2);
    }
}

TEST_CASE("sorted: all keys equal, keys in reverse, keys that are text") {
  auto all = content::rows(3000);
  CHECK(check(all, 4, [](row const&) { return 0; }) <= 750 * 9 / 8 + 1);
  CHECK(check(all, 4, [](row const& r) { return -r.id; }) <= 750 * 9 / 8 + 1);
  CHECK(check(all, 3, [](row const& r) { return std::to_string(r.label); }) <= 1000 * 9 / 8 + 1);
}

TEST_CASE("sorted: nobody receives more than 2n/P rows") {
  auto const all = content::rows(8000);
  std::uint64_t most = 0;
  check(all, 4, &row::price, &most);
  CHECK(most <= 2 * all.size() * sizeof(row) / 4);
}

TEST_CASE("sorted: a thousand parts") {
  auto const all = content::rows(40'000);
  auto const to = content::assigned(all, 3, tutti::sorted(&row::price), 1000);
  auto const sizes = content::counts(all, to, 1000, [](row const&) { return true; });
  CHECK(*std::max_element(sizes.begin(), sizes.end()) <= 40 * 9 / 8 + 1);
  std::vector<double> lowest(1000, 1e9), highest(1000, -1e9);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto const r = static_cast<std::size_t>(to[i]);
    lowest[r] = std::min(lowest[r], all[i].price);
    highest[r] = std::max(highest[r], all[i].price);
  }
  bool in_order = true;
  for (std::size_t r = 0; r + 1 < 1000; ++r) in_order = in_order && highest[r] <= lowest[r + 1];
  CHECK(in_order);
}

}  // namespace
