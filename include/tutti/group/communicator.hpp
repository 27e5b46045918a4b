// SPDX-License-Identifier: BSL-1.0
// The communicator: an ordered group of ranks that call collectives together, with streams of its own.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tutti/core/bytes.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/core/on_use.hpp>
#include <tutti/core/options.hpp>
#include <tutti/engine/engine.hpp>
#include <tutti/engine/messages.hpp>
#include <tutti/engine/referee.hpp>
#include <tutti/transport/any.hpp>

namespace tutti::inline TUTTI_ABI {

/// What a communicator has done since it was made.
struct statistics {
  std::uint64_t bytes_sent = 0;  ///< on its streams, headers included
  std::uint64_t bytes_received = 0;
  std::uint64_t messages_sent = 0;  ///< a collective sends a peer at most one; where counts or objects travel, a few
  std::uint64_t calls = 0;          ///< collective ones
  std::chrono::nanoseconds time_in_calls{0};  ///< collective or not, waiting included
};

namespace group {

/// What all communicators of one process and world share. Its end is the rank's leave.
template <class S>
struct origin {
  std::function<S(std::uint64_t communicator, std::vector<int> const& members, int rank)> streams;
  /// The same for messages, where a sender must not have to wait until the receiver comes; empty: `streams` does.
  std::function<S(std::uint64_t communicator, std::vector<int> const& members, int rank)> messages{};
  std::shared_ptr<engine::referee> judge;
  engine::surroundings around;
  std::vector<int> hosts;  ///< by world rank: equal numbers, same host
  int unwinding = std::uncaught_exceptions();

  origin() = default;
  origin(origin const&) = delete;
  origin& operator=(origin const&) = delete;
  ~origin() {
    if (!judge) return;
    if (std::uncaught_exceptions() > unwinding)
      judge->abort("its program ended with an exception");
    else
      judge->leave();
  }
};

}  // namespace group

template <class S, class... Axes>
class basic_grid;

/// A group of ranks 0 … size()-1. One thread at a time may be inside a call on a communicator; different communicators
/// are independent. Movable (after its started operations have ended: it waits for them), not copyable; moved from, it
/// may only be destroyed or assigned.
template <class S>
class basic_communicator {
  static_assert(transport::streams<S>, "a communicator runs on a transport: see transport/transport.hpp");

 public:
  basic_communicator(std::shared_ptr<group::origin<S>> from, std::uint64_t id, std::vector<int> members, int rank)
      : origin_(std::move(from)) {
    auto seen = std::make_shared<engine::watch>(id, members);
    engine_ = std::make_unique<tutti::TUTTI_ABI::engine::engine<S>>(origin_->streams(id, members, rank),
                                                                    std::move(seen), origin_->judge, origin_->around);
  }

  basic_communicator(basic_communicator&& other)
      : origin_(other.origin_),
        engine_(other.take()),
        messages_(std::move(other.messages_)),
        subgroups_(std::move(other.subgroups_)),
        subgroups_at_(other.subgroups_at_) {}
  basic_communicator& operator=(basic_communicator&& other) {
    if (this == &other) return *this;
    end();
    origin_ = other.origin_;
    messages_.reset();
    engine_ = other.take();
    messages_ = std::move(other.messages_);
    subgroups_ = std::move(other.subgroups_);
    subgroups_at_ = other.subgroups_at_;
    return *this;
  }
  /// Operations that were started and have not ended are brought to their end first; where an exception ends the
  /// program, they fail.
  ~basic_communicator() { end(); }

  [[nodiscard]] int rank() const noexcept { return engine_->rank(); }
  [[nodiscard]] int size() const noexcept { return engine_->size(); }
  /// This rank's place among the ranks of this communicator on the same host, and how many these are.
  [[nodiscard]] int host_rank() const { return on_this_host(rank()); }
  [[nodiscard]] int host_size() const { return on_this_host(size()); }
  /// World ranks of the members, in order.
  [[nodiscard]] std::vector<int> const& members() const noexcept { return engine_->seen()->members(); }

  /// Of all calls so far. Operations under way are brought to their end first, as by a blocking call.
  [[nodiscard]] statistics stats() const {
    if (engine_->behind()) engine_->behind()->finish();
    auto const& moved = engine_->moved();
    auto const messages = messages_ ? messages_->moved() : engine::counters{};
    return {moved.bytes_sent + messages.bytes_sent, moved.bytes_received + messages.bytes_received,
            moved.messages_sent + messages.messages_sent, engine_->calls(),
            engine_->time_in_calls() + (messages_ ? messages_->time_in_calls() : std::chrono::nanoseconds{0})};
  }

  /// This rank's time: of the steady clock, or of the simulated world.
  [[nodiscard]] clock::time_point now() const { return engine_->now(); }
  /// Stands for computing that takes `duration`: a simulated rank's clock moves on by it, a real rank sleeps so long.
  void compute(std::chrono::nanoseconds duration) { engine_->compute(duration); }

  /// Collective. Ranks that give the same `color` form a communicator, ordered by `key`, then by rank.
  [[nodiscard]] basic_communicator split(int color, int key = 0, options how = {}) {
    using choice = std::array<std::int32_t, 2>;  // color and key of one rank
    choice const mine{color, key};
    std::vector<later<choice, S>> all(static_cast<std::size_t>(size()));
    const_bytes const input = std::as_bytes(std::span<choice const>(&mine, 1));
    engine::operation op;
    op.what = plan::collective::allgather;
    op.element = element_code<choice>();
    op.element_size = sizeof mine;
    op.count = 1;
    op.per_rank = true;
    op.inputs = {&input, 1};
    op.output = std::as_writable_bytes(std::span(all));
    op.held = rank();
    op.input_is_part = true;
    engine_->run(op, how);
    std::vector<int> group;
    for (int r = 0; r < size(); ++r)
      if (all[static_cast<std::size_t>(r)][0] == color) group.push_back(r);
    std::stable_sort(group.begin(), group.end(), [&](int a, int b) {
      return all[static_cast<std::size_t>(a)][1] < all[static_cast<std::size_t>(b)][1];
    });
    return child(group, fnv1a()
                            .add(engine_->seen()->communicator())
                            .add(engine_->calls())
                            .add(static_cast<std::uint64_t>(static_cast<std::uint32_t>(color)))
                            .value());
  }
  /// Collective. The same ranks with streams of their own, for another thread or a library.
  [[nodiscard]] basic_communicator dup(options how = {}) { return split(0, rank(), how); }

  /// Called by those in `ranks` alone, in the order of which they are numbered; the others need not know. Sends
  /// nothing: ranks that name different lists find out at their first call on it, by its deadline.
  [[nodiscard]] basic_communicator subgroup(std::vector<int> const& ranks) {
    if (engine_->behind()) engine_->behind()->finish();  // they count as calls
    fnv1a id;
    id.add(engine_->seen()->communicator()).add(engine_->calls()).add(std::string_view("subgroup"));
    for (auto at = ranks.begin(); at != ranks.end(); ++at) {
      if (*at < 0 || *at >= size() || std::find(ranks.begin(), at, *at) != at)
        throw error(failure{
            error_kind::config, -1, "subgroup",
            "rank " + std::to_string(*at) + " is named twice, or is not between 0 and " + std::to_string(size() - 1)});
      id.add(static_cast<std::uint64_t>(*at));
    }
    if (std::find(ranks.begin(), ranks.end(), rank()) == ranks.end())
      throw error(failure{error_kind::config, -1, "subgroup",
                          "rank " + std::to_string(rank()) + " makes a group that it is not in; only members call"});
    if (std::exchange(subgroups_at_, engine_->calls()) != engine_->calls()) subgroups_.clear();
    auto const before = std::count(subgroups_.begin(), subgroups_.end(), id.value());
    subgroups_.push_back(id.value());
    return child(ranks, id.add(static_cast<std::uint64_t>(before)).value());
  }
  /// Called by all, sends nothing: a communicator of the ranks on this host, in their order.
  [[nodiscard]] basic_communicator split_by_host() {
    std::vector<int> here;
    for (int r = 0; r < size(); ++r)
      if (host(r) == host(rank())) here.push_back(r);
    return subgroup(here);
  }
  /// Called by all, sends nothing. The ranks in a box whose axes are types: the last one varies fastest. The sizes must
  /// multiply to size(). See group/grid.hpp.
  template <class... Axes>
  [[nodiscard]] auto grid(std::convertible_to<int> auto... sizes) {
    static_assert(sizeof...(Axes) == sizeof...(sizes) && sizeof...(Axes) > 0, "tutti: a grid has one size per axis.");
    return basic_grid<S, Axes...>(*this, {static_cast<int>(sizes)...});
  }

  /// Collective. Whether all ranks said yes, on every rank.
  [[nodiscard]] bool agree(bool yes, options how = {}) {
    unsigned char all = yes ? 1 : 0;
    engine::operation op;
    op.what = plan::collective::allreduce;
    op.element = element_code<bool>();
    op.op = op_code<logical_and_op>;
    op.fold = engine::make_reducer<unsigned char>(logical_and);
    op.count = 1;
    op.output = std::as_writable_bytes(std::span(&all, 1));
    engine_->run(op, how);
    return all != 0;
  }

  /// Gives up: every rank of the world throws `aborted` with `reason` at this or its next call. Throws it here too.
  [[noreturn]] void abort(std::string reason) {
    give_up(reason);
    failure why = engine_->seen()->revoked() ? engine_->seen()->why()
                                             : failure{error_kind::aborted, members()[index()], {}, std::move(reason)};
    throw error(std::move(why));
  }
  /// The same without the throw, for a program that is ending anyway.
  void give_up(std::string const& reason) { engine_->judge()->abort(reason); }
  /// This rank will make no more calls here; the others learn it at theirs. Later calls throw `revoked`.
  void revoke(std::string reason = "revoked by its own rank") {
    engine_->seen()->revoke({error_kind::revoked, members()[index()], {}, std::move(reason)});
    if (messages_) messages_->seen()->revoke(engine_->seen()->why());
  }

  /// For the collectives: what runs plans.
  [[nodiscard]] auto& engine() noexcept { return *engine_; }
  /// For send, recv and their kin: made with the first of them.
  [[nodiscard]] auto& messages() {
    if (!messages_) {
      std::uint64_t const id = engine::twin(engine_->seen()->communicator());
      auto seen = std::make_shared<engine::watch>(id, members());
      auto const& streams = origin_->messages ? origin_->messages : origin_->streams;
      messages_ = std::make_unique<tutti::TUTTI_ABI::engine::messages<S>>(
          streams(id, members(), rank()), seen, origin_->judge, origin_->around.crowded, origin_->around.call_timeout);
    }
    messages_->let_wait(engine_->behind().get());
    if (engine_->seen()->revoked()) messages_->seen()->revoke(engine_->seen()->why());
    return *messages_;
  }
  [[nodiscard]] group::origin<S> const& from() const noexcept { return *origin_; }

 private:
  [[nodiscard]] std::size_t index() const noexcept { return static_cast<std::size_t>(rank()); }

  [[nodiscard]] int host(int r) const {
    return origin_->hosts[static_cast<std::size_t>(members()[static_cast<std::size_t>(r)])];
  }
  [[nodiscard]] int on_this_host(int below) const {
    int n = 0;
    for (int r = 0; r < below; ++r) n += host(r) == host(rank()) ? 1 : 0;
    return n;
  }

  basic_communicator child(std::vector<int> const& group, std::uint64_t id) {
    std::vector<int> world;
    int place = 0;
    for (std::size_t i = 0; i < group.size(); ++i) {
      if (group[i] == rank()) place = static_cast<int>(i);
      world.push_back(members()[static_cast<std::size_t>(group[i])]);
    }
    return {origin_, id, std::move(world), place};
  }

  /// Started operations refer to this object, not only to its engine.
  [[nodiscard]] auto take() {
    if (engine_ && engine_->behind()) engine_->behind()->finish();
    return std::move(engine_);
  }
  void end() noexcept {
    if (!engine_ || !engine_->behind()) return;
    if (std::uncaught_exceptions() > origin_->unwinding)
      engine_->seen()->revoke({error_kind::aborted, members()[index()], {}, "its program ended with an exception"});
    engine_->behind()->close();
  }

  std::shared_ptr<group::origin<S>> origin_;
  std::unique_ptr<tutti::TUTTI_ABI::engine::engine<S>> engine_;
  std::unique_ptr<tutti::TUTTI_ABI::engine::messages<S>> messages_{};
  std::vector<std::uint64_t> subgroups_{};  // made since the last collective call, to tell equal ones apart
  std::uint64_t subgroups_at_ = 0;
};

/// The communicator of most programs: its transport is chosen at the join.
using communicator = basic_communicator<transport::any>;

}  // namespace tutti::inline TUTTI_ABI
