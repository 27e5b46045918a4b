// SPDX-License-Identifier: BSL-1.0
#include <tutti/transport/hello.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>

namespace {

namespace tt = tutti::transport;
using wire = std::array<std::byte, tt::hello::wire_size>;

tt::hello sample() {
  tt::hello h;
  h.kind = tt::connection::lane;
  h.job.fill(std::byte{0xaa});
  h.run.fill(std::byte{0xbb});
  h.communicator = 0x1122334455667788;
  h.rank = 3;
  h.size = 5;
  h.port = 0x1f90;
  return h;
}

TEST_CASE("hello: 64 bytes, each where the format says") {
  wire const w = sample().encode();
  unsigned char expected[64] = {0x74, 0x75, 0x74, 0x69, 1, 0, 2, 0};
  for (std::size_t i = 0; i < 16; ++i) {
    expected[8 + i] = 0xaa;
    expected[24 + i] = 0xbb;
    if (i < 8) expected[40 + i] = static_cast<unsigned char>(0x88 - 0x11 * i);
  }
  expected[48] = 3;
  expected[52] = 5;
  expected[56] = 0x90;
  expected[57] = 0x1f;
  for (std::size_t i = 0; i < 64; ++i) {
    CAPTURE(i);
    CHECK(std::to_integer<int>(w[i]) == expected[i]);
  }
}

TEST_CASE("hello: what was encoded is what is decoded") {
  tt::hello h;
  REQUIRE(tt::hello::decode(sample().encode(), h));
  CHECK(h.kind == tt::connection::lane);
  CHECK(h.version == tutti::wire_version);
  CHECK(h.job == sample().job);
  CHECK(h.run == sample().run);
  CHECK(h.communicator == sample().communicator);
  CHECK(h.rank == 3);
  CHECK(h.size == 5);
  CHECK(h.port == 0x1f90);
}

TEST_CASE("hello: strangers are not understood, other versions are, so that they can be told apart") {
  tt::hello h;
  CHECK_FALSE(tt::hello::decode(wire{}, h));
  for (std::size_t const byte : {0U, 1U, 2U, 3U}) {
    wire w = sample().encode();
    w[byte] ^= std::byte{1};
    CHECK_FALSE(tt::hello::decode(w, h));
  }
  for (int const kind : {0, 3, 255}) {
    wire w = sample().encode();
    w[6] = static_cast<std::byte>(kind);
    CHECK_FALSE(tt::hello::decode(w, h));
  }
  wire w = sample().encode();
  w[4] = std::byte{9};
  REQUIRE(tt::hello::decode(w, h));
  CHECK(h.version == 9);
}

}  // namespace
