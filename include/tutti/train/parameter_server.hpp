// SPDX-License-Identifier: BSL-1.0
// A parameter server: some ranks keep the weights, the others compute gradients and need not wait for each other.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/broadcast.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/math.hpp>
#include <tutti/core/op.hpp>
#include <tutti/engine/messages.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/shard/replicate.hpp>
#include <tutti/train/server_rows.hpp>
#include <tutti/train/worker_clocks.hpp>

namespace tutti::inline TUTTI_ABI {

/// What all servers together did.
struct server_report {
  std::uint64_t gradients = 0;  ///< that workers sent
  std::uint64_t steps = 0;      ///< of the optimiser, on the server that made the most
  std::uint64_t spread = 0;     ///< the widest that two workers were apart at any time, in steps
};

// Push and pull in one exchange.
// Why     a worker sends each server its share of a gradient, and the answer is the server's share of newer weights:
//         one round trip per step. A server answers whom the rule lets go on, the slowest first, and steps the weights
//         only then, by the mean of all gradients that have come since. So under bsp that is one step on the mean of
//         all workers' gradients, folded as an allreduce folds them, and under asp one step per gradient.
// Cost    2 messages per worker, server and step; a server keeps one row of its share per worker.
// See     Li et al. 2014; Ho et al. 2013 (ssp).
/// The first `servers` ranks keep the weights, cut evenly among them; the others are workers. A world of one is both.
/// `rule`: bsp{}, ssp{n} or asp{}. `optimizer`: anything whose step(weights, gradient) treats each weight by itself;
/// so not
/// lars; each server has its own. The communicator must outlive this.
template <transport::streams S, class Optimizer>
class parameter_server {
 public:
  class worker;

  parameter_server(basic_communicator<S>& comm, Optimizer optimizer, ssp rule = bsp{}, int servers = 1)
      : comm_(&comm), rule_(rule), servers_(servers), kept_(std::move(optimizer)) {
    if (servers < 1 || (servers >= comm.size() && comm.size() > 1))
      throw error(error_kind::config, "parameter_server: " + std::to_string(servers) + " servers in a world of " +
                                          std::to_string(comm.size()) +
                                          ": there must be a server, and a rank left that works");
    if (comm.size() == 1) servers_ = 1;
  }

  /// Collective. Replicates the model of rank 0, calls work(worker&) on every worker, and serves on the others until
  /// all have returned. Every rank ends with the same model, that of the servers. Servers, and workers that
  /// are through, wait as long as others compute, unless `how.timeout` says otherwise. Called again, it goes on with
  /// the same optimisers.
  template <class M, class Work>
  server_report train(M& model, Work work, options how = {}) {
    replicate(*comm_, model, how);
    rows_ = detail::server_rows(model, servers_);
    row_.resize(rows_.bytes_of_all());
    options patient = how;  // idle is how a server should be, and a worker that is through early
    if (how.timeout.count() == 0) patient.timeout = std::chrono::hours(24 * 365);
    std::uint64_t did[3] = {0, 0, 0};
    if (comm_->rank() < servers_) {
      auto const me = static_cast<std::size_t>(comm_->rank());
      rows_.pack(model, 0, row_);
      kept_.begin(rows_.numbers(rows_.row(row_, me), me));
    }
    if (comm_->rank() >= servers_ || comm_->size() == 1) {
      worker mine(*this, how);
      work(mine);
      mine.leave();
      if (comm_->size() == 1) did[0] = mine.clock();
    } else {
      detail::worker_clocks clocks(static_cast<std::size_t>(comm_->size() - servers_), rule_);
      did[0] = serve(clocks, patient);
      did[2] = clocks.widest();
    }
    did[1] = kept_.steps();
    allreduce(*comm_, did, max, patient);
    collect(model, how);
    return {did[0], did[1], did[2]};
  }

  /// How many ranks keep weights, and how many compute.
  [[nodiscard]] int servers() const noexcept { return servers_; }
  [[nodiscard]] int workers() const noexcept { return comm_->size() == 1 ? 1 : comm_->size() - servers_; }

 private:
  static constexpr int tag = -4;

  static void describe(engine::letter& m, int peer) {
    m.peer = peer;
    m.tag = tag;
    m.element = element_code<std::byte>();
    m.element_size = 1;
  }

  /// Returns how many gradients came.
  std::uint64_t serve(detail::worker_clocks& clocks, options const& how) {
    auto const me = static_cast<std::size_t>(comm_->rank());
    std::size_t const size = rows_.bytes_of(me);
    std::vector<std::byte> memory(clocks.size() * size);
    std::vector<bytes> row(clocks.size());
    std::vector<engine::outgoing> out(clocks.size());
    std::vector<engine::incoming> in(clocks.size());
    std::vector<bool> hears(clocks.size(), true), speaks(clocks.size(), false), fresh(clocks.size(), false);
    for (std::size_t k = 0; k < clocks.size(); ++k) {
      row[k] = std::span(memory).subspan(k * size, size);
      describe(out[k], servers_ + static_cast<int>(k));
      describe(in[k], servers_ + static_cast<int>(k));
      out[k].data = row[k];
      in[k].owner = &row[k];
      in[k].grow = &parameter_server::room;
      comm_->messages().hold(out[k]);
    }
    std::vector<bytes> unused;  // the gradients that are fresh: no step has used them
    unused.reserve(clocks.size());
    std::uint64_t gradients = 0;
    auto const look = [&] {
      auto& messages = comm_->messages();
      for (std::size_t k = 0; k < clocks.size(); ++k) {
        if (speaks[k] && messages.finished(out[k])) {
          speaks[k] = false;
          hears[k] = true;
          messages.again(in[k]);
        }
        if (!hears[k] || !messages.finished(in[k])) continue;
        hears[k] = false;
        if (in[k].size == 0) {
          clocks.leave(k);
          continue;
        }
        if (in[k].size != size) refuse(in[k].size, size);
        fresh[k] = true;
        clocks.ask(k);
        ++gradients;
      }
      for (std::size_t k = clocks.grant(); k < clocks.size(); k = clocks.grant()) {
        unused.clear();
        for (std::size_t w = 0; w < clocks.size(); ++w)
          if (fresh[w]) unused.push_back(row[w]);
        kept_.step(rows_, me, unused);
        fresh.assign(fresh.size(), false);
        kept_.copy_to(rows_.numbers(row[k], me));
        speaks[k] = true;
        messages.again(out[k]);
      }
      return clocks.present() == 0;
    };
    auto& messages = comm_->messages();
    messages.run(plan::message::recv, how, [&] { messages.exchange_until(out, in, look); });
    return gradients;
  }
  static bytes room(void* owner, std::size_t size) {
    bytes const row = *static_cast<bytes*>(owner);
    if (size > row.size()) refuse(size, row.size());
    return row.first(size);
  }
  [[noreturn]] static void refuse(std::uint64_t got, std::size_t expected) {
    throw error(error_kind::protocol, "parameter_server: a worker sent " + std::to_string(got) + " bytes where " +
                                          std::to_string(expected) + " were expected");
  }

  /// Every server's weights to everyone.
  template <class M>
  void collect(M& model, options how) {
    for (std::size_t s = 0; s < rows_.size(); ++s) {
      bytes const row = rows_.row(row_, s);
      how.root = static_cast<int>(s);
      if (comm_->rank() == how.root) kept_.copy_to(rows_.numbers(row, s));
      detail::broadcast_span(*comm_, row, how);
    }
    rows_.unpack(row_, model);
  }

  basic_communicator<S>* comm_;
  ssp rule_;
  int servers_;
  detail::server_rows rows_;
  std::vector<std::byte> row_;  // of all servers: a gradient on its way out, weights on their way in
  detail::kept_weights<Optimizer> kept_;
};

/// What work() is handed. Its rank() and size() are among the workers, as a sampler wants them.
template <transport::streams S, class Optimizer>
class parameter_server<S, Optimizer>::worker {
 public:
  [[nodiscard]] int rank() const noexcept {
    return from_.comm_->size() == 1 ? 0 : from_.comm_->rank() - from_.servers_;
  }
  [[nodiscard]] int size() const noexcept { return from_.workers(); }
  /// Steps made so far.
  [[nodiscard]] std::uint64_t clock() const noexcept { return clock_; }

  /// Sends `gradient`, a sum over `weight` samples, and replaces the weights of `model` by the newest ones. Blocks
  /// until the rule lets this worker go on. Workers may make different numbers of steps. One without samples gives
  /// zeros and weight 0.
  template <class M, class G>
  void step(M& model, G const& gradient, double weight = 1) {
    if (!(weight >= 0) || math::isinf(weight))
      throw error(error_kind::config, "parameter_server: a weight must be a number, zero or more");
    auto& rows = from_.rows_;
    rows.pack(gradient, weight, from_.row_);
    if (from_.comm_->size() == 1) {
      bytes const row = from_.row_;
      from_.kept_.step(rows, 0, {&row, 1});
      from_.kept_.copy_to(rows.numbers(row, 0));
    } else {
      for (std::size_t s = 0; s < rows.size(); ++s) {
        // The answer comes when the server has all of the question, so both may lie in the same memory.
        out_[s].data = in_[s].into = rows.row(from_.row_, s);
        out_[s].done = in_[s].done = 0;
        in_[s].matched = false;
      }
      from_.comm_->messages().run(plan::message::sendrecv, out_, in_, how_);
    }
    rows.unpack(from_.row_, model);
    ++clock_;
  }

 private:
  friend class parameter_server;
  worker(parameter_server& from, options const& how)
      : from_(from), how_(how), out_(from.rows_.size()), in_(from.rows_.size()) {
    for (std::size_t s = 0; s < out_.size(); ++s) {
      parameter_server::describe(out_[s], static_cast<int>(s));
      parameter_server::describe(in_[s], static_cast<int>(s));
    }
  }
  void leave() {
    if (from_.comm_->size() == 1) return;
    for (auto& m : out_) {
      m.data = {};
      m.done = 0;
    }
    from_.comm_->messages().run(plan::message::send, out_, {}, how_);
  }

  parameter_server& from_;
  options how_;
  std::vector<engine::outgoing> out_;
  std::vector<engine::incoming> in_;
  std::uint64_t clock_ = 0;
};

template <transport::streams S, class Optimizer>
parameter_server(basic_communicator<S>&, Optimizer, ssp = bsp{}, int = 1) -> parameter_server<S, Optimizer>;

}  // namespace tutti::inline TUTTI_ABI
