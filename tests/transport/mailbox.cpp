// SPDX-License-Identifier: BSL-1.0
#include <tutti/transport/mailbox.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <utility>

#include "sockets.hpp"

namespace {

namespace tt = tutti::transport;

TEST_CASE("mailbox: a lane waits for the communicator and peer it belongs to, and is taken once") {
  tt::mailbox mail;
  auto [a, far_a] = sockets::connected();
  auto const native = a.native();
  CHECK_FALSE(mail.take(7, 2));
  mail.deliver(7, 2, std::move(a));
  CHECK_FALSE(mail.take(7, 1));
  CHECK_FALSE(mail.take(8, 2));
  tt::stream_socket const got = mail.take(7, 2);
  CHECK(got.native() == native);
  CHECK_FALSE(mail.take(7, 2));
}

TEST_CASE("mailbox: a second lane for the same place replaces the first, which closes") {
  tt::mailbox mail;
  auto [a, far_a] = sockets::connected();
  auto [b, far_b] = sockets::connected();
  auto const native = b.native();
  mail.deliver(7, 2, std::move(a));
  mail.deliver(7, 2, std::move(b));
  std::byte one{};
  sockets::readable(far_a);
  CHECK(far_a.read_some({}, {&one, 1}).lost);
  CHECK_FALSE(far_b.read_some({}, {&one, 1}).lost);
  CHECK(mail.take(7, 2).native() == native);
}

TEST_CASE("mailbox: lanes that nobody takes are closed with it") {
  auto [a, far_a] = sockets::connected();
  {
    tt::mailbox mail;
    mail.deliver(1, 1, std::move(a));
  }
  std::byte one{};
  sockets::readable(far_a);
  CHECK(far_a.read_some({}, {&one, 1}).lost);
}

}  // namespace
