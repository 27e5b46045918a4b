// SPDX-License-Identifier: BSL-1.0
// What every transport promises of its streams, tried on the two ends of one.
#pragma once

#include <doctest/doctest.h>

#include <tutti/transport/transport.hpp>

#include <chrono>
#include <cstddef>
#include <random>
#include <thread>
#include <vector>

namespace streams {

namespace tt = tutti::transport;

inline tutti::clock::time_point soon() { return tutti::clock::now() + std::chrono::seconds(20); }

template <class S>
void wait(S& s, int peer, bool read, bool write) {
  tt::interest const wanted[] = {{peer, read, write}};
  s.wait(wanted, streams::soon());
}
template <class S>
void write_all(S& s, int peer, tutti::const_bytes head, tutti::const_bytes body) {
  while (!head.empty() || !body.empty()) {
    auto const [n, lost] = s.write_some(peer, head, body);
    REQUIRE_FALSE(lost);
    auto const of_head = n < head.size() ? n : head.size();
    head = head.subspan(of_head);
    body = body.subspan(n - of_head);
    if (n == 0) streams::wait(s, peer, false, true);
  }
}
template <class S>
void read_all(S& s, int peer, tutti::bytes head, tutti::bytes body) {
  while (!head.empty() || !body.empty()) {
    auto const [n, lost] = s.read_some(peer, head, body);
    REQUIRE_FALSE(lost);
    auto const of_head = n < head.size() ? n : head.size();
    head = head.subspan(of_head);
    body = body.subspan(n - of_head);
    if (n == 0) streams::wait(s, peer, true, false);
  }
}
inline std::vector<std::byte> noise(std::size_t n, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::byte> all(n);
  for (std::byte& b : all) b = static_cast<std::byte>(random() >> 8U);
  return all;
}

/// `zero` and `one` are ranks 0 and 1 of two.
template <tt::streams S>
void keep_order_and_lose_nothing(S& zero, S& one) {
  CHECK(zero.rank() == 0);
  CHECK(one.rank() == 1);
  CHECK(zero.size() == 2);
  // Both directions at once, far more than any buffer holds, in pieces of every size, heads and bodies mixed.
  auto const to_one = streams::noise(3'000'000, 1);
  auto const to_zero = streams::noise(2'000'000, 2);
  auto const talk = [](S& s, int peer, std::vector<std::byte> const& out, std::vector<std::byte>& in, unsigned seed) {
    std::minstd_rand random(seed);
    std::size_t sent = 0;
    std::size_t received = 0;
    while (sent < out.size() || received < in.size()) {
      std::size_t const n = random() % 100'000;
      std::size_t const h = random() % 60;
      auto const rest = tutti::const_bytes(out).subspan(sent);
      auto const head = rest.first(h < rest.size() ? h : rest.size());
      auto const body = rest.subspan(head.size(), n < rest.size() - head.size() ? n : rest.size() - head.size());
      std::size_t moved = 0;
      if (!head.empty() || !body.empty()) {
        auto const w = s.write_some(peer, head, body);
        REQUIRE_FALSE(w.lost);
        moved += w.bytes;
        sent += w.bytes;
      }
      auto const room = tutti::bytes(in).subspan(received);
      auto const in_head = room.first(h < room.size() ? h : room.size());
      auto const in_body =
          room.subspan(in_head.size(), n < room.size() - in_head.size() ? n : room.size() - in_head.size());
      if (!room.empty() && !(in_head.empty() && in_body.empty())) {
        auto const r = s.read_some(peer, in_head, in_body);
        REQUIRE_FALSE(r.lost);
        CHECK(r.bytes <= in_head.size() + in_body.size());
        moved += r.bytes;
        received += r.bytes;
      }
      if (moved == 0) streams::wait(s, peer, received < in.size(), sent < out.size());
    }
  };
  std::vector<std::byte> at_zero(to_zero.size());
  std::vector<std::byte> at_one(to_one.size());
  std::thread other([&] { talk(one, 0, to_zero, at_one, 3); });
  talk(zero, 1, to_one, at_zero, 4);
  other.join();
  CHECK((at_one == to_one));
  CHECK((at_zero == to_zero));
}

/// wake() from another thread ends a wait that nothing else would end; also one that has not begun.
template <tt::streams S>
void wake(S& s) {
  s.wake();
  s.wait({}, streams::soon());
  std::thread other([&] { s.wake(); });
  s.wait({}, streams::soon());
  other.join();
  auto const before = tutti::clock::now();
  s.wait({}, before + std::chrono::milliseconds(3));  // nothing wakes this one but its end
  CHECK(tutti::clock::now() < before + std::chrono::seconds(15));
}

/// After close(), the other side reads what was sent, then `lost`; writing is lost sooner or later.
template <tt::streams S>
void close_after_the_last_byte(S& closing, S& other) {
  auto const last = streams::noise(1000, 5);
  streams::write_all(closing, other.rank(), {}, last);
  closing.close();
  std::vector<std::byte> got(last.size());
  streams::read_all(other, closing.rank(), {}, got);
  CHECK((got == last));
  std::byte more{};
  tt::moved end = other.read_some(closing.rank(), {}, {&more, 1});
  while (!end.lost && end.bytes == 0) {
    streams::wait(other, closing.rank(), true, false);
    end = other.read_some(closing.rank(), {}, {&more, 1});
  }
  CHECK(end.lost);
  CHECK(end.bytes == 0);
}

}  // namespace streams
