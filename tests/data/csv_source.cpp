// SPDX-License-Identifier: BSL-1.0
// Promises of data/csv_source.hpp and data/cells.hpp.
#include <tutti/data/csv_source.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "scratch.hpp"

namespace {

using text_cells = std::vector<std::string>;

enum class colour : std::uint8_t { red, green };
struct flower {
  std::string name;
  std::array<float, 2> petal;
  std::int8_t label = 0;
  colour shade{};
  bool wild = false;
};

template <class Row>
std::vector<Row> read_all(std::string const& path, tutti::csv_options how = {}) {
  tutti::csv_source<Row> from(path, how);
  auto const rows = from.read({0, from.size()});
  return {rows.begin(), rows.end()};
}

// The oracle's other half: a table written by the rule of RFC 4180 must come back.
std::string quoted(std::string const& cell) {
  std::string out = "\"";
  for (char const c : cell) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

TEST_CASE("a table of any text comes back from quotes, with LF or CRLF, with or without a final line end") {
  scratch const dir;
  std::vector<text_cells> const table{{"plain", "with, comma", "with \"quotes\""},
                                      {"two\nlines", "two\r\nlines", "\"\""},
                                      {"", " blanks kept ", ","},
                                      {"\n", "\"", "end"}};
  for (char const* newline : {"\n", "\r\n"})
    for (bool const final_newline : {true, false}) {
      std::string text = "a,b,c";
      for (auto const& row : table) text += newline + quoted(row[0]) + "," + quoted(row[1]) + "," + quoted(row[2]);
      auto const path = dir.write("t.csv", text + (final_newline ? newline : ""));
      CHECK(read_all<text_cells>(path) == table);
      CHECK(tutti::csv_source<text_cells>(path).header() == text_cells{"a", "b", "c"});
    }
  auto const plain = dir.write("p.csv", "1;2;\n;;\n\n3;;4");
  CHECK(read_all<text_cells>(plain, {.header = false, .separator = ';'}) ==
        std::vector<text_cells>{{"1", "2", ""}, {"", "", ""}, {"3", "", "4"}});
  CHECK(read_all<text_cells>(dir.write("empty.csv", "")).empty());
  CHECK(read_all<text_cells>(dir.write("header.csv", "a,b\n")).empty());
}

TEST_CASE("cells fill the fields of an aggregate in order: text, arrays, integers, enumerations, bool") {
  scratch const dir;
  auto const path =
      dir.write("f.csv", "name,w,h,label,shade,wild\nrose, 1.5 ,+2,-3,1,true\n\"a, b\",1e-3,-0.25,4,0,0\n");
  auto const rows = read_all<flower>(path);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].name == "rose");
  CHECK(rows[0].petal == std::array<float, 2>{1.5F, 2.0F});
  CHECK(rows[0].label == -3);
  CHECK(rows[0].shade == colour::green);
  CHECK(rows[0].wild);
  CHECK(rows[1].name == "a, b");
  CHECK(rows[1].petal == std::array<float, 2>{1e-3F, -0.25F});
  CHECK_FALSE(rows[1].wild);

  auto const numbers = dir.write("n.csv", "1,2,3\n4,5,nan\n");
  auto const wide = read_all<std::vector<double>>(numbers, {.header = false});
  CHECK(wide[0] == std::vector<double>{1, 2, 3});
  CHECK(std::isnan(wide[1][2]));
  CHECK(read_all<std::pair<int, std::array<float, 2>>>(numbers, {.header = false})[0].first == 1);
}

TEST_CASE("a row that cannot be used is named by file, byte and cell; its neighbours stay readable") {
  scratch const dir;
  std::string const head = "n,w,h,l,s,x\n", good = "rose,1,2,3,1,0\n";
  for (auto const& [bad, why] : std::vector<std::pair<std::string, std::string>>{
           {"rose,1,2,3,1\n", "5 cells, where the first record has 6"},
           {"rose,1,2,3,1,0,0\n", "7 cells, where the first record has 6"},
           {"rose,abc,2,3,1,0\n", "cell 2, \"abc\", is not a number"},
           {"rose,,2,3,1,0\n", "cell 2, \"\", is not a number"},
           {"rose,1,2,3.5,1,0\n", "cell 4, \"3.5\", is not a whole number"},
           {"rose,1,2,300,1,0\n", "cell 4, \"300\", does not fit"},
           {"rose,1e99,2,3,1,0\n", "cell 2, \"1e99\", does not fit"},
           {"rose,1,2,3,-1,0\n", "cell 5, \"-1\", does not fit"},
           {"rose,1,2,3,1,yes\n", "cell 6, \"yes\", is not 0, 1, true or false"},
           {"\"rose\"x,1,2,3,1,0\n", "cell 1 goes on behind its closing quote"}}) {
    auto const path = dir.write("b.csv", head + good + bad + good);
    tutti::csv_source<flower> rows(path);
    REQUIRE(rows.size() == 3);
    auto const at = std::to_string(head.size() + good.size());
    CHECK(refusal([&] { (void)rows.read({0, 3}); }) == path + ", byte " + at + ": " + why);
    CHECK(rows.place(1) == tutti::file_place{path, head.size() + good.size()});
    CHECK(rows.read({2, 3})[0].name == "rose");
    CHECK(rows.read({0, 1})[0].label == 3);
  }
  auto const open = dir.write("o.csv", "a,b\n1,\"2\n3,4\n");
  CHECK(refusal([&] { (void)read_all<std::vector<int>>(open); }) == open + ", byte 4: cell 2 has no closing quote");
  struct three {
    float a, b, c;
  };
  auto const narrow = dir.write("w.csv", "1,2\n");
  CHECK(refusal([&] { (void)read_all<three>(narrow, {.header = false}); }) ==
        narrow + ", byte 0: 2 cells, and a row takes more");
  CHECK(refusal([&] { (void)read_all<std::array<float, 1>>(narrow, {.header = false}); }) ==
        narrow + ", byte 0: 2 cells, but a row takes 1");
}

TEST_CASE("parts of a CSV file: each row on one rank, the header on none") {
  scratch const dir;
  std::string text = "i,square\n";
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + "," + std::to_string(i * i) + "\n";
  auto const path = dir.write("s.csv", text);
  for (int const parts : {1, 2, 3, 5, 13, 200}) {
    int next = 0;
    for (int r = 0; r < parts; ++r)
      for (auto const& row : read_all<std::array<int, 2>>(path, {.part = tutti::split_records(path, parts, r)})) {
        CHECK(row == std::array<int, 2>{next, next * next});
        ++next;
      }
    CHECK(next == 100);
  }
}
