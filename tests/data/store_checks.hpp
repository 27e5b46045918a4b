// SPDX-License-Identifier: BSL-1.0
// What every kv_store promises, asked of any of them: `open()` gives another handle on one and the same empty store.
#pragma once

#include <doctest/doctest.h>

#include <tutti/data/join_through.hpp>
#include <tutti/data/kv_store.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "scratch.hpp"

namespace store_checks {

using namespace std::chrono_literals;

template <class Body>
void on_threads(int n, Body body) {
  std::vector<std::thread> threads;
  for (int t = 0; t < n; ++t) threads.emplace_back([&body, t] { body(t); });
  for (auto& thread : threads) thread.join();
}

template <class Open>
void values_come_back(Open open) {
  auto a = open();
  auto b = open();
  CHECK_FALSE(b.get("k").has_value());
  a.set("k", "one");
  CHECK(b.get("k") == "one");
  a.set("k", "");
  CHECK(b.get("k") == "");
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  for (std::string const& key : {every.substr(0, 70), std::string("a/b"), std::string(".."), std::string("A b\n")}) {
    std::string value = key + every;
    a.set(key, value);
    CHECK(b.get(key) == value);
  }
  std::string const large(3 << 20, 'x');
  a.set("large", large);
  CHECK(b.get("large") == large);
  CHECK(b.wait("k", 0s) == "");
}

template <class Open>
void numbers_are_added_and_values_swapped_by_one_at_a_time(Open open) {
  auto a = open();
  CHECK(a.add("n", 5) == 5);
  CHECK(a.add("n", -7) == -2);
  CHECK(a.get("n") == "-2");
  a.set("text", "12x");
  CHECK(refusal([&] { a.add("text", 1); }).find("text") != std::string::npos);
  CHECK(a.get("text") == "12x");
  CHECK_FALSE(a.cas("c", "x", "y"));
  CHECK_FALSE(a.get("c").has_value());
  CHECK(a.cas("c", std::nullopt, "1"));
  CHECK_FALSE(a.cas("c", std::nullopt, "2"));
  CHECK_FALSE(a.cas("c", "2", "3"));
  CHECK(a.cas("c", "1", "0"));
  CHECK(a.get("c") == "0");
  on_threads(4, [&](int) {
    auto mine = open();
    for (int i = 0; i < 50; ++i) {
      mine.add("sum", 1);
      for (;;) {  // the same by cas
        std::string const seen = *mine.get("c");
        if (mine.cas("c", seen, std::to_string(std::stoi(seen) + 1))) break;
      }
    }
  });
  CHECK(a.get("sum") == "200");
  CHECK(a.get("c") == "200");
}

template <class Open>
void waiting_ends_with_the_value_or_with_the_time(Open open) {
  auto a = open();
  auto const begin = std::chrono::steady_clock::now();
  CHECK(refusal([&] { (void)a.wait("never", 30ms); }) ==
        "nobody set 'never' in the store within 30 ms: has its writer started?");
  CHECK(std::chrono::steady_clock::now() - begin >= 30ms);
  for (int const kind : {0, 1, 2}) {
    std::string const key = "late" + std::to_string(kind);
    on_threads(2, [&](int t) {
      auto mine = open();
      if (t == 0) {
        CHECK(mine.wait(key, 60s) == "7");
      } else {
        std::this_thread::sleep_for(20ms);
        if (kind == 0) mine.set(key, "7");
        if (kind == 1) mine.add(key, 7);
        if (kind == 2) mine.cas(key, std::nullopt, "7");
      }
    });
  }
}

template <class Open>
void two_jobs_of_four_find_themselves_by_prefix(Open open) {
  std::atomic<int> sum{0};
  std::atomic<int> roots{0};
  on_threads(8, [&](int t) {
    auto whole = open();
    tutti::prefixed_store mine(whole, t < 4 ? "one/" : "two/");
    auto world = tutti::join_through(mine, 4);
    sum += allreduce(world, t < 4 ? 1 : 100);
    roots += world.rank() == 0 ? 1 : 0;
  });
  CHECK(sum == 4 * 4 + 4 * 400);
  CHECK(roots == 2);
  auto whole = open();
  tutti::prefixed_store late(whole, "one/");
  CHECK(refusal([&] { (void)tutti::join_through(late, 4); }).find("a process too many joins") == 0);
}

/// `open` is called anew for each part, so that each begins with an empty store.
template <class OpenEmpty>
void all(OpenEmpty open_empty) {
  values_come_back(open_empty());
  numbers_are_added_and_values_swapped_by_one_at_a_time(open_empty());
  waiting_ends_with_the_value_or_with_the_time(open_empty());
  two_jobs_of_four_find_themselves_by_prefix(open_empty());
}

}  // namespace store_checks
