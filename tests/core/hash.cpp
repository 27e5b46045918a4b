// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/hash.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace {

using tutti::fnv1a;

TEST_CASE("hash: the published values of FNV-1a, 64 bits") {
  CHECK(fnv1a().value() == 0xcbf29ce484222325U);
  CHECK(fnv1a().add("a").value() == 0xaf63dc4c8601ec8cU);
  CHECK(fnv1a().add("foobar").value() == 0x85944171f73967e8U);
}

TEST_CASE("hash: bytes, text and pieces of it give the same value") {
  std::array<char, 6> const text{'f', 'o', 'o', 'b', 'a', 'r'};
  CHECK(fnv1a().add(std::as_bytes(std::span(text))).value() == fnv1a().add("foobar").value());
  CHECK(fnv1a().add("foo").add("").add("bar").value() == fnv1a().add("foobar").value());
}

TEST_CASE("hash: a number counts as its eight bytes, lowest first, on every host") {
  CHECK(fnv1a().add(std::uint64_t{0x61}).value() == fnv1a().add(std::string_view("a\0\0\0\0\0\0\0", 8)).value());
  static_assert(fnv1a().add("known at compile time").value() != 0);
}

}  // namespace
