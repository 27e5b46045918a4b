// SPDX-License-Identifier: BSL-1.0
// Calls of all kinds whose results are known, to be broken at any point.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "harness.hpp"

namespace faults {

inline constexpr std::array eight{collective::broadcast,      collective::reduce, collective::allreduce,
                                  collective::scatter,        collective::gather, collective::allgather,
                                  collective::reduce_scatter, collective::barrier};
/// With `send`, ranks in a ring send and receive in turn.
inline constexpr std::array others{collective::alltoall, collective::scan, collective::exscan,
                                   tutti::plan::message::send, tutti::plan::message::neighbour_exchange};

/// Repeats one collective; sizes go round from 1 B to 1 MiB and roots from rank to rank. A call that returns has given
/// the right result: no partial success.
class workload {
 public:
  void operator()(tutti::communicator& world, collective what, seat& self) {
    constexpr std::array<std::size_t, 6> sizes{1, 64, 4096, 65'536, 1000, std::size_t{1} << 20U};
    auto const p = static_cast<std::size_t>(world.size());
    std::size_t const n = sizes[self.calls % sizes.size()];
    int const root = static_cast<int>(self.calls / 2 % p);
    auto const stamp = static_cast<std::uint8_t>(self.calls % 50);
    bool const is_root = root == world.rank();
    if (what == tutti::plan::message::send) return around(world, n, stamp, self);
    self.begins(what);
    if (what == tutti::plan::message::neighbour_exchange) return with_neighbours(world, n, stamp);
    if (what == collective::barrier) return barrier(world);
    auto const sum = static_cast<std::uint8_t>(stamp * p);
    switch (what) {
      case collective::broadcast:
        fill(one_, n, is_root ? stamp : std::uint8_t{200});
        broadcast(world, one_, root);
        return expect(one_, stamp);
      case collective::reduce:
        fill(one_, n, stamp);
        reduce(world, one_, tutti::sum, root);
        return expect(one_, is_root ? sum : stamp);
      case collective::allreduce:
        fill(one_, n, stamp);
        allreduce(world, one_);
        return expect(one_, sum);
      case collective::scatter:
        fill(all_, (n + p - 1) / p * p, is_root ? stamp : std::uint8_t{200});
        fill(one_, all_.size() / p, 201);
        scatter(world, all_, one_, root);
        return expect(one_, stamp);
      case collective::gather:
        fill(one_, (n + p - 1) / p, stamp);
        fill(all_, one_.size() * p, 201);
        gather(world, one_, all_, root);
        return expect(all_, is_root ? stamp : std::uint8_t{201});
      case collective::allgather:
        fill(one_, (n + p - 1) / p, stamp);
        fill(all_, one_.size() * p, 201);
        allgather(world, one_, all_);
        return expect(all_, stamp);
      case collective::alltoall:
        fill(all_, (n + p - 1) / p * p, stamp);
        fill(other_, all_.size(), 201);
        alltoall(world, all_, other_);
        return expect(other_, stamp);
      case collective::scan:
        fill(one_, n, stamp);
        scan(world, one_);
        return expect(one_, static_cast<std::uint8_t>(stamp * (world.rank() + 1)));
      case collective::exscan:
        fill(one_, n, stamp);
        exscan(world, one_);
        return expect(one_, static_cast<std::uint8_t>(stamp * (std::max)(world.rank(), 1)));
      default:
        fill(all_, (n + p - 1) / p * p, stamp);
        fill(one_, all_.size() / p, 201);
        reduce_scatter(world, all_, one_);
        return expect(one_, sum);
    }
  }

 private:
  void around(tutti::communicator& world, std::size_t n, std::uint8_t stamp, seat& self) {
    int const p = world.size();
    fill(one_, n, stamp);
    fill(other_, n, 201);
    for (int turn = 0; turn < 2; ++turn) {
      bool const sends = (world.rank() + turn) % 2 == 0;
      self.begins(sends ? tutti::plan::message::send : tutti::plan::message::recv);
      if (sends)
        send(world, one_, (world.rank() + 1) % p);
      else
        recv(world, other_, (world.rank() + p - 1) % p);
    }
    expect(other_, stamp);
  }
  void with_neighbours(tutti::communicator& world, std::size_t n, std::uint8_t stamp) {
    int const p = world.size();
    tutti::ragged<std::uint8_t> out;
    fill(one_, n, stamp);
    out.push_back(one_);
    auto const in = neighbour_exchange(
        world, tutti::neighbours::directed({(world.rank() + 1) % p}, {(world.rank() + p - 1) % p}), out);
    other_.assign(in[0].begin(), in[0].end());
    if (other_.size() != n) throw std::runtime_error("a neighbour's block has another length");
    expect(other_, stamp);
  }
  static void fill(std::vector<std::uint8_t>& v, std::size_t n, std::uint8_t with) { v.assign(n, with); }
  static void expect(std::vector<std::uint8_t> const& v, std::uint8_t value) {
    for (std::uint8_t x : v)
      if (x != value) throw std::runtime_error("wrong result: " + std::to_string(x) + ", not " + std::to_string(value));
  }
  std::vector<std::uint8_t> one_;
  std::vector<std::uint8_t> all_;
  std::vector<std::uint8_t> other_;
};

}  // namespace faults
