// SPDX-License-Identifier: BSL-1.0
// What a process says when it joins a world over TCP, and every way in which that can be wrong.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tutti/core/error.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/plan/settings.hpp>
#include <tutti/transport/hello.hpp>
#include <tutti/transport/socket.hpp>

namespace tutti::inline TUTTI_ABI {

/// How to join: `join({.root = "127.0.0.1:7000", .rank = r, .size = n})`. All ranks give the same root, size and job.
struct join_options {
  std::string root{};            ///< "host:port" or "[v6]:port" where rank 0 listens; empty = not set
  int rank = -1;                 ///< 0 … size-1; -1 = not set
  int size = -1;                 ///< how many ranks; -1 = not set
  std::string secret{};          ///< needs TLS, which is not built in yet: refused, never ignored
  bool trusted_network = false;  ///< a root that is not loopback needs this: nothing is encrypted
  std::chrono::nanoseconds timeout = std::chrono::seconds(120);      ///< until all ranks must be present
  std::chrono::nanoseconds heartbeat = std::chrono::seconds(1);      ///< three of silence and a rank counts as hung
  std::chrono::nanoseconds stall_report = std::chrono::seconds(10);  ///< waiting this long is worth a line on stderr
  std::chrono::nanoseconds call_timeout = std::chrono::seconds(60);  ///< default of options::timeout
  std::string job{};                                         ///< what this job's processes know and others do not
  transport::native_socket listener = transport::no_socket;  ///< rank 0: a socket that listens at root already; owned
  int host_rank = -1;                                        ///< as the launcher counts; -1: counted at the join
  int host_size = -1;
  /// Constants of tutti::machine from which algorithms are chosen, "latency=50,link=8"; what is left out keeps its
  /// default. Empty: TUTTI_MACHINE; without it, measured at the join. The same on all ranks.
  std::string machine{};
  /// The algorithm of a collective where a call names none, "allreduce:ring,broadcast:star"; where it cannot serve, the
  /// automatic choice. Empty: TUTTI_ALGORITHM. The same on all ranks.
  std::string algorithm{};
};

namespace group {

/// "127.0.0.1:7000", "[::1]:7000" or "name:7000", taken apart.
struct root_address {
  std::string host;
  std::string port;
  [[nodiscard]] std::string text() const {
    return (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + port;
  }
};

/// Throws config if this is no "host:port" with a port from 1 to 65535.
template <class = on_use>
[[nodiscard]] root_address parse_root(std::string_view root) {
  auto const wrong = [&](char const* why) -> error {
    return {error_kind::config, "root \"" + std::string(root) + "\" " + why + "; write host:port, like 10.0.0.4:7000"};
  };
  auto const colon = root.rfind(':');
  if (colon == root.npos) throw wrong("names no port");
  std::string_view host = root.substr(0, colon);
  std::string_view const port = root.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != host.npos)
    throw wrong("needs brackets around its IPv6 address");
  if (host.empty()) throw wrong("names no host");
  unsigned number = 0;
  auto const [end, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (problem != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535)
    throw wrong("has no port between 1 and 65535");
  return {std::string(host), std::to_string(number)};
}

/// Throws config, in one sentence with the remedy, if these options cannot work whatever the network does.
template <class = on_use>
void validate(join_options const& o) {
  auto const refuse = [](std::string why) { throw error(error_kind::config, std::move(why)); };
  if (!o.secret.empty())
    refuse(
        "a secret was given, but TLS is not built in: leave it out, and set trusted_network if you trust the network");
  if (o.size < 1) refuse("the size of the world must be at least 1, not " + std::to_string(o.size));
  if (o.rank < 0 || o.rank >= o.size)
    refuse("rank " + std::to_string(o.rank) + " is not between 0 and " + std::to_string(o.size - 1) +
           ", the ranks of a world of " + std::to_string(o.size));
  constexpr std::chrono::hours longest(1000);
  if (o.timeout <= o.timeout.zero() || o.timeout > longest)
    refuse("the timeout of the join must be positive, and at most 1000 hours");
  if (o.heartbeat < std::chrono::milliseconds(10) || o.heartbeat > longest)
    refuse("the heartbeat must be between 10 ms and 1000 hours");
  (void)plan::parse_machine(o.machine);
  (void)plan::parse_preferences(o.algorithm);
  if (o.root.empty() && !(o.rank == 0 && o.listener != transport::no_socket))
    refuse("no root was given: all ranks need the host:port where rank 0 listens");
  if (!o.root.empty()) (void)parse_root(o.root);
}

/// The job's id as it travels: 32 hexadecimal digits are taken as they are, any other text is hashed.
template <class = on_use>
[[nodiscard]] transport::job_key key_of(std::string_view job) {
  transport::job_key key{};
  auto const digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  bool plain = job.size() == 32;
  for (std::size_t i = 0; plain && i < key.size(); ++i) {
    int const high = digit(job[2 * i]);
    int const low = digit(job[2 * i + 1]);
    plain = high >= 0 && low >= 0;
    if (plain) key[i] = static_cast<std::byte>(high * 16 + low);
  }
  if (plain) return key;
  store_little(key.data(), fnv1a().add(job).value());
  store_little(key.data() + 8, fnv1a().add("tutti").add(job).value());
  return key;
}

}  // namespace group
}  // namespace tutti::inline TUTTI_ABI
