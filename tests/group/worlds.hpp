// SPDX-License-Identifier: BSL-1.0
// Worlds of rank threads of this process, each with its own control thread, over loopback TCP.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <tutti/group/rendezvous.hpp>

namespace worlds {

using namespace std::chrono_literals;
using steady = tutti::clock;
using tutti::error_kind;
namespace group = tutti::group;
namespace engine = tutti::engine;
namespace transport = tutti::transport;
namespace net = tutti::net;

inline bool has(std::string const& text, std::string const& part) { return text.find(part) != text.npos; }

/// A port that listens already, as a launcher hands it to rank 0.
struct root_port {
  root_port() : acceptor(io, net::ip::tcp::endpoint(net::ip::address_v4::loopback(), 0)) {
    name = "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  }
  transport::native_socket release() { return acceptor.release(); }
  net::io_context io;
  net::ip::tcp::acceptor acceptor;
  std::string name;
};
/// A port nobody listens at.
inline std::string free_root() {
  root_port p;
  return p.name;
}

inline tutti::join_options options_of(std::string root, int rank, int size) {
  tutti::join_options o;
  o.root = std::move(root);
  o.rank = rank;
  o.size = size;
  o.job = "tests";
  o.timeout = 20s;
  o.heartbeat = 100ms;
  return o;
}

/// What join_world did on one thread.
struct attempt {
  std::shared_ptr<group::tcp_world> world{};
  std::optional<tutti::failure> failed{};
};
inline attempt try_join(tutti::join_options const& o) {
  try {
    return {group::join_world(o), {}};
  } catch (tutti::error const& e) {
    return {{}, e.facts()};
  }
}

/// Runs `body(rank)` on n threads and rethrows the first exception.
template <class Body>
void on_threads(int n, Body body) {
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(n));
  std::vector<std::thread> threads;
  for (int r = 0; r < n; ++r)
    threads.emplace_back([&, r] {
      try {
        body(r);
      } catch (...) {
        thrown[static_cast<std::size_t>(r)] = std::current_exception();
      }
    });
  for (auto& t : threads) t.join();
  for (auto const& e : thrown)
    if (e) std::rethrow_exception(e);
}

/// All n ranks, joined.
inline std::vector<std::shared_ptr<group::tcp_world>> join_all(int n) {
  std::vector<std::shared_ptr<group::tcp_world>> all(static_cast<std::size_t>(n));
  root_port port;
  auto const listener = port.release();
  on_threads(n, [&](int r) {
    auto o = options_of(port.name, r, n);
    if (r == 0) o.listener = listener;
    all[static_cast<std::size_t>(r)] = group::join_world(o);
  });
  return all;
}

/// Stands for a communicator: a watch, and a caller that sleeps on its doorbell.
struct caller {
  caller(engine::referee& r, std::uint64_t communicator, std::vector<int> members)
      : seen(std::make_shared<engine::watch>(communicator, std::move(members))) {
    seen->on_ring([this] {
      std::lock_guard const hold(guard);
      ++rings;
      bell.notify_all();
    });
    r.enroll(seen);
  }
  ~caller() { seen->on_ring(nullptr); }
  caller(caller const&) = delete;
  caller& operator=(caller const&) = delete;

  void begin(std::uint64_t sequence, int waiting_for, tutti::plan::collective what = tutti::plan::collective::allreduce,
             std::uint64_t count = 10) {
    engine::call c;
    c.communicator = seen->communicator();
    c.sequence = sequence;
    c.what = what;
    c.count = count;
    seen->begin(c, {"dir/train.cpp", static_cast<unsigned>(sequence)}, "grads");
    seen->waiting_for(waiting_for);
  }
  /// Why it was revoked; kind revoked if it was not within `patience`.
  tutti::failure verdict(std::chrono::milliseconds patience = 10s) {
    std::unique_lock hold(guard);
    bool const ruled = bell.wait_for(hold, patience, [&] { return seen->revoked(); });
    hold.unlock();
    if (ruled) return seen->why();
    return {error_kind::revoked, -1, {}, "no verdict"};
  }

  std::shared_ptr<engine::watch> seen;
  std::mutex guard;
  std::condition_variable bell;
  int rings = 0;
};

inline std::vector<int> everyone(int n) {
  std::vector<int> all;
  for (int r = 0; r < n; ++r) all.push_back(r);
  return all;
}

/// Entries of a directory of /proc/self, or 0 where there is none.
inline std::ptrdiff_t entries(char const* what) {
  std::error_code none;
  std::filesystem::directory_iterator it(std::string("/proc/self/") + what, none);
  return none ? 0 : std::distance(it, std::filesystem::directory_iterator{});
}

}  // namespace worlds
