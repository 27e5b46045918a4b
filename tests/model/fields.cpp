// SPDX-License-Identifier: BSL-1.0
#include <tutti/model/fields.hpp>

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {

struct none {};
struct small {
  int x = 1;
};
struct mixed {
  int w;
  float b[3][2];
  std::array<double, 4> a;
  small sub;
  none empty;
  std::vector<int> v_2;
  std::string s;
  std::unique_ptr<int> p;
  std::mutex m;
};
struct derived : small {
  int y;
};
struct derived_from_empty : none {
  int y;
};
struct referring {
  int const& r;
};

using tutti::detail::field_count;
using tutti::detail::field_name;
using tutti::detail::has_bases;

}  // namespace

TEST_CASE("fields are counted one by one, arrays as one") {
  CHECK(field_count<none> == 0);
  CHECK(field_count<small> == 1);
  CHECK(field_count<mixed> == 9);
  CHECK(field_count<mixed const> == 9);
}

TEST_CASE("fields are called as in the source") {
  CHECK(field_name<mixed, 0> == "w");
  CHECK(field_name<mixed, 1> == "b");
  CHECK(field_name<mixed, 2> == "a");
  CHECK(field_name<mixed, 4> == "empty");
  CHECK(field_name<mixed, 5> == "v_2");
  CHECK(field_name<mixed, 8> == "m");
  struct local {
    float inner;
  };
  CHECK(field_name<local, 0> == "inner");
}

TEST_CASE("references to fields are the fields") {
  mixed m{};
  auto fields = tutti::detail::tie_fields(m);
  CHECK(static_cast<void*>(&std::get<0>(fields)) == &m.w);
  CHECK(static_cast<void*>(&std::get<1>(fields)) == &m.b);
  CHECK(static_cast<void*>(&std::get<8>(fields)) == &m.m);
}

TEST_CASE("base classes and references are seen") {
  CHECK(has_bases<derived>);
  CHECK(has_bases<derived_from_empty>);
  CHECK_FALSE(has_bases<mixed>);
  CHECK_FALSE(has_bases<none>);
  CHECK_FALSE(tutti::detail::takes_braces<referring, 0>());
}
