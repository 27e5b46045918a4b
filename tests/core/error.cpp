// SPDX-License-Identifier: BSL-1.0
#include <tutti/core/error.hpp>

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>
#include <string>

namespace {

TEST_CASE("error: reads as operation and cause, and carries the facts") {
  tutti::error const e({tutti::error_kind::peer_lost, 2, "allreduce #41 'grads' (train.cpp:88)", "rank 2 was lost"});
  CHECK(std::string(e.what()) == "allreduce #41 'grads' (train.cpp:88): rank 2 was lost");
  CHECK(e.kind() == tutti::error_kind::peer_lost);
  CHECK(e.rank() == 2);
  CHECK(e.operation() == "allreduce #41 'grads' (train.cpp:88)");
  CHECK(e.facts().cause == "rank 2 was lost");
}

TEST_CASE("error: outside a call it is the cause alone, and blames no rank") {
  tutti::error const e(tutti::error_kind::config, "the world needs a root");
  CHECK(std::string(e.what()) == "the world needs a root");
  CHECK(e.rank() == -1);
  CHECK(e.operation().empty());
  CHECK_THROWS_AS(throw e, std::runtime_error);
}

TEST_CASE("error: the numbers of the kinds are part of the wire format, and each has a name") {
  std::set<std::string> names;
  for (int k = 1; k <= 11; ++k) names.insert(std::string(tutti::to_string(static_cast<tutti::error_kind>(k))));
  CHECK(names.size() == 11);
  CHECK(names.count("unknown") == 0);
  CHECK(tutti::to_string(static_cast<tutti::error_kind>(0)) == "unknown");
  CHECK(tutti::to_string(static_cast<tutti::error_kind>(12)) == "unknown");
  CHECK(static_cast<int>(tutti::error_kind::peer_lost) == 1);
  CHECK(static_cast<int>(tutti::error_kind::mismatch) == 5);
  CHECK(static_cast<int>(tutti::error_kind::revoked) == 10);
  CHECK(static_cast<int>(tutti::error_kind::cancelled) == 11);
}

}  // namespace
