// SPDX-License-Identifier: BSL-1.0
// Promises of data/kv_store.hpp, data/file_store.hpp, data/join_through.hpp and data/cached_source.hpp.
#include <tutti/data/cached_source.hpp>
#include <tutti/data/file_store.hpp>
#include <tutti/data/kv_store.hpp>
#include <tutti/data/memory_source.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "scratch.hpp"
#include "store_checks.hpp"

namespace {

struct row {
  int id;
  std::string text;
  friend bool operator==(row const&, row const&) = default;
};

/// Counts the rows that are read from it.
struct counted {
  using value_type = row;
  std::vector<row> const* rows;
  std::uint64_t* reads;
  [[nodiscard]] std::uint64_t size() const { return rows->size(); }
  std::span<row const> read(tutti::item_range r) {
    *reads += r.size();
    return std::span(*rows).subspan(r.first, r.size());
  }
};

}  // namespace

TEST_CASE("a store in memory keeps every promise of a kv_store") {
  store_checks::all([] { return [store = tutti::memory_store()] { return store; }; });
}

TEST_CASE("a store of files keeps every promise of a kv_store") {
  scratch const dir;
  int number = 0;
  store_checks::all(
      [&] { return [path = dir.file("store" + std::to_string(++number))] { return tutti::file_store(path); }; });
  tutti::file_store store(dir.file("store1"));
  CHECK(refusal([&] { store.set(std::string(300, 'k'), ""); }).find("is too long for a file's name") !=
        std::string::npos);
  CHECK(refusal([&] { tutti::file_store(dir.write("file", "")); }) ==
        dir.file("file") + " is no directory for a store, and cannot be made one");
}

TEST_CASE("a cached source gives the rows of its source, and reads each block of it once, whoever asks") {
  std::vector<row> rows;
  for (int i = 0; i < 1003; ++i) rows.push_back({i, std::string(static_cast<std::size_t>(i % 7), 'a')});
  for (std::uint64_t const block : {1U, 10U, 256U, 5000U}) {
    tutti::memory_store store;
    std::uint64_t reads = 0;
    for (int reader = 0; reader < 3; ++reader) {
      tutti::cached_source from(counted{&rows, &reads}, store, "rows", block);
      CHECK(from.size() == 1003);
      std::vector<row> all;
      for (std::uint64_t const step : {97U, 1003U, 1U}) {
        all.clear();
        for (std::uint64_t at = 0; at < 1003; at += step)
          for (row const& r : from.read({at, at + step < 1003 ? at + step : 1003})) all.push_back(r);
        CHECK(all == rows);
      }
      CHECK(from.read({4, 4}).empty());
      CHECK(reads == 1003);  // one more row of the source would show
    }
  }
  tutti::memory_store store;
  std::uint64_t reads = 0;
  std::vector<row> const few(rows.begin(), rows.begin() + 5);
  tutti::cached_source first(counted{&rows, &reads}, store, "same name");
  (void)first.read({0, 1});
  tutti::cached_source other(counted{&few, &reads}, store, "same name");
  CHECK(refusal([&] { (void)other.read({0, 1}); }).find("give each data set a name of its own") != std::string::npos);
}
