// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/bytes.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <limits>

namespace {

template <class T>
void travels(T value) {
  std::array<std::byte, sizeof(T) + 2> wire{};
  tutti::store_little(wire.data() + 1, value);
  CHECK(wire.front() == std::byte{0});
  CHECK(wire.back() == std::byte{0});
  CHECK(tutti::load_little<T>(wire.data() + 1) == value);
}

TEST_CASE("bytes: integers lie on the wire with the lowest byte first, at any address") {
  std::array<std::byte, 5> wire{};
  tutti::store_little(wire.data() + 1, std::uint32_t{0x01020304});
  CHECK(wire == std::array<std::byte, 5>{std::byte{0}, std::byte{4}, std::byte{3}, std::byte{2}, std::byte{1}});
  CHECK(tutti::load_little<std::uint16_t>(wire.data() + 1) == 0x0304);
}

TEST_CASE("bytes: every width comes back as it was sent") {
  travels(std::uint8_t{0xfe});
  travels(std::uint16_t{0xfedc});
  travels(std::uint32_t{0xfedcba98});
  travels(std::uint64_t{0xfedcba9876543210});
  travels((std::numeric_limits<std::uint64_t>::max)());
  travels(std::uint64_t{0});
}

}  // namespace
