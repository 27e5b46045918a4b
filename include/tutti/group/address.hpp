// SPDX-License-Identifier: BSL-1.0
// Names, addresses and hosts at the join: resolving, listening, and the sentences for what goes wrong there.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/group/join_options.hpp>
#include <tutti/transport/asio.hpp>

namespace tutti::inline TUTTI_ABI::group {

using endpoint = net::ip::tcp::endpoint;

/// "127.0.0.1:7000" or "[::1]:7000".
template <class Use = on_use>
[[nodiscard]] std::string text_of(later<endpoint, Use> const& e) {
  auto const host = e.address().to_string();
  return (e.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(e.port());
}
/// The system's words, in the middle of a sentence.
template <class Use = on_use>
[[nodiscard]] std::string text_of(later<net_error, Use> const& problem) {
  auto text = problem.message();
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0)
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}
/// An IPv4 address that came through an IPv6 socket is an IPv4 address.
template <class Use = on_use>
[[nodiscard]] net::ip::address plain(later<net::ip::address, Use> const& a) {
  if (a.is_v6() && a.to_v6().is_v4_mapped()) return net::ip::make_address_v4(net::ip::v4_mapped, a.to_v6());
  return a;
}

/// Asks the system until it knows the name or the deadline has come; then throws config, naming the host.
template <class Use = on_use>
[[nodiscard]] std::vector<later<endpoint, Use>> resolve(net::io_context& io, later<root_address, Use> const& root,
                                                        clock::time_point deadline) {
  later<net_error, Use> problem;
  auto const literal = net::ip::make_address(root.host, problem);
  if (!problem) return {later<endpoint, Use>(literal, static_cast<unsigned short>(std::stoul(root.port)))};
  later<net::ip::tcp::resolver, Use> names(io);
  for (auto pause = std::chrono::milliseconds(50);; pause = (std::min)(2 * pause, std::chrono::milliseconds(1000))) {
    auto const found = names.resolve(root.host, root.port, net::ip::tcp::resolver::numeric_service, problem);
    std::vector<later<endpoint, Use>> all;
    for (auto const& entry : found) all.push_back(entry.endpoint());
    if (!problem && !all.empty()) return all;
    if (clock::now() + pause >= deadline)
      throw error(error_kind::config, "the host of root " + root.text() + " cannot be resolved: " + text_of(problem));
    std::this_thread::sleep_for(pause);
  }
}

/// Throws config unless what is sent there stays on this host or the caller trusts what it passes.
template <class Use = on_use>
void check_trust(std::vector<later<endpoint, Use>> const& root, join_options const& o) {
  for (auto const& e : root)
    if (!plain(e.address()).is_loopback() && !o.trusted_network)
      throw error(error_kind::config,
                  "root " + text_of(e) +
                      " is not on loopback, and nothing that is sent would be encrypted: set trusted_network "
                      "(TUTTI_TRUSTED_NETWORK=1) if you trust everyone on that network");
}

/// Listens at exactly that address. Throws config, naming it.
template <class Use = on_use>
[[nodiscard]] later<net::ip::tcp::acceptor, Use> listen_at(net::io_context& io, later<endpoint, Use> const& at) {
  later<net::ip::tcp::acceptor, Use> a(io);
  later<net_error, Use> problem;
  a.open(at.protocol(), problem);
#if !defined(_WIN32)
  if (!problem) a.set_option(net::ip::tcp::acceptor::reuse_address(true), problem);
#endif
  if (!problem) a.bind(at, problem);
  if (!problem) a.listen(1024, problem);
  if (problem == net::error::address_in_use)
    throw error(error_kind::config, "port " + std::to_string(at.port()) + " at " + at.address().to_string() +
                                        " is in use by another process: choose another root");
  if (problem)
    throw error(problem == net::error::no_descriptors ? error_kind::resource : error_kind::config,
                "cannot listen at " + text_of(at) + ": " + text_of(problem));
  return a;
}

/// The same number for all processes of one host, or container.
template <class = on_use>
[[nodiscard]] std::uint64_t host_identity() {
  fnv1a h;
  char name[256] = {};
  (void)::gethostname(name, sizeof name - 1);
  h.add(std::string_view(name));
#if defined(__linux__)
  if (std::FILE* const f = std::fopen("/proc/sys/kernel/random/boot_id", "re")) {
    char id[64] = {};
    h.add(std::string_view(id, std::fread(id, 1, sizeof id, f)));
    (void)std::fclose(f);
  }
#endif
  return h.value();
}

/// One rank in the table that rank 0 sends: 16 bytes address (IPv4 as mapped), host u64, port u16, 6 zero bytes.
template <class Use = on_use>
struct basic_seat_entry {
  static constexpr std::size_t wire_size = 32;
  endpoint where{};
  std::uint64_t host = 0;

  void append_to(std::string& text) const {
    std::array<std::byte, wire_size> w{};
    later<net::ip::address, Use> const a = where.address();
    auto const six = a.is_v4() ? net::ip::make_address_v6(net::ip::v4_mapped, a.to_v4()) : a.to_v6();
    auto const raw = six.to_bytes();
    std::transform(raw.begin(), raw.end(), w.begin(), [](unsigned char c) { return static_cast<std::byte>(c); });
    store_little(w.data() + 16, host);
    store_little(w.data() + 24, static_cast<std::uint16_t>(where.port()));
    for (std::byte const b : w) text.push_back(static_cast<char>(b));
  }
  /// `text` has at least wire_size characters from `at` on.
  [[nodiscard]] static basic_seat_entry read(std::string const& text, std::size_t at) {
    std::array<std::byte, wire_size> w{};
    for (std::size_t i = 0; i < wire_size; ++i) w[i] = static_cast<std::byte>(text[at + i]);
    net::ip::address_v6::bytes_type raw{};
    for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = std::to_integer<unsigned char>(w[i]);
    return {endpoint(plain(net::ip::address_v6(raw)), load_little<std::uint16_t>(w.data() + 24)),
            load_little<std::uint64_t>(w.data() + 16)};
  }
};
using seat_entry = basic_seat_entry<>;

}  // namespace tutti::inline TUTTI_ABI::group
