// SPDX-License-Identifier: BSL-1.0
// Promises of data/guarded.hpp.
#include <tutti/data/guarded.hpp>

#include <tutti/data/csv_source.hpp>
#include <tutti/data/memory_source.hpp>
#include <tutti/data/synced_steps.hpp>

#include <cstdint>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "scratch.hpp"

namespace {

using tutti::bad_rows;
using tutti::communicator;
using tutti::item_range;
using tutti::testing::run_ranks;

struct flower {
  float petal;
  int label;
};
std::string check_label(flower const& f) {
  return f.label < 3 ? "" : "label " + std::to_string(f.label) + " is not 0, 1 or 2";
}

/// A thousand rows; `bad` of them are not as they should be.
std::string table(std::vector<std::pair<int, std::string>> const& bad) {
  std::string text = "petal,label\n";
  for (int i = 0; i < 1000; ++i) {
    std::string row = std::to_string(i) + "," + std::to_string(i % 3);
    for (auto const& [at, other] : bad)
      if (at == i) row = other;
    text += row + "\n";
  }
  return text;
}
std::vector<std::pair<int, std::string>> const three_bad{{7, "nan,1"}, {700, "1,2,3"}, {701, "5,77"}};

/// Decodes rows, some of which cannot be.
struct decoder {
  using value_type = int;
  std::set<std::uint64_t> broken;
  std::uint64_t rows = 0;
  std::vector<int> buffer{};
  [[nodiscard]] std::uint64_t size() const { return rows; }
  std::vector<int> const& read(item_range range) {
    buffer.clear();
    for (auto const i : range) {
      if (broken.count(i) != 0) throw std::runtime_error("cannot decode");
      buffer.push_back(static_cast<int>(i));
    }
    return buffer;
  }
};

}  // namespace

TEST_CASE("three bad rows of a thousand on rank 2: 997 are used, the list names file and offset, nobody hangs") {
  scratch const dir;
  std::string const bad = table(three_bad);
  auto const good_file = dir.write("good.csv", table({})), bad_file = dir.write("bad.csv", bad);
  for (bad_rows const policy : {bad_rows::skip, bad_rows::quarantine})
    run_ranks(4, [&](communicator& world) {
      std::string const path = world.rank() == 2 ? bad_file : good_file;
      auto data = guarded(world, tutti::csv_source<flower>(path), policy, check_label);
      CHECK(data.size() == (world.rank() == 2 ? 997 : 1000));
      CHECK(data.dropped() == 3);
      std::vector<std::uint64_t> used(4);
      std::set<float> petals;
      for (item_range const step : synced_steps(world, {0, data.size()}, 64)) {
        for (flower const& f : data.read(step)) petals.insert(f.petal);
        std::uint64_t gradient[] = {step.size()};
        allreduce(world, gradient);
        used[static_cast<std::size_t>(world.rank())] += step.size();
      }
      allreduce(world, used);
      CHECK(used == std::vector<std::uint64_t>{1000, 1000, 997, 1000});
      CHECK(petals.size() == data.size());
      CHECK(petals.count(700) == (world.rank() == 2 ? 0 : 1));
      auto const& list = data.quarantined();
      REQUIRE(list.size() == (policy == bad_rows::skip ? 0 : 3));
      if (policy == bad_rows::skip) return;
      char const* const why[] = {"a number in it is NaN", "3 cells, where the first record has 2",
                                 "label 77 is not 0, 1 or 2"};
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(list[i].rank == 2);
        CHECK(list[i].row == static_cast<std::uint64_t>(three_bad[i].first));
        CHECK(list[i].file == bad_file);
        CHECK(bad.substr(static_cast<std::size_t>(list[i].offset), three_bad[i].second.size()) == three_bad[i].second);
        CHECK(list[i].why == why[i]);
      }
    });
}

TEST_CASE("abort: every rank throws the same error, which names the first bad row") {
  scratch const dir;
  auto const good_file = dir.write("good.csv", table({})), bad_file = dir.write("bad.csv", table(three_bad));
  auto const at = std::to_string(table({}).find("\n7,1\n") + 1);
  run_ranks(3, [&](communicator& world) {
    std::string const path = world.rank() == 2 ? bad_file : good_file;
    auto const said =
        refusal([&] { (void)guarded(world, tutti::csv_source<flower>(path), bad_rows::abort, check_label); });
    CHECK(said == "3 row(s) cannot be used, the first on rank 2: " + bad_file + ", byte " + at +
                      ": a number in it is NaN; repair the data, or skip or quarantine such rows");
    barrier(world);  // and the world goes on
    auto data = guarded(world, tutti::csv_source<flower>(good_file), bad_rows::abort, check_label);
    CHECK(data.size() == 1000);
  });
}

TEST_CASE("a shared source: each rank looks at a part, all leave out the same rows, whatever their number") {
  for (int const size : {1, 2, 3, 4, 5, 7, 8, 13})
    for (std::uint64_t const rows : {0U, 1U, 7U, 600U}) {
      std::set<std::uint64_t> broken;
      for (std::uint64_t i = 0; i < rows; ++i)
        if (i % 5 == 1 || i % 257 < 2 || i + 1 == rows) broken.insert(i);
      std::vector<int> expected;  // the oracle: by filtering
      for (std::uint64_t i = 0; i < rows; ++i)
        if (broken.count(i) == 0) expected.push_back(static_cast<int>(i));
      run_ranks(size, [&](communicator& world) {
        auto data = guarded_shared(world, decoder{broken, rows}, bad_rows::quarantine);
        REQUIRE(data.size() == expected.size());
        auto const all = data.read({0, data.size()});
        CHECK(std::vector<int>(all.begin(), all.end()) == expected);
        for (std::uint64_t i = 0; i < data.size(); ++i)
          CHECK(data.read({i, i + 1})[0] == expected[static_cast<std::size_t>(i)]);
        REQUIRE(data.quarantined().size() == broken.size());
        std::size_t k = 0;
        for (auto const row : broken) {
          CHECK(data.quarantined()[k].row == row);
          CHECK(data.quarantined()[k++].why == "cannot decode");
        }
      });
    }
}

TEST_CASE(
    "a check may say yes or no; numbers in vectors are looked at; a source that fails as a whole says so itself") {
  run_ranks(2, [](communicator& world) {
    std::vector<std::vector<double>> const rows{{1, 2}, {3, std::numeric_limits<double>::quiet_NaN()}, {5}, {}};
    auto data = guarded(world, tutti::memory_source(rows), bad_rows::quarantine,
                        [](std::vector<double> const& row) { return row.size() != 1; });
    REQUIRE(data.size() == 2);
    CHECK(data.read({0, 2})[1].empty());
    REQUIRE(data.quarantined().size() == 4);
    CHECK(data.quarantined()[3].why == "the check refuses it");
    CHECK(data.quarantined()[3].file == "row");
    CHECK(data.quarantined()[3].offset == 2);
    auto const picky =
        guarded(world, tutti::memory_source(rows), bad_rows::quarantine, [](std::vector<double> const& row) {
          return row.at(0) < 4 ? std::string() : "too large";  // throws for the empty row
        });
    REQUIRE(picky.quarantined().size() == 6);
    for (std::size_t i = 0; i < 3; ++i) CHECK(picky.quarantined()[i].row == i + 1);
    CHECK(picky.quarantined()[1].why == "too large");
  });
}
