// SPDX-License-Identifier: BSL-1.0
// What part of whose model a rank takes when it meets its neighbours: takes a graph, hands down weights.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/collective/allgather.hpp>
#include <tutti/collective/neighbour_exchange.hpp>
#include <tutti/core/error.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/trainable_tensors.hpp>

namespace tutti::inline TUTTI_ABI {

/// One rank's row of the matrix W: x becomes own x + the sum of weights[i] times the x of peers[i]. Models keep their
/// mean if the columns of W, and agree in the end if its rows too, sum to 1.
struct mixing {
  std::vector<int> peers{};  ///< ascending
  double own = 1;
  std::vector<double> weights{};
};

/// The ranks before and after this one, in a circle; one of them in a world of two, none in a world of one.
template <transport::streams S>
[[nodiscard]] neighbours ring_of(basic_communicator<S> const& comm) {
  int const p = comm.size();
  std::vector<int> both;
  if (p > 1) both.push_back((comm.rank() + 1) % p);
  if (p > 2) both.push_back((comm.rank() + p - 1) % p);
  return neighbours(std::move(both));
}
/// All other ranks.
template <transport::streams S>
[[nodiscard]] neighbours everyone_in(basic_communicator<S> const& comm) {
  std::vector<int> others;
  for (int r = 0; r < comm.size(); ++r)
    if (r != comm.rank()) others.push_back(r);
  return neighbours(std::move(others));
}

/// Collective. Metropolis weights (Xiao, Boyd & Kim 2007): ranks a and b that are joined by an edge give each other
/// 1 / (1 + the larger of their degrees). They are symmetric and sum to 1, whatever the graph; on a connected one all
/// models come together. Throws `config` on every rank if an edge is named by one of its ends only, or twice, or leads
/// back to its own rank.
template <transport::streams S>
[[nodiscard]] mixing metropolis(basic_communicator<S>& comm, neighbours const& mine, options how = {}) {
  std::vector<int> ends(mine.to);
  std::sort(ends.begin(), ends.end());
  auto sorted_from = mine.from;
  std::sort(sorted_from.begin(), sorted_from.end());
  if (ends != sorted_from) ends.assign(1, -1);  // every rank must hear of it
  auto const graph = allgather(comm, ends, how);
  auto const joined = [&](int a, int b) {
    auto const list = graph[static_cast<std::size_t>(a)];
    return std::count(list.begin(), list.end(), b);
  };
  for (int a = 0; a < comm.size(); ++a)
    for (int const b : graph[static_cast<std::size_t>(a)])
      if (b < 0 || b >= comm.size() || b == a || joined(a, b) != 1 || joined(b, a) != 1)
        throw error(
            error_kind::config,
            "metropolis: the edges of rank " + std::to_string(a) +
                " are not those of a graph without directions, loops and double edges, of which both ends know");
  mixing all;
  all.peers = ends;
  auto const degree = [&](int r) { return graph[static_cast<std::size_t>(r)].size(); };
  for (int const b : ends) {
    all.weights.push_back(1.0 / static_cast<double>(1 + (std::max)(degree(comm.rank()), degree(b))));
    all.own -= all.weights.back();
  }
  return all;
}

namespace detail {

/// Exchanges rows of numbers with the peers, and mixes.
template <transport::streams S>
class mixer {
 public:
  mixer(basic_communicator<S>& comm, mixing how) : comm_(&comm), how_(std::move(how)), theirs_(how_.peers.size()) {
    if (how_.weights.size() != how_.peers.size())
      throw error(error_kind::config, "gossip: " + std::to_string(how_.weights.size()) + " weights for " +
                                          std::to_string(how_.peers.size()) + " peers");
    for (int const peer : how_.peers)
      if (peer < 0 || peer >= comm.size() || peer == comm.rank())
        throw error(error_kind::config,
                    "gossip: rank " + std::to_string(peer) + " is no peer of rank " + std::to_string(comm.rank()));
  }

  /// Each of `rows`, of the same lengths on all peers, becomes its mixture; one message per peer and row.
  void mix(std::span<per_weight* const> rows, options const& how) {
    out_.clear();
    in_.clear();
    for (std::size_t i = 0; i < theirs_.size(); ++i) {
      theirs_[i].resize(rows.size());
      for (std::size_t k = 0; k < rows.size(); ++k) {
        post(rows[k]->f32, theirs_[i][k].f32, how_.peers[i]);
        post(rows[k]->f64, theirs_[i][k].f64, how_.peers[i]);
      }
    }
    comm_->messages().run(plan::message::neighbour_exchange, out_, in_, how);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      combine<float>(*rows[k], k);
      combine<double>(*rows[k], k);
    }
  }

 private:
  static constexpr int tag = -5;

  template <class T>
  void post(std::vector<T> const& mine, std::vector<T>& theirs, int peer) {
    if (mine.empty()) return;
    theirs.resize(mine.size());
    out_.push_back(outgoing_message<std::vector<T>>(mine, peer, tag).get());
    std::span<T> into(theirs);
    in_.push_back(incoming_message<std::span<T>>(into, peer, tag).get());
  }
  template <class T>
  void combine(per_weight& row, std::size_t k) {
    auto& mine = row.of<T>();
    T const own = static_cast<T>(how_.own);
    for (T& x : mine) x *= own;
    for (std::size_t i = 0; i < theirs_.size(); ++i) {
      auto const& other = theirs_[i][k].template of<T>();
      T const weight = static_cast<T>(how_.weights[i]);
      for (std::size_t j = 0; j < mine.size(); ++j) mine[j] += weight * other[j];
    }
  }

  basic_communicator<S>* comm_;
  mixing how_;
  std::vector<std::vector<per_weight>> theirs_;  // by peer and row
  std::vector<engine::outgoing> out_;
  std::vector<engine::incoming> in_;
};

}  // namespace detail
}  // namespace tutti::inline TUTTI_ABI
