// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/op.hpp>

#include <tutti/core/located.hpp>
#include <tutti/core/mean.hpp>

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

TEST_CASE("op: integers wrap around, the narrow ones and the wide ones too") {
  CHECK(tutti::sum(std::numeric_limits<int>::max(), 1) == std::numeric_limits<int>::min());
  CHECK(tutti::prod(std::uint16_t{65535}, std::uint16_t{65535}) == 1);
  CHECK(tutti::prod(std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}) ==
        std::numeric_limits<std::int64_t>::min());
  CHECK(tutti::sum(true, true) == true);
#if defined(__SIZEOF_INT128__)
  CHECK((tutti::sum(~tutti::uint128{0}, tutti::uint128{1}) == 0));
#endif
}

template <class T>
void orders_nans() {
  T const nan = std::numeric_limits<T>::quiet_NaN();
  for (T const x : {T(1), T(-2), std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity()}) {
    CHECK(std::isnan(static_cast<double>(tutti::min(nan, x))));
    CHECK(std::isnan(static_cast<double>(tutti::min(x, nan))));
    CHECK(std::isnan(static_cast<double>(tutti::max(nan, x))));
    CHECK(std::isnan(static_cast<double>(tutti::max(x, nan))));
  }
  auto const negative = [](T x) { return std::signbit(static_cast<double>(x)); };
  CHECK(negative(tutti::min(T(-0.0), T(0.0))));
  CHECK_FALSE(negative(tutti::min(T(0.0), T(-0.0))));
  CHECK(negative(tutti::max(T(-0.0), T(0.0))));
  CHECK_FALSE(negative(tutti::max(T(0.0), T(-0.0))));
}

TEST_CASE("op: of equals, min and max keep the lower rank's; a NaN outranks every number, on either side") {
  orders_nans<float>();
  orders_nans<double>();
  orders_nans<long double>();
  orders_nans<tutti::half>();
  orders_nans<tutti::bfloat16>();
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
  CHECK(tutti::object_reduction<tutti::sum_op, std::string>);
  CHECK_FALSE(tutti::object_reduction<tutti::sum_op, int>);
  CHECK_FALSE(tutti::object_reduction<tutti::mean_op, std::string>);
  CHECK_FALSE(tutti::element_reduction<decltype(spans), int>);
}

template <class Op>
std::string legal() {
  std::string types;
  auto const ask = [&]<class T>(char letter, T) { types += tutti::reduction<Op, T> ? letter : '.'; };
  ask('b', true);
  ask('c', char{});
  ask('s', std::int16_t{});
  ask('u', std::uint64_t{});
#if defined(__SIZEOF_INT128__)
  ask('w', tutti::uint128{});
#else
  types += tutti::reduction<Op, std::uint64_t> ? 'w' : '.';
#endif
  ask('f', 1.0F);
  ask('l', 1.0L);
  ask('h', tutti::half{});
  ask('z', std::complex<double>{});
  ask('B', std::byte{});
  ask('p', plain{});
  ask('L', tutti::located<double>{});
  return types;
}

TEST_CASE("op: which operation is for which type") {
  CHECK(legal<tutti::sum_op>() == "bcsuwflhz...");
  CHECK(legal<tutti::prod_op>() == "bcsuwflhz...");
  CHECK(legal<tutti::min_op>() == "bcsuwflh.B..");
  CHECK(legal<tutti::max_op>() == "bcsuwflh.B..");
  CHECK(legal<tutti::bit_and_op>() == "bcsuw....B..");
  CHECK(legal<tutti::bit_or_op>() == "bcsuw....B..");
  CHECK(legal<tutti::bit_xor_op>() == "bcsuw....B..");
  CHECK(legal<tutti::logical_and_op>() == "bcsuw.......");
  CHECK(legal<tutti::logical_or_op>() == "bcsuw.......");
  CHECK(legal<tutti::minloc_op>() == "...........L");
  CHECK(legal<tutti::maxloc_op>() == "...........L");
  CHECK(legal<tutti::mean_op>() == ".csuwflhz...");
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
  CHECK(int{tutti::op_code<tutti::minloc_op>} == 10);
  CHECK(int{tutti::op_code<tutti::maxloc_op>} == 11);
  CHECK(int{tutti::op_code<tutti::mean_op>} == 12);
  CHECK(int{tutti::op_code<std::bit_xor<>>} == 7);
  CHECK(int{tutti::op_code<std::logical_or<>>} == 9);
  CHECK(int{tutti::op_code<std::minus<>>} == 255);
  CHECK(tutti::op_name(1) == "sum");
  CHECK(tutti::op_name(9) == "logical_or");
  CHECK(tutti::op_name(0) == "");
  CHECK(tutti::op_name(12) == "mean");
  CHECK(tutti::op_name(13) == "custom op");
  CHECK(tutti::op_name(255) == "custom op");
}

}  // namespace
