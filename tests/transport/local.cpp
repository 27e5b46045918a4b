// SPDX-License-Identifier: BSL-1.0
#include <tutti/transport/local.hpp>

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include <tutti/transport/asio.hpp>

#include "pair_of_streams.hpp"

static_assert(tutti::transport::streams<tutti::transport::local>);
static_assert(tutti::transport::asynchronous<tutti::transport::local, tutti::net::io_context>);

namespace {

namespace tt = tutti::transport;

struct pair_of_local {
  std::shared_ptr<tt::local_hub> hub = std::make_shared<tt::local_hub>();
  tt::local zero{hub, 1, {0, 1}, 0};
  tt::local one{hub, 1, {0, 1}, 1};
};

TEST_CASE_FIXTURE(pair_of_local, "local: streams keep order and lose nothing") {
  streams::keep_order_and_lose_nothing(zero, one);
}
TEST_CASE_FIXTURE(pair_of_local, "local: a wait can be ended from another thread") { streams::wake(zero); }
TEST_CASE_FIXTURE(pair_of_local, "local: the last bytes arrive before the end") {
  streams::close_after_the_last_byte(zero, one);
}
TEST_CASE_FIXTURE(pair_of_local, "local: writing to an end that was closed is lost") {
  zero.close();
  std::byte const b{};
  CHECK(one.write_some(0, {}, {&b, 1}).lost);
}

TEST_CASE("local: a pipe takes what fits, no more, and wraps around without mixing up a byte") {
  tt::pipe p(std::make_shared<tt::doorbell>(), std::make_shared<tt::doorbell>());
  auto const data = streams::noise(3 * tt::pipe::capacity, 9);
  CHECK(p.can_write());
  CHECK_FALSE(p.can_read());
  CHECK(p.write_some(tutti::const_bytes(data).first(100), tutti::const_bytes(data).subspan(100)).bytes ==
        tt::pipe::capacity);
  CHECK_FALSE(p.can_write());
  CHECK(p.write_some({}, data).bytes == 0);
  std::vector<std::byte> got(data.size());
  CHECK(p.read_some(tutti::bytes(got).first(10), tutti::bytes(got).subspan(10, 990)).bytes == 1000);
  CHECK(p.write_some({}, tutti::const_bytes(data).subspan(tt::pipe::capacity, 5000)).bytes == 1000);
  CHECK(p.read_some({}, tutti::bytes(got).subspan(1000)).bytes == tt::pipe::capacity);
  CHECK(std::equal(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(tt::pipe::capacity) + 1000, data.begin()));
  CHECK(p.read_some({}, got).bytes == 0);
  CHECK_FALSE(p.read_some({}, got).lost);
}

TEST_CASE("local: communicators and pairs do not hear each other") {
  auto const hub = std::make_shared<tt::local_hub>();
  tt::local here(hub, 1, {4, 7, 9}, 0);  // world ranks 4, 7, 9
  tt::local there(hub, 1, {4, 7, 9}, 1);
  tt::local third(hub, 1, {4, 7, 9}, 2);
  tt::local elsewhere(hub, 2, {7, 4}, 0);  // the same ranks, another communicator, another order
  std::byte const sent{42};
  std::byte got{};
  CHECK(here.write_some(1, {}, {&sent, 1}).bytes == 1);
  CHECK(third.read_some(0, {}, {&got, 1}).bytes == 0);
  CHECK(elsewhere.read_some(1, {}, {&got, 1}).bytes == 0);
  CHECK(there.read_some(2, {}, {&got, 1}).bytes == 0);
  CHECK(there.read_some(0, {}, {&got, 1}).bytes == 1);
  CHECK(got == sent);
}

}  // namespace
