// SPDX-License-Identifier: BSL-1.0
#include <tutti/collective/send.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/barrier.hpp>

#include "worlds.hpp"

namespace {

using tutti::communicator;
using worlds::over;
using namespace std::chrono_literals;

TEST_CASE("send: buffers of every count, elements, structs and objects arrive as they were, between every two ranks") {
  worlds::run({1, 2, 3, 5}, [](communicator& world) {
    int const p = world.size(), me = world.rank();
    for (std::size_t const n : worlds::counts(p)) {
      for (int q = 0; q < p; ++q) send(world, worlds::numbers(me, n), q, 7);
      for (int q = 0; q < p; ++q) {
        std::vector<std::int64_t> fixed(n), grown(3, 1);
        if (q % 2 == 0)
          recv(world, std::span(fixed), q, 7);
        else
          recv(world, grown, q, 7);
        CHECK((q % 2 == 0 ? fixed : grown) == worlds::numbers(q, n));
      }
    }
    int const next = (me + 1) % p, last = (me + p - 1) % p;
    send(world, 3.5 * me, next);
    send(world, worlds::matrix::of(me, 1), next);
    send(world, std::string(static_cast<std::size_t>(me) * 700'000, 'x'), next);
    send(world, std::vector<std::string>{"a", std::to_string(me)}, next, {.label = "names"});
    CHECK(tutti::recv<double>(world, last) == 3.5 * last);
    worlds::matrix m;
    recv(world, m, last);
    CHECK(m == worlds::matrix::of(last, 1));
    CHECK((tutti::recv<std::string>(world, last) == std::string(static_cast<std::size_t>(last) * 700'000, 'x')));
    std::vector<std::string> names;
    recv(world, names, last, {.timeout = 50s});
    CHECK(names == std::vector<std::string>{"a", std::to_string(last)});
  });
}

TEST_CASE("send: tags sort messages, and within a tag they keep their order") {
  worlds::run({2, 3}, [](communicator& world) {
    if (world.rank() == 0)
      for (int i = 0; i < 30; ++i) send(world, i, 1, i % 3);
    if (world.rank() == 1)
      for (int const tag : {2, 0, 1})
        for (int i = tag; i < 30; i += 3) CHECK(tutti::recv<int>(world, 0, tag) == i);
  });
}

TEST_CASE("send: any number of messages, in any order of tags and peers, against a list of what was sent") {
  worlds::run({2, 4}, [](communicator& world) {
    struct planned {
      int from, to, tag;
      std::size_t size;
    };
    std::mt19937 random(17);
    auto const p = static_cast<unsigned>(world.size());
    std::vector<planned> all;
    for (int i = 0; i < 300; ++i) {
      std::size_t const size = random() % 5 == 0 ? random() % 200'000 : random() % 600;
      all.push_back(
          {static_cast<int>(random() % p), static_cast<int>(random() % p), static_cast<int>(random() % 4), size});
    }
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].from == world.rank())
        send(world, std::vector<char>(all[i].size, static_cast<char>(i)), all[i].to, all[i].tag);
    for (int tag = 3; tag >= 0; --tag)
      for (int from = world.size() - 1; from >= 0; --from)
        for (std::size_t i = 0; i < all.size(); ++i) {
          if (all[i].to != world.rank() || all[i].from != from || all[i].tag != tag) continue;
          std::vector<char> got;
          recv(world, got, from, tag);
          CHECK((got == std::vector<char>(all[i].size, static_cast<char>(i))));
        }
  });
}

TEST_CASE("send: ranks that all send first get along, alone and in a circle, with megabytes") {
  worlds::run({2, 3, 5}, [](communicator& world) {
    int const p = world.size(), next = (world.rank() + 1) % p, last = (world.rank() + p - 1) % p;
    for (std::size_t const n : {std::size_t{1}, std::size_t{1'000'003}}) {
      send(world, worlds::numbers(world.rank(), n), next);
      std::vector<std::int64_t> got;
      recv(world, got, last);
      CHECK((got == worlds::numbers(last, n)));
      sendrecv(world, worlds::numbers(world.rank(), n + 1), last, got, next, 3);
      CHECK((got == worlds::numbers(next, n + 1)));
    }
  });
}

TEST_CASE("send: a short message needs no receiver that is there") {
  worlds::run({2, 3}, [](communicator& world) {
    if (world.rank() == 0) send(world, 5, world.size() - 1);
    barrier(world);
    if (world.rank() == world.size() - 1) CHECK(tutti::recv<int>(world, 0) == 5);
    if (world.rank() == world.size() - 1) send(world, 6, 0);
    barrier(world);
    if (world.rank() == 0) CHECK(tutti::recv<int>(world, world.size() - 1) == 6);
  });
}

TEST_CASE("send: messages and collectives of one communicator from two threads") {
  worlds::run({2, 3}, [](communicator& world) {
    int const p = world.size(), next = (world.rank() + 1) % p, last = (world.rank() + p - 1) % p;
    std::thread other([&] {
      for (int i = 0; i < 50; ++i) {
        send(world, i, next);
        CHECK(tutti::recv<int>(world, last) == i);
      }
    });
    for (int i = 0; i < 20; ++i) CHECK(allreduce(world, i) == i * p);
    other.join();
  });
}

// What `call` throws on each rank; each is asked again, in a collective.
template <class Call>
std::vector<std::string> errors(int size, over medium, Call call) {
  std::vector<std::string> said(static_cast<std::size_t>(size));
  (void)tutti::testing::try_ranks(
      size,
      [&](communicator& world) {
        auto const r = static_cast<std::size_t>(world.rank());
        std::string kind;
        try {
          call(world);
          barrier(world);
        } catch (tutti::error const& e) {
          said[r] = e.what();
          kind = tutti::to_string(e.kind());
        }
        CHECK(worlds::kind_of_error([&] { barrier(world); }) == kind);
        CHECK(worlds::kind_of_error([&] { send(world, 1, 0); }) == kind);
      },
      medium);
  return said;
}
bool contains(std::string const& text, char const* part) { return text.find(part) != std::string::npos; }

TEST_CASE("send: a wrong length or type is an error on every rank that names both ranks and both sizes") {
  for (over const medium : {over::memory, over::sockets}) {
    auto said = errors(3, medium, [](communicator& world) {
      std::array<double, 10> ten{};
      if (world.rank() == 2) send(world, std::vector<double>(12), 1, 4);
      if (world.rank() == 1) recv(world, ten, 2, 4);
    });
    for (auto const& text : said)
      CHECK_MESSAGE(contains(text, "rank 2 sent rank 1 12 x f64 with tag 4, but rank 1 receives 10 x f64"), text);
    said = errors(2, medium, [](communicator& world) {
      if (world.rank() == 0) send(world, std::string("text"), 1);
      std::vector<float> any;
      if (world.rank() == 1) recv(world, any, 0);
    });
    for (auto const& text : said)
      CHECK_MESSAGE(contains(text, "rank 0 sent rank 1 an object with tag 0, but rank 1 receives any number of f32"),
                    text);
  }
}

TEST_CASE("send: nobody waits for ever; the deadline says for whom, and which tag came instead") {
  for (over const medium : {over::memory, over::sockets}) {
    auto const said = errors(2, medium, [](communicator& world) {
      if (world.rank() == 0) send(world, 1, 1, 8);
      if (world.rank() == 1) (void)tutti::recv<int>(world, 0, 9, {.timeout = 200ms});
    });
    for (auto const& text : said) {
      CHECK_MESSAGE(contains(text, "rank 1 waits for a message from rank 0 with tag 9"), text);
      CHECK_MESSAGE(contains(text, "from there came a message with tag 8"), text);
    }
  }
}

TEST_CASE("send: what nobody asks for fills a queue of 64 MiB; then its sender waits, and at last is told why") {
  auto const said = errors(2, over::memory, [](communicator& world) {
    send(world, std::vector<char>(std::size_t{66} << 20U), 1 - world.rank(), {.timeout = 1500ms});
  });
  for (auto const& text : said)
    CHECK_MESSAGE(contains(text, "queue of messages that nobody has received is full (64 MiB)"), text);
  tutti::testing::run_ranks(2, [](communicator& world) {  // one side at a time is no matter
    std::vector<char> const out(std::size_t{70} << 20U, 'x');
    std::vector<char> in(1);
    if (world.rank() == 0) {
      send(world, out, 1, 1);
      send(world, 2, 1, 2);
    } else {
      recv(world, in, 0, 1);
      CHECK((in == out));
      CHECK(tutti::recv<int>(world, 0, 2) == 2);
    }
  });
}

TEST_CASE("recv: a rank that throws, or leaves without having sent, is named") {
  for (over const medium : {over::memory, over::sockets}) {
    std::array<std::string, 3> kinds;
    (void)tutti::testing::try_ranks(
        3,
        [&](communicator& world) {
          barrier(world);
          if (world.rank() == 2) throw std::runtime_error("disk full");
          kinds[static_cast<std::size_t>(world.rank())] =
              worlds::kind_of_error([&] { (void)tutti::recv<int>(world, 2); });
        },
        medium);
    CHECK(kinds[0] == "aborted");
    CHECK(kinds[1] == "aborted");
    (void)tutti::testing::try_ranks(
        2,
        [&](communicator& world) {
          if (world.rank() == 1) send(world, 1, 0);
          if (world.rank() == 1) return;
          CHECK(tutti::recv<int>(world, 1) == 1);
          kinds[0] = worlds::kind_of_error([&] { (void)tutti::recv<int>(world, 1); });
        },
        medium);
    CHECK(kinds[0] == "peer_left");
  }
}

TEST_CASE("send: ranks and tags that do not exist are refused before anything is sent") {
  worlds::run({1, 2}, [](communicator& world) {
    CHECK(worlds::kind_of_error([&] { send(world, 1, world.size()); }) == "config");
    CHECK(worlds::kind_of_error([&] { send(world, 1, 0, -1); }) == "config");
    CHECK(worlds::kind_of_error([&] { (void)tutti::recv<int>(world, -1); }) == "config");
    send(world, 4, world.rank());
    CHECK(tutti::recv<int>(world, world.rank()) == 4);
    world.revoke();
    CHECK(worlds::kind_of_error([&] { send(world, 1, 0); }) == "revoked");
  });
}

}  // namespace
