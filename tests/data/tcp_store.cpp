// SPDX-License-Identifier: BSL-1.0
// Promises of data/tcp_store.hpp.
#include <tutti/data/tcp_store.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "store_checks.hpp"

using tutti::communicator;
using tutti::testing::run_ranks;

TEST_CASE("a store that is served over TCP keeps every promise of a kv_store") {
  store_checks::all([] {
    auto const server = std::make_shared<tutti::tcp_store_server>();
    return [server] { return tutti::tcp_store(server->address(), server->secret()); };
  });
}

TEST_CASE("rank 0 serves a store to the world; it ends with rank 0's client, and the others say so") {
  for (int const size : {1, 2, 3, 5})
    run_ranks(size, [size](communicator& world) {
      std::optional<tutti::tcp_store> store = serve_store(world);
      CHECK(store->add("ranks", 1) <= size);
      barrier(world);
      CHECK(store->get("ranks") == std::to_string(size));
      barrier(world);
      if (world.rank() == 0) store.reset();
      barrier(world);
      if (world.rank() != 0)
        CHECK(refusal([&] { store->set("a", "b"); }).find("the store does not answer any more") == 0);
    });
}

TEST_CASE("who does not know the secret, or sends what no client sends, is closed; the others are served on") {
  tutti::tcp_store_server server;
  tutti::tcp_store good(server.address(), server.secret());
  good.set("k", "v");
  tutti::tcp_store stranger(server.address(), std::string(32, '0'));
  CHECK(refusal([&] { (void)stranger.get("k"); }).find("does not know our secret") != std::string::npos);
  {
    tutti::net::io_context io;
    tutti::net::ip::tcp::socket raw(io);
    auto const port = static_cast<unsigned short>(std::stoul(server.address().substr(server.address().rfind(':') + 1)));
    raw.connect({tutti::net::ip::address_v4::loopback(), port});
    std::string const bytes = server.secret() + std::string(24, '\xff');  // a request of 12 GiB
    tutti::net::write(raw, tutti::net::buffer(bytes));
    char answer = 0;
    tutti::net_error problem;
    CHECK(tutti::net::read(raw, tutti::net::buffer(&answer, 1), problem) == 0);
    CHECK(problem);
  }
  CHECK(good.get("k") == "v");
}

TEST_CASE("where it cannot work it says why, on every rank") {
  run_ranks(2, [](communicator& world) {
    auto const said = [&](char const* listen) {
      return refusal([&] { auto const store = serve_store(world, {.listen = listen}); });
    };
    CHECK(said("nonsense") == "the store cannot listen at \"nonsense\": give an address and a port, like 10.0.0.4:0");
    CHECK(said("0.0.0.0:0").find("nothing that is sent would be encrypted: set trusted_network") != std::string::npos);
  });
  CHECK(refusal([] {
          tutti::tcp_store("127.0.0.1:1", std::string(32, '0'));
        }).find("no store answers at 127.0.0.1:1") == 0);
}
