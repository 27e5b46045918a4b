// SPDX-License-Identifier: BSL-1.0
// Promises of data/records.hpp and data/text_source.hpp.
#include <tutti/data/text_source.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "scratch.hpp"

namespace {

using lines = std::vector<std::string>;

// The oracle: line by line, character by character.
lines serial(std::string const& text) {
  lines all{""};
  for (char const c : text) {
    if (c == '\n')
      all.emplace_back();
    else
      all.back() += c;
  }
  lines kept;
  for (auto& line : all) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) kept.push_back(line);
  }
  return kept;
}

lines read_all(tutti::text_source& from) {
  auto const rows = from.read({0, from.size()});
  return {rows.begin(), rows.end()};
}

}  // namespace

TEST_CASE("P readers yield each line exactly once, in order: LF, CRLF, empty lines, with and without a final newline") {
  scratch const dir;
  std::mt19937 random(1);
  std::vector<std::string> texts{"", "\n", "a", "a\n", "\r\n", "\n\n\n", "a\r\n\r\nbc\n\nd", "only one long line"};
  for (char const* newline : {"\n", "\r\n"})
    for (bool const final_newline : {true, false}) {
      std::string text;
      for (int i = 0; i < 97; ++i)
        text += (i > 0 ? newline : "") + std::string(random() % 3 == 0 ? random() % 200 : random() % 4, 'x') +
                (i % 11 == 0 ? "" : std::to_string(i));
      texts.push_back(text + (final_newline ? newline : ""));
    }
  for (auto const& text : texts) {
    auto const path = dir.write("text", text);
    lines const expected = serial(text);
    for (int const parts : {1, 2, 3, 4, 5, 7, 8, 13, 500}) {
      lines all;
      std::uint64_t end = 0;
      for (int r = 0; r < parts; ++r) {
        auto const part = tutti::split_records(path, parts, r);
        CHECK(part.first == end);
        end = part.last;
        tutti::text_source mine(path, part);
        for (auto const& line : read_all(mine)) all.push_back(line);
      }
      CHECK(end == text.size());
      CHECK(all == expected);
    }
  }
}

TEST_CASE("a line belongs to the part in which its first byte lies") {
  scratch const dir;
  auto const path = dir.write("text", "a\nb\nc\nd\n");
  CHECK(tutti::split_records(path, 4, 1) == tutti::byte_range{2, 4});
  CHECK(tutti::split_records(path, 2, 0) == tutti::byte_range{0, 4});
  CHECK(tutti::split_records(path, 8, 1) == tutti::byte_range{2, 2});
}

// Control: parts cut at equal offsets, without aligning them, cut lines in two.
TEST_CASE("parts that are not aligned to lines would break some") {
  scratch const dir;
  std::string const text = "one\ntwo two\nthree three three\n";
  auto const path = dir.write("text", text);
  lines all;
  for (std::uint64_t r = 0; r < 4; ++r) {
    tutti::text_source mine(path, {text.size() * r / 4, text.size() * (r + 1) / 4});
    for (auto const& line : read_all(mine)) all.push_back(line);
  }
  CHECK(all != serial(text));
}

TEST_CASE("lines around the pieces in which a file is read") {
  scratch const dir;
  std::size_t const piece = std::size_t{1} << 20U;
  for (std::size_t const length : {piece - 2, piece - 1, piece, piece + 1}) {
    std::string const text = std::string(length, 'a') + "\r\nb\n" + std::string(2 * piece + 3, 'c') + "\nd";
    tutti::text_source whole(dir.write("text", text));
    CHECK(read_all(whole) == serial(text));
  }
}

TEST_CASE("rows of JSON lines are text, each with its place; any run of them can be read again") {
  scratch const dir;
  auto const path = dir.write("a.jsonl", "{\"x\": 1}\n\n{\"x\": 2}\r\n{\"x\": 3}");
  tutti::text_source rows(path);
  REQUIRE(rows.size() == 3);
  CHECK(rows.read({2, 3})[0] == "{\"x\": 3}");
  CHECK(rows.read({0, 2})[1] == "{\"x\": 2}");
  CHECK(rows.read({1, 1}).empty());
  CHECK(rows.place(1) == tutti::file_place{path, 10});
  CHECK(tutti::rows_at(rows, std::vector<int>{2, 0, 1, 1}) ==
        lines{"{\"x\": 3}", "{\"x\": 1}", "{\"x\": 2}", "{\"x\": 2}"});
}

TEST_CASE("what cannot be read is refused by one sentence that names the file") {
  scratch const dir;
  CHECK(refusal([&] { tutti::text_source(dir.file("absent")); }) ==
        dir.file("absent") + " cannot be opened: No such file or directory");
  CHECK(refusal([&] { tutti::text_source(dir.path.string()); }).find(dir.path.string()) == 0);
  tutti::text_source rows(dir.write("text", "a\nb\n"));
  CHECK(refusal([&] { (void)rows.read({1, 3}); }) == "rows 1 to 3 were asked of " + dir.file("text") + ", which has 2");
  CHECK(refusal([&] { (void)tutti::split_records(dir.file("text"), 2, 2); }) ==
        "part 2 of 2 of " + dir.file("text") + ": give 0 <= part < parts");
}
