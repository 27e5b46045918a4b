// SPDX-License-Identifier: BSL-1.0
#include <tutti/engine/frame.hpp>

#include <doctest/doctest.h>

#include <string>

namespace {

namespace te = tutti::engine;

te::call sample() {
  te::call c;
  c.communicator = 0x1122334455667788;
  c.sequence = 41;
  c.what = tutti::plan::collective::allreduce;
  c.algorithm = tutti::algorithm::direct;
  c.op = 1;
  c.stage = 2;
  c.element = tutti::element_code<float>();
  c.root = -1;
  c.count = 1000;
  return c;
}

TEST_CASE("frame: 48 bytes, each where the format says") {
  unsigned char const expected[48] = {0x74, 0x75, 0x74, 0x69, 1,    0,    3,    3,     // "tuti", version, what, how
                                      0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,  // communicator
                                      41,   0,    0,    0,    0,    0,    0,    0,    4, 0, 0, 4,  // sequence, element
                                      0xff, 0xff, 0xff, 0xff, 0xe8, 3,    0,    0,    0, 0, 0, 0,
                                      1,    2};  // root, count, op, stage
  te::frame const f = te::encode(sample());
  for (std::size_t i = 0; i < f.size(); ++i) {
    CAPTURE(i);
    CHECK(std::to_integer<int>(f[i]) == expected[i]);
  }
}

TEST_CASE("frame: what was encoded is what is decoded") {
  te::call c;
  REQUIRE(te::decode(te::encode(sample()), c));
  CHECK(c.communicator == 0x1122334455667788);
  CHECK(c.sequence == 41);
  CHECK(c.what == tutti::plan::collective::allreduce);
  CHECK(c.algorithm == tutti::algorithm::direct);
  CHECK(c.op == 1);
  CHECK(c.stage == 2);
  CHECK(c.element == tutti::element_code<float>());
  CHECK(c.root == -1);
  CHECK(c.count == 1000);
}

TEST_CASE("frame: two calls that differ in one field have different frames") {
  te::frame const f = te::encode(sample());
  auto const differs = [&](auto change) {
    te::call c = sample();
    change(c);
    return te::encode(c) != f;
  };
  CHECK(differs([](te::call& c) { ++c.communicator; }));
  CHECK(differs([](te::call& c) { ++c.sequence; }));
  CHECK(differs([](te::call& c) { c.what = tutti::plan::collective::reduce; }));
  CHECK(differs([](te::call& c) { c.algorithm = tutti::algorithm::star; }));
  CHECK(differs([](te::call& c) { c.op = 2; }));
  CHECK(differs([](te::call& c) { c.stage = 0; }));
  CHECK(differs([](te::call& c) { c.element = tutti::element_code<int>(); }));
  CHECK(differs([](te::call& c) { c.root = 0; }));
  CHECK(differs([](te::call& c) { c.count += std::uint64_t{1} << 40U; }));
  CHECK_FALSE(differs([](te::call&) {}));
}

TEST_CASE("frame: other bytes and other versions are no frames") {
  te::call c;
  for (std::size_t const byte : {0U, 1U, 2U, 3U, 4U, 5U}) {
    te::frame f = te::encode(sample());
    f[byte] ^= std::byte{1};
    CHECK_FALSE(te::decode(f, c));
  }
  CHECK_FALSE(te::decode(te::frame{}, c));
}

TEST_CASE("frame: a call reads as a person would write it") {
  CHECK(te::describe(sample()) == "allreduce(sum, 1000 x f32) as call 41");
  te::call c;
  c.sequence = 3;
  CHECK(te::describe(c) == "barrier as call 3");
  c.what = tutti::plan::collective::broadcast;
  c.element = tutti::element_code<std::byte>();
  c.root = 2;
  CHECK(te::describe(c) == "broadcast(byte, root 2) as call 3");
  c.op = 255;
  c.what = static_cast<tutti::plan::collective>(99);  // as a hostile peer may say
  CHECK(te::describe(c) == "unknown collective(custom op, byte, root 2) as call 3");
}

}  // namespace
