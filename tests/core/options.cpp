// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/options.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string_view>

namespace {

using namespace std::chrono_literals;

unsigned line_of(tutti::options how = {}) { return how.where.line; }
std::string_view file_of(tutti::options how = {}) { return how.where.file; }

TEST_CASE("options: the line of the call is filled in by the caller, not by the library") {
  unsigned const here = __LINE__;
  CHECK(line_of() == here + 1);
  CHECK(line_of({.timeout = 5s}) == here + 2);
  CHECK(file_of() == std::string_view(__FILE__));
}

TEST_CASE("options: every field may be left out") {
  tutti::options const o{};
  CHECK(o.timeout == 0s);
  CHECK(o.algorithm == tutti::algorithm::automatic);
  CHECK(o.label.empty());
  CHECK(o.root == 0);
  tutti::options const named{.timeout = 2ms, .algorithm = tutti::algorithm::star, .label = "grads", .root = 3};
  CHECK(named.timeout == 2ms);
  CHECK(named.label == "grads");
  CHECK(named.root == 3);
}

}  // namespace
