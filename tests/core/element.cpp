// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/element.hpp>

#include <doctest/doctest.h>

#include <complex>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace {

struct pair_of {
  int a = 0;
  double b = 0;
};
struct owner {
  std::string s;
};

TEST_CASE("element: what lies in memory as it is may travel; what points elsewhere may not") {
  CHECK(tutti::element<int>);
  CHECK(tutti::element<bool>);
  CHECK(tutti::element<long double>);
  CHECK(tutti::element<std::complex<float>>);
  CHECK(tutti::element<std::byte>);
  CHECK(tutti::element<pair_of>);
  CHECK_FALSE(tutti::element<int*>);
  CHECK_FALSE(tutti::element<int pair_of::*>);
  CHECK_FALSE(tutti::element<std::nullptr_t>);
  CHECK_FALSE(tutti::element<int const>);
  CHECK_FALSE(tutti::element<int&>);
  CHECK_FALSE(tutti::element<owner>);
  CHECK_FALSE(tutti::element<std::vector<int>>);
}

TEST_CASE("element: numbers of another class or size have another code") {
  std::set<std::uint32_t> const codes{tutti::element_code<std::int8_t>(),   tutti::element_code<std::uint8_t>(),
                                      tutti::element_code<std::int16_t>(),  tutti::element_code<std::int32_t>(),
                                      tutti::element_code<std::uint32_t>(), tutti::element_code<std::int64_t>(),
                                      tutti::element_code<float>(),         tutti::element_code<double>(),
                                      tutti::element_code<bool>(),          tutti::element_code<std::byte>(),
                                      tutti::element_code<pair_of>(),       tutti::element_code<std::complex<float>>(),
                                      tutti::element_code<tutti::half>(),   tutti::element_code<tutti::bfloat16>()};
  CHECK(codes.size() == 14);
  CHECK(tutti::element_code<long long>() == tutti::element_code<std::int64_t>());
}

TEST_CASE("element: names are short and known") {
  CHECK(tutti::element_name(tutti::element_code<float>()) == "f32");
  CHECK(tutti::element_name(tutti::element_code<std::int64_t>()) == "i64");
  CHECK(tutti::element_name(tutti::element_code<std::uint8_t>()) == "u8");
  CHECK(tutti::element_name(tutti::element_code<bool>()) == "bool");
  CHECK(tutti::element_name(tutti::element_code<std::byte>()) == "byte");
  CHECK(tutti::element_name(tutti::element_code<std::complex<double>>()) == "complex128");
  CHECK(tutti::element_name(tutti::element_code<tutti::half>()) == "f16");
  CHECK(tutti::element_name(tutti::element_code<tutti::bfloat16>()) == "bf16");
#if defined(__SIZEOF_INT128__)
  CHECK(tutti::element_name(tutti::element_code<tutti::int128>()) == "i128");
  CHECK(tutti::element_name(tutti::element_code<tutti::uint128>()) == "u128");
#endif
  CHECK(tutti::element_name(tutti::element_code<pair_of>()) == "record of 16 bytes");
  CHECK(tutti::element_name(0xff000004U) == "unknown element");  // as a hostile peer may say
}

}  // namespace
