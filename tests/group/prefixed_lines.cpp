// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>

#include <tutti/group/prefixed_lines.hpp>

TEST_CASE("lines come out whole and prefixed however the bytes were cut") {
  std::string const text = "one\n\nthree\r\nno newline";
  std::string const expected = "> one\n> \n> three\r\n> no newline\n";
  for (std::size_t cut = 1; cut <= text.size(); ++cut) {
    tutti::detail::prefixed_lines lines("> ");
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += cut) lines.feed(std::string_view(text).substr(at, cut), out);
    lines.finish(out);
    lines.finish(out);
    CHECK(out == expected);
  }
}

TEST_CASE("a line over 64 KiB is split, one of exactly 64 KiB is not, and no byte is lost") {
  constexpr std::size_t longest = tutti::detail::prefixed_lines::longest;
  for (std::size_t const length : {longest - 1, longest, longest + 1, 3 * longest + 5}) {
    for (std::size_t const cut : {std::size_t{1000}, longest, 10 * longest}) {
      std::string const text = std::string(length, 'x') + "\nend\n";
      tutti::detail::prefixed_lines lines("> ");
      std::string out;
      for (std::size_t at = 0; at < text.size(); at += cut) lines.feed(std::string_view(text).substr(at, cut), out);
      std::string expected;
      for (std::size_t left = length; left > 0; left -= left < longest ? left : longest)
        expected += "> " + std::string(left < longest ? left : longest, 'x') + "\n";
      CHECK((out == expected + "> end\n"));
    }
  }
}

TEST_CASE("a prefix names the rank, in colour for a terminal only") {
  CHECK(tutti::detail::rank_prefix(12, false) == "[r12] ");
  CHECK(tutti::detail::rank_prefix(1, true) == "\x1b[32m[r1]\x1b[0m ");
}
