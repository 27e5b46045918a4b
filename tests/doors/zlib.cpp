// SPDX-License-Identifier: BSL-1.0
// Promises of zlib.hpp.
#include <tutti/zlib.hpp>

#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../data/idx_files.hpp"
#include "../data/scratch.hpp"
#include "gz.hpp"

namespace {

template <class Row>
std::string refused(std::string const& path) {
  auto const text = refusal([&] { tutti::idx_gz_source<Row> from(path); });
  CHECK((text == "accepted" || text.find(path) == 0));
  CHECK(text.find('\n') == std::string::npos);
  return text.substr(text == "accepted" ? 0 : path.size());
}

}  // namespace

TEST_CASE("an idx file gives back its rows, gzipped or not, in one piece or many") {
  scratch const dir;
  for (unsigned const rows : {0U, 4U, 300000U}) {
    std::string body;
    for (unsigned i = 0; i < rows * 12; ++i) body += static_cast<char>(i * i % 251);
    dir.write("a", idx_header(8, {rows, 3, 4}) + body);
    write_gz(dir.file("a.gz"), idx_header(8, {rows, 3, 4}) + body);
    for (char const* name : {"a", "a.gz"}) {
      tutti::idx_gz_source<std::array<std::uint8_t, 12>> from(dir.file(name));
      REQUIRE(from.size() == rows);
      CHECK(from.shape() == std::vector<std::uint32_t>{rows, 3, 4});
      auto const read = from.read({0, rows});
      CHECK(std::string(reinterpret_cast<char const*>(read.data()), read.size_bytes()) == body);
      CHECK(refusal([&] { (void)from.read({0, rows + 1}); }).find(" were asked of ") != std::string::npos);
    }
  }
  write_gz(dir.file("f"), idx_header(0x0d, {1, 2}) + std::string("\x3f\x80\0\0\xc0\x00\0\0", 8));
  CHECK(tutti::idx_gz_source<std::array<float, 2>>(dir.file("f")).take()[0] == std::array<float, 2>{1, -2});
}

TEST_CASE("an unusable file is refused by one sentence that names it, and costs no memory, whatever it promises") {
  scratch const dir;
  std::string const good = idx_header(8, {3, 100}) + std::string(300, 'x');
  using row = std::array<std::uint8_t, 100>;
  CHECK(refused<row>(dir.file("absent")) == " cannot be opened: No such file or directory");
  CHECK(refused<row>(dir.path.string()).find(" cannot be ") == 0);
  write_gz(dir.file("short"), good.substr(0, good.size() - 1));
  CHECK(refused<row>(dir.file("short")) == " is truncated: 299 bytes where its header promises 300");
  write_gz(dir.file("long"), good + "x");
  CHECK(refused<row>(dir.file("long")) == " is too long: its header promises 300 bytes");
  write_gz(dir.file("head"), good.substr(0, 9));
  CHECK(refused<row>(dir.file("head")) == " is truncated: its header ends after 9 bytes");
  CHECK(refused<row>(dir.write("text", "hello, world")) == " is not an idx file");
  CHECK(refused<row>(dir.write("none", "")) == " is truncated: its header ends after 0 bytes");
  write_gz(dir.file("huge"), idx_header(8, {~0U, 100}) + "x");
  CHECK(refused<row>(dir.file("huge")) == " is truncated: 1 bytes where its header promises 429496729500");
}

TEST_CASE("a gzip stream cut at any byte, or with a flipped one, is refused") {
  scratch const dir;
  std::mt19937 random(7);
  std::string body;
  for (int i = 0; i < 500; ++i) body += static_cast<char>(random() & 0xffU);
  write_gz(dir.file("whole"), idx_header(8, {500}) + body);
  CHECK(refused<std::uint8_t>(dir.file("whole")) == "accepted");
  std::ifstream in(dir.file("whole"), std::ios::binary);
  std::string const packed((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (std::size_t n = 0; n < packed.size(); ++n)
    CHECK(refused<std::uint8_t>(dir.write("cut", packed.substr(0, n))) != "accepted");
  std::string flipped = packed;
  flipped[packed.size() / 2] = static_cast<char>(flipped[packed.size() / 2] ^ 0x10);
  CHECK(refused<std::uint8_t>(dir.write("flipped", flipped)) != "accepted");
}
