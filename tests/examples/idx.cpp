// SPDX-License-Identifier: BSL-1.0
// The idx reader of the application fashion_mnist: what it reads, and the one sentence with which it refuses.
#include <doctest/doctest.h>
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../../examples/applications/fashion_mnist/dataset.hpp"

namespace {

using fashion_mnist::read_idx;

struct scratch_directory {
  std::filesystem::path path;
  scratch_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "tutti-idx-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path = name;
  }
  scratch_directory(scratch_directory const&) = delete;
  scratch_directory& operator=(scratch_directory const&) = delete;
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(std::string const& name) const { return (path / name).string(); }
};

std::string header(std::vector<unsigned> const& shape) {
  std::string text{'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (unsigned n : shape) {
    for (unsigned shift : {24U, 16U, 8U, 0U}) text += static_cast<char>(n >> shift & 0xffU);
  }
  return text;
}

void write_plain(std::string const& path, std::string const& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void write_gz(std::string const& path, std::string const& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

std::string refusal(std::string const& path, unsigned char rank) {
  try {
    (void)read_idx(path, rank);
  } catch (std::runtime_error const& e) {
    return e.what();
  }
  return "accepted";
}

bool says(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an idx file gives back its shape and bytes, gzipped or not") {
  scratch_directory const dir;
  std::string body;
  for (int i = 0; i < 2 * 3 * 4; ++i) body += static_cast<char>(250 + i);
  write_gz(dir.file("a.gz"), header({2, 3, 4}) + body);
  write_plain(dir.file("a"), header({2, 3, 4}) + body);
  for (char const* name : {"a.gz", "a"}) {
    auto const read = read_idx(dir.file(name), 3);
    CHECK(read.shape == std::vector<std::uint32_t>{2, 3, 4});
    CHECK(std::string(read.values.begin(), read.values.end()) == body);
  }
  write_gz(dir.file("empty"), header({0}));
  CHECK(read_idx(dir.file("empty"), 1).values.empty());
}

TEST_CASE("an unusable idx file is refused by one sentence that names it") {
  scratch_directory const dir;
  std::string const good = header({3, 100}) + std::string(300, 'x');

  CHECK(says(refusal(dir.file("absent"), 2), "cannot be opened: No such file"));
  write_gz(dir.file("short"), good.substr(0, good.size() - 1));
  CHECK(says(refusal(dir.file("short"), 2), "is truncated: 299 bytes where its header promises 300"));
  write_gz(dir.file("long"), good + "x");
  CHECK(says(refusal(dir.file("long"), 2), "is too long"));
  write_gz(dir.file("header"), good.substr(0, 9));
  CHECK(says(refusal(dir.file("header"), 2), "is truncated: its header"));
  write_gz(dir.file("labels"), good);
  CHECK(says(refusal(dir.file("labels"), 3), "is not an idx file of bytes with 3 dimension(s)"));
  write_plain(dir.file("text"), "hello, world, this is no idx file");
  CHECK(says(refusal(dir.file("text"), 2), "is not an idx file"));
  write_plain(dir.file("none"), "");
  CHECK(says(refusal(dir.file("none"), 2), "is truncated"));
  CHECK(says(refusal(dir.path.string(), 2), "cannot be"));
  for (char const* name : {"absent", "short", "long", "header", "text"}) {
    CHECK(says(refusal(dir.file(name), 2), dir.file(name)));
    CHECK_FALSE(says(refusal(dir.file(name), 2), "\n"));
  }
}

TEST_CASE("a gzip stream cut at any byte, or with a flipped one, is refused") {
  scratch_directory const dir;
  std::string body;
  fashion_mnist::random_source source(7);
  for (int i = 0; i < 500; ++i) body += static_cast<char>(source.next() & 0xffU);
  write_gz(dir.file("whole"), header({500}) + body);
  std::ifstream in(dir.file("whole"), std::ios::binary);
  std::string const packed((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (std::size_t n = 0; n < packed.size(); ++n) {
    CAPTURE(n);
    write_plain(dir.file("cut"), packed.substr(0, n));
    CHECK(refusal(dir.file("cut"), 1) != "accepted");
  }
  std::string flipped = packed;
  flipped[packed.size() / 2] = static_cast<char>(flipped[packed.size() / 2] ^ 0x10);
  write_plain(dir.file("flipped"), flipped);
  CHECK(refusal(dir.file("flipped"), 1) != "accepted");
}

TEST_CASE("a header that promises the world costs no memory") {
  scratch_directory const dir;
  write_gz(dir.file("huge"), header({0xffffffffU, 0xffffffffU, 1}) + "x");
  CHECK(says(refusal(dir.file("huge"), 3), "is truncated: 1 bytes"));
  write_gz(dir.file("overflow"), header({0xffffffffU, 0xffffffffU, 0xffffffffU}) + "x");
  CHECK(says(refusal(dir.file("overflow"), 3), "promises more bytes than there can be"));
}

TEST_CASE("images and labels that do not fit together are refused") {
  scratch_directory const dir;
  auto const write = [&](unsigned images, unsigned width, std::string const& labels) {
    write_gz(dir.file("t-images-idx3-ubyte.gz"), header({images, 28, width}) + std::string(images * 28 * width, 'x'));
    write_gz(dir.file("t-labels-idx1-ubyte.gz"), header({static_cast<unsigned>(labels.size())}) + labels);
  };
  auto const outcome = [&] {
    try {
      return std::to_string(fashion_mnist::read_image_set(dir.path.string(), "t").size()) + " read";
    } catch (std::runtime_error const& e) {
      return std::string(e.what());
    }
  };
  write(2, 28, {0, 9});
  CHECK(outcome() == "2 read");
  write(2, 28, {0, 9, 1});
  CHECK(says(outcome(), "holds 2 images, but"));
  write(2, 27, {0, 9});
  CHECK(says(outcome(), "28 x 27 pixels, not 28 x 28"));
  write(2, 28, {0, 10});
  CHECK(says(outcome(), "a label above 9"));
}
