// SPDX-License-Identifier: BSL-1.0
// An engine without a group around it: a referee that believes what it is told, ranks as threads over hand-made
// streams, and streams that behave as badly as the concept allows.
#pragma once

#include <doctest/doctest.h>

#include <tutti/collective/allreduce.hpp>
#include <tutti/engine/engine.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/transport/local.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace alone {

namespace te = tutti::engine;
namespace tt = tutti::transport;

/// Every verdict is what was seen.
struct believing : te::referee {
  void enroll(std::shared_ptr<te::watch>) override {}
  tutti::failure judge(te::watch& where, tutti::failure seen, te::frame const*) override {
    where.revoke(seen);
    return seen;
  }
  void abort(std::string) override {}
  void leave() noexcept override {}
};

inline std::vector<int> everyone(int size) {
  std::vector<int> ranks;
  for (int r = 0; r < size; ++r) ranks.push_back(r);
  return ranks;
}

/// body(communicator&) on `size` threads; `make(local, rank)` wraps each rank's pipes. Throws what the first one threw.
template <class S = tt::local, class Body>
void run(
    int size, Body body, std::function<S(tt::local, int)> make = [](tt::local l, int) { return S(std::move(l)); }) {
  auto const hub = std::make_shared<tt::local_hub>();
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      try {
        auto from = std::make_shared<tutti::group::origin<S>>();
        from->streams = [&](std::uint64_t id, std::vector<int> const& members, int r) {
          return make(tt::local(hub, id, members, r), r);
        };
        from->judge = std::make_shared<believing>();
        from->hosts.assign(static_cast<std::size_t>(size), 0);
        tutti::basic_communicator<S> world(from, 1, alone::everyone(size), rank);
        body(world);
      } catch (...) {
        thrown[static_cast<std::size_t>(rank)] = std::current_exception();
      }
    });
  for (std::thread& t : threads) t.join();
  for (std::exception_ptr const& t : thrown)
    if (t) std::rethrow_exception(t);
}

/// Moves few bytes at a time, often says it would have blocked, and comes back early from waiting.
class chaotic {
 public:
  chaotic(tt::local inner, std::uint32_t seed, std::size_t most)
      : inner_(std::move(inner)), random_(seed + 1), most_(most) {}
  [[nodiscard]] int rank() const noexcept { return inner_.rank(); }
  [[nodiscard]] int size() const noexcept { return inner_.size(); }
  tt::moved write_some(int peer, tutti::const_bytes head, tutti::const_bytes body) {
    if (random_() % 3 == 0) return {};
    auto const [h, b] = cut(head.size(), body.size());
    return inner_.write_some(peer, head.first(h), body.first(b));
  }
  tt::moved read_some(int peer, tutti::bytes head, tutti::bytes body) {
    if (random_() % 3 == 0) return {};
    auto const [h, b] = cut(head.size(), body.size());
    return inner_.read_some(peer, head.first(h), body.first(b));
  }
  void wait(std::span<tt::interest const> wanted, tutti::clock::time_point until) {
    if (random_() % 2 == 0) inner_.wait(wanted, until);
  }
  void wake() noexcept { inner_.wake(); }
  void close() noexcept { inner_.close(); }

 private:
  std::pair<std::size_t, std::size_t> cut(std::size_t head, std::size_t body) {
    std::size_t const n = 1 + random_() % most_;
    std::size_t const of_head = (std::min)(n, head);
    return {of_head, (std::min)(n - of_head, body)};
  }
  tt::local inner_;
  std::minstd_rand random_;
  std::size_t most_;
};
static_assert(tt::streams<chaotic>);

}  // namespace alone
