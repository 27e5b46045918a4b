// SPDX-License-Identifier: BSL-1.0
// Processes that share a store and nothing else find each other through it, and form a world.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>

#include <tutti/core/error.hpp>
#include <tutti/core/version.hpp>
#include <tutti/data/kv_store.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/group/join.hpp>
#include <tutti/transport/asio.hpp>

namespace tutti::inline TUTTI_ABI {

/// Called by `size` processes with the same store: they are numbered as they come (a rank that is given in `how` is
/// kept: then all give one), and the first listens at how.root, or at a free port of this host if that is empty.
/// Returns when all are there. A store holds one job: give each a prefix (`prefixed_store`). Throws as `join` does, and
/// config if more than `size` come.
template <kv_store Store>
[[nodiscard]] communicator join_through(Store& store, int size, join_options how = {}) {
  how.size = size;
  if (how.rank < 0) {
    how.rank = static_cast<int>(store.add("tutti/ranks", 1) - 1);
    if (how.rank >= size)
      throw error(error_kind::config, "a process too many joins through the store, whose world has " +
                                          std::to_string(size) +
                                          " ranks and is complete: give each job a prefix of its own");
  }
  if (how.rank != 0) {
    std::string const said = store.wait("tutti/root", how.timeout);  // "<job> <root>"
    std::size_t const space = said.find(' ');
    how.job = said.substr(0, space);
    how.root = said.substr(space == said.npos ? said.size() : space + 1);
    return join(std::move(how));
  }
  std::random_device random;
  how.job.clear();
  for (int i = 0; i < 32; ++i) how.job += "0123456789abcdef"[random() % 16];
  net::io_context io;
  if (how.root.empty()) {
    net::ip::tcp::acceptor listener(io, {net::ip::address_v4::loopback(), 0});
    how.root = "127.0.0.1:" + std::to_string(listener.local_endpoint().port());
    how.listener = listener.release();
  }
  store.set("tutti/root", how.job + " " + how.root);
  return join(std::move(how));
}

}  // namespace tutti::inline TUTTI_ABI
