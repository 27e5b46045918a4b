// SPDX-License-Identifier: BSL-1.0
#include <tutti/model/explain.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "five_models.hpp"

TEST_CASE("explain_model says by which tier each node was entered, and what it holds") {
  std::string const boost = tutti::explain_model(five::behind_boost{});
  CHECK(boost.find("value: tier 5 boost serialize") != std::string::npos);
  CHECK(boost.find("layers.0.weight: tier 3 leaf, f32 6, 24 bytes, parameter") != std::string::npos);
  CHECK(boost.find("steps: tier 3 leaf, i32 scalar, 4 bytes, buffer") != std::string::npos);
  CHECK(boost.find("in all: 12 numbers, 48 bytes") != std::string::npos);
  CHECK(tutti::explain_model(five::hooked{}).find("value: tier 1 hook") != std::string::npos);
  std::string const plain = tutti::explain_model(five::plain{});
  CHECK(plain.find("value: tier 6 plain struct") != std::string::npos);
  CHECK(plain.find("layers: tier 4 container") != std::string::npos);
  CHECK(plain.find("layers.0.weight: tier 3 leaf, f32 3 x 2") != std::string::npos);
  CHECK(tutti::explain_model(std::string("x")).find("tier 7 opaque") != std::string::npos);
}
