// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/op.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <set>
#include <span>
#include <string>

namespace {

struct plain {};

TEST_CASE("op: the supplied operations, also on types that C++ would widen") {
  CHECK(tutti::sum(std::int8_t{100}, std::int8_t{27}) == 127);
  CHECK(tutti::sum(std::uint8_t{200}, std::uint8_t{100}) == 44);
  CHECK(tutti::prod(3, 4) == 12);
  CHECK(tutti::min(3, 4) == 3);
  CHECK(tutti::max(3, 4) == 4);
  CHECK(tutti::bit_and(6, 3) == 2);
  CHECK(tutti::bit_or(6, 3) == 7);
  CHECK(tutti::bit_xor(6, 3) == 5);
  CHECK(tutti::bit_or(std::byte{6}, std::byte{1}) == std::byte{7});
  CHECK(tutti::logical_and(2, 1) == 1);
  CHECK(tutti::logical_or(0, 4) == 1);
  CHECK(tutti::logical_and(true, false) == false);
}

TEST_CASE("op: of equals, min and max keep the lower rank's; a NaN that compares false stays where it came first") {
  double const nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::signbit(tutti::min(-0.0, 0.0)));
  CHECK_FALSE(std::signbit(tutti::min(0.0, -0.0)));
  CHECK(std::signbit(tutti::max(-0.0, 0.0)));
  CHECK(std::isnan(tutti::max(nan, 1.0)));
  CHECK(tutti::max(1.0, nan) == 1.0);
}

TEST_CASE("op: an operation is for the types it makes sense on") {
  CHECK(tutti::reduction<tutti::sum_op, std::complex<float>>);
  CHECK(tutti::reduction<std::plus<>, std::string>);
  CHECK_FALSE(tutti::reduction<tutti::min_op, std::complex<float>>);
  CHECK_FALSE(tutti::reduction<tutti::bit_or_op, float>);
  CHECK_FALSE(tutti::reduction<tutti::sum_op, plain>);
  CHECK_FALSE(tutti::reduction<int, int>);  // allreduce(world, x, 1)
  auto const spans = [](std::span<int>, std::span<int const>) {};
  CHECK(tutti::span_reduction<decltype(spans), int>);
  CHECK_FALSE(tutti::element_reduction<decltype(spans), int>);
}

TEST_CASE("op: codes on the wire are fixed; all of a user's own share one") {
  CHECK(int{tutti::op_code<tutti::sum_op>} == 1);
  CHECK(int{tutti::op_code<std::plus<>>} == 1);
  CHECK(int{tutti::op_code<std::plus<float>>} == 1);
  CHECK(int{tutti::op_code<tutti::prod_op>} == 2);
  CHECK(int{tutti::op_code<std::multiplies<int>>} == 2);
  CHECK(int{tutti::op_code<tutti::min_op>} == 3);
  CHECK(int{tutti::op_code<tutti::max_op>} == 4);
  CHECK(int{tutti::op_code<tutti::bit_and_op>} == 5);
  CHECK(int{tutti::op_code<tutti::bit_or_op>} == 6);
  CHECK(int{tutti::op_code<tutti::bit_xor_op>} == 7);
  CHECK(int{tutti::op_code<tutti::logical_and_op>} == 8);
  CHECK(int{tutti::op_code<tutti::logical_or_op>} == 9);
  CHECK(int{tutti::op_code<std::minus<>>} == 255);
  CHECK(tutti::op_name(1) == "sum");
  CHECK(tutti::op_name(9) == "logical_or");
  CHECK(tutti::op_name(0) == "");
  CHECK(tutti::op_name(10) == "custom op");
  CHECK(tutti::op_name(255) == "custom op");
}

}  // namespace
