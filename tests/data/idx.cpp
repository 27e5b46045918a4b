// SPDX-License-Identifier: BSL-1.0
// Promises of data/idx.hpp.
#include <tutti/data/idx.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "idx_files.hpp"
#include "scratch.hpp"

namespace {
template <class Row>
std::string refused(std::string const& path) {
  auto const text = refusal([&] { tutti::idx_source<Row> from(path); });
  CHECK((text == "accepted" || text.find(path) == 0));
  return text.substr(text == "accepted" ? 0 : path.size());
}
}  // namespace

TEST_CASE("an idx file is rows along its first dimension: bytes, and numbers in this machine's byte order") {
  scratch const dir;
  std::string body;
  for (int i = 0; i < 4 * 6; ++i) body += static_cast<char>(250 + i);
  using image = std::array<std::array<std::uint8_t, 3>, 2>;
  tutti::idx_source<image> images(dir.write("i", idx_header(8, {4, 2, 3}) + body));
  REQUIRE(images.size() == 4);
  CHECK(images.shape() == std::vector<std::uint32_t>{4, 2, 3});
  CHECK(images.read({1, 3})[1][1][2] == static_cast<std::uint8_t>(250 + 17));
  CHECK(images.place(1).offset == 16 + 6);

  tutti::idx_source<float> floats(dir.write("f", idx_header(0x0d, {2}) + std::string("\x3f\x80\0\0\xc0\x00\0\0", 8)));
  CHECK(floats.read({0, 2})[0] == 1.0F);
  CHECK(floats.read({0, 2})[1] == -2.0F);
  tutti::idx_source<std::array<std::int16_t, 2>> shorts(dir.write("s", idx_header(0x0b, {1, 2}) + "\x01\x02\xff\xfe"));
  CHECK(shorts.read({0, 1})[0] == std::array<std::int16_t, 2>{258, -2});
  tutti::idx_source<std::uint8_t> empty(dir.write("e", idx_header(8, {0})));
  CHECK(empty.read({0, 0}).empty());
}

TEST_CASE("an unusable idx file is refused by one sentence that names it") {
  scratch const dir;
  std::string const good = idx_header(8, {3, 100}) + std::string(300, 'x');
  using row = std::array<std::uint8_t, 100>;
  CHECK(refused<row>(dir.write("good", good)) == "accepted");
  CHECK(refused<row>(dir.file("absent")) == " cannot be opened: No such file or directory");
  CHECK(refused<row>(dir.write("short", good.substr(0, 311))) ==
        " is damaged: 299 bytes where its header promises 300");
  CHECK(refused<row>(dir.write("long", good + "x")) == " is damaged: 301 bytes where its header promises 300");
  CHECK(refused<row>(dir.write("head", good.substr(0, 9))) == " is truncated: its header ends after 9 bytes");
  CHECK(refused<row>(dir.write("none", "")) == " is truncated: its header ends after 0 bytes");
  CHECK(refused<row>(dir.write("text", "hello, world")) == " is not an idx file");
  CHECK(refused<std::uint8_t>(dir.file("good")) == " holds rows of 100 numbers, not 1");
  CHECK(refused<float>(dir.file("good")) ==
        " holds numbers of another type than the rows that are asked of it (type 8)");
  CHECK(refused<row>(dir.write("huge", idx_header(8, {~0U, ~0U, ~0U}) + "x")) ==
        " promises more bytes than there can be");
  for (std::size_t n = 0; n < good.size(); ++n) CHECK(refused<row>(dir.write("cut", good.substr(0, n))) != "accepted");
}
