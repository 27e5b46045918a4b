// SPDX-License-Identifier: BSL-1.0
// The data of the application fashion_mnist: what it reads, and the one sentence with which it refuses.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>

#include "../../examples/applications/fashion_mnist/dataset.hpp"
#include "../data/idx_files.hpp"
#include "../data/scratch.hpp"
#include "../doors/gz.hpp"

namespace {
bool says(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("images and labels that do not fit together are refused") {
  scratch const dir;
  auto const write = [&](unsigned images, unsigned width, std::string const& labels) {
    write_gz(dir.file("t-images-idx3-ubyte.gz"),
             idx_header(8, {images, 28, width}) + std::string(images * 28 * width, 'x'));
    write_gz(dir.file("t-labels-idx1-ubyte.gz"), idx_header(8, {static_cast<unsigned>(labels.size())}) + labels);
  };
  std::size_t read = 0;
  auto const outcome = [&] {
    return refusal([&] { read = fashion_mnist::read_image_set(dir.path.string(), "t").size(); });
  };
  write(2, 28, {0, 9});
  CHECK(outcome() == "accepted");
  CHECK(read == 2);
  write(2, 28, {0, 9, 1});
  CHECK(says(outcome(), "holds 2 images, but"));
  write(2, 27, {0, 9});
  CHECK(says(outcome(), "holds rows of 756 numbers, not 784"));
  write(2, 28, {0, 10});
  CHECK(says(outcome(), "a label above 9"));
}
