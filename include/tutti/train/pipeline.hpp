// SPDX-License-Identifier: BSL-1.0
// Runs a pipeline: takes a schedule and this rank's stages, computes their passes in its order, and passes activations
// and gradients on between ranks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tutti/collective/allreduce.hpp>
#include <tutti/collective/send.hpp>
#include <tutti/core/error.hpp>
#include <tutti/core/hash.hpp>
#include <tutti/group/communicator.hpp>
#include <tutti/train/pipeline_events.hpp>
#include <tutti/train/pipeline_fault.hpp>
#include <tutti/train/pipeline_schedule.hpp>

namespace tutti::inline TUTTI_ABI {

/// A piece of a model that can be trained in a pipeline. `forward(in, microbatch)` returns what the next stage gets;
/// `in` is empty in the first stage, and what the last stage returns is dropped. `backward(gout, microbatch)` gets the
/// gradient by what forward() returned, empty in the last stage, and returns the gradient by `in`, dropped in the
/// first. Either may return void where nothing is wanted. Both get an rvalue: move or swap it out to keep it, else it
/// is reused.
template <class Stage, class Activation>
concept pipeline_stage = requires(Stage& s, Activation a, int microbatch) {
  s.forward(std::move(a), microbatch);
  s.backward(std::move(a), microbatch);
};

namespace detail {
template <class Stages, class Activation>
concept range_of_stages = requires(Stages& all) {
  requires pipeline_stage<std::remove_reference_t<decltype(*std::begin(all))>, Activation>;
  std::size(all);
};
}  // namespace detail

/// A step of training, each rank computing some stages of the model. `Activation` is what a stage gets from another
/// one: anything that can be received and default-constructed, of any length; a stage may return any buffer of the same
/// elements, or a reference to one, valid until its next pass begins.
///
/// Passes of a stage are made in increasing order of microbatches, forward and backward. So a stage that hands its
/// gradient to `data_parallel{pipe.replicas(), gradient, microbatches}` with `dp.add(microbatch, gradient, weight)`
/// ends with the bits that data parallel training with as many slots gives on any number of ranks.
template <class Activation = std::vector<float>, transport::streams S = transport::any>
class pipeline {
 public:
  /// Collective on `comm`, which must outlive this; the schedule is the same on all ranks. Throws config if it cannot
  /// run, needs more ranks than there are, or is another elsewhere.
  pipeline(basic_communicator<S>& comm, pipeline_schedule schedule)
      : comm_(&comm), plan_(std::move(schedule)), replicas_(prepare()) {
    kept_.resize(2 * stages_.size() * static_cast<std::size_t>(plan_.shape.microbatches));
  }

  [[nodiscard]] pipeline_schedule const& schedule() const noexcept { return plan_; }
  /// The stages of this rank, in increasing order; a surplus rank has none.
  [[nodiscard]] std::vector<int> const& stages() const noexcept { return stages_; }
  /// The ranks with the same stages, this one among them: over them gradients are summed.
  [[nodiscard]] basic_communicator<S>& replicas() noexcept { return replicas_; }
  [[nodiscard]] basic_communicator<S> const& replicas() const noexcept { return replicas_; }
  /// The lowest rank that has a stage: the root from which its weights can be broadcast.
  [[nodiscard]] int root(int stage) const { return plan_.replicas.at(static_cast<std::size_t>(stage)).front(); }
  /// From now on run() adds an event for each pass; null: no more.
  void record(std::vector<pipeline_event>* events) noexcept { events_ = events; }

  /// One step: all passes of this rank. `mine`: the stage of this rank, or a range of them in the order of stages().
  /// Blocks until this rank is done; between passes it waits for others, as long as `how.timeout` says.
  template <class Stages>
  void run(Stages&& mine, options how = {}) {
    if (how.label.empty()) how.label = "pipeline";
    auto const& actions = plan_.actions[static_cast<std::size_t>(comm_->rank())];
    if constexpr (pipeline_stage<std::remove_reference_t<Stages>, Activation>) {
      check_count(1);
      run_with(
          actions, [&](int) -> auto& { return mine; }, how);
    } else {
      static_assert(
          detail::range_of_stages<Stages, Activation>,
          "tutti: a stage of a pipeline has forward(in, microbatch) and backward(gout, microbatch); give run() "
          "one, or a range of them.");
      check_count(static_cast<std::size_t>(std::size(mine)));
      run_with(
          actions, [&](int stage) -> auto& { return *std::next(std::begin(mine), place_of(stage)); }, how);
    }
  }

 private:
  static constexpr int first_tag = -1000;

  basic_communicator<S> prepare() {
    if (auto const fault = pipeline_fault(plan_, SIZE_MAX); !fault.empty())
      throw error(error_kind::config, "pipeline: this schedule cannot run: " + fault);
    if (plan_.actions.size() > static_cast<std::size_t>(comm_->size()))
      throw error(error_kind::config, "pipeline: this schedule is for " + std::to_string(plan_.actions.size()) +
                                          " ranks, and there are " + std::to_string(comm_->size()));
    agree();
    plan_.actions.resize(static_cast<std::size_t>(comm_->size()));  // the others have nothing to do
    std::vector<int> same{comm_->rank()};
    for (int stage = 0; stage < plan_.shape.stages; ++stage) {
      auto const& ranks = plan_.replicas[static_cast<std::size_t>(stage)];
      if (std::find(ranks.begin(), ranks.end(), comm_->rank()) == ranks.end()) continue;
      stages_.push_back(stage);
      same = ranks;
    }
    return comm_->subgroup(same);
  }
  void agree() {
    fnv1a hash;
    for (auto const& ranks : plan_.replicas)
      for (int const r : ranks) hash.add(static_cast<std::uint64_t>(r));
    for (auto const& actions : plan_.actions)
      for (pipeline_action const& a : actions)
        hash.add(static_cast<std::uint64_t>(a.stage)).add(static_cast<std::uint64_t>(a.microbatch * 2 + a.backward));
    auto const mine = static_cast<std::int64_t>(hash.value() >> 1U);
    std::int64_t most_and_least[2] = {mine, -mine};
    allreduce(*comm_, most_and_least, max, {.label = "pipeline"});
    if (most_and_least[0] != -most_and_least[1])
      throw error(error_kind::config, "pipeline: the ranks were given different schedules: give all the same");
  }
  void check_count(std::size_t given) const {
    if (given == stages_.size() || stages_.empty()) return;
    throw error(error_kind::config, "pipeline: rank " + std::to_string(comm_->rank()) + " has " +
                                        std::to_string(stages_.size()) + " stages and was given " +
                                        std::to_string(given) + ": give one for each of stages()");
  }
  [[nodiscard]] std::ptrdiff_t place_of(int stage) const {
    return std::lower_bound(stages_.begin(), stages_.end(), stage) - stages_.begin();
  }
  /// Where a result stays that the same rank needs; named by the action that needs it.
  [[nodiscard]] Activation& kept(pipeline_action const& a) {
    auto const place = static_cast<std::size_t>(place_of(a.stage)) * 2 + (a.backward ? 1 : 0);
    return kept_[place * static_cast<std::size_t>(plan_.shape.microbatches) + static_cast<std::size_t>(a.microbatch)];
  }
  [[nodiscard]] int owner(pipeline_action const& a) const { return plan_.owner(a.stage, a.microbatch); }
  [[nodiscard]] static int tag_of(pipeline_action const& a) noexcept {
    return first_tag - 2 * a.stage - (a.backward ? 1 : 0);
  }

  template <class StageOf>
  void run_with(std::vector<pipeline_action> const& actions, StageOf stage_of, options const& how) {
    if (actions.empty()) return;
    exchange(nullptr, &actions.front(), how);
    for (std::size_t i = 0; i < actions.size(); ++i) {
      pipeline_action const& a = actions[i];
      pipeline_action const* const next = i + 1 < actions.size() ? &actions[i + 1] : nullptr;
      auto& stage = stage_of(a.stage);
      if (a.backward)
        pass(a, next, how, [&]() -> decltype(auto) { return stage.backward(std::move(input()), a.microbatch); });
      else
        pass(a, next, how, [&]() -> decltype(auto) { return stage.forward(std::move(input()), a.microbatch); });
    }
  }
  /// Computes `a`, passes its result on, and brings in what `next` needs.
  template <class Compute>
  void pass(pipeline_action const& a, pipeline_action const* next, options const& how, Compute compute) {
    using result = decltype(compute());
    clock::time_point const begin = events_ != nullptr ? comm_->now() : clock::time_point{};
    pipeline_action to;
    bool const wanted = plan_.output_of(a, to);
    if constexpr (std::is_void_v<result>) {
      compute();
      note(a, begin);
      if (wanted)
        throw error(error_kind::config, "pipeline: " + to_string(a) + " returns nothing, and stage " +
                                            std::to_string(to.stage) + " needs what it returns");
      exchange(nullptr, next, how);
    } else {
      // A reference to an rvalue may be to our own buffer: what it refers to is taken over.
      std::conditional_t<std::is_lvalue_reference_v<result>, result, std::remove_cvref_t<result>> out = compute();
      note(a, begin);
      if (!wanted) {
        exchange(nullptr, next, how);
      } else if (int const peer = owner(to); peer == comm_->rank()) {
        keep(std::forward<result>(out), kept(to));
        exchange(nullptr, next, how);
      } else {
        detail::outgoing_message<std::remove_cvref_t<result>> message(out, peer, tag_of(to));
        exchange(&message.get(), next, how);
      }
    }
  }
  void note(pipeline_action const& a, clock::time_point begin) {
    if (events_ == nullptr) return;
    events_->push_back({comm_->rank(), a, begin.time_since_epoch(), comm_->now().time_since_epoch()});
  }

  /// Sends `out`, if it is one, while the input of `next` comes in.
  void exchange(engine::outgoing* out, pipeline_action const* next, options const& how) {
    std::size_t const sends = out != nullptr ? 1 : 0;
    pipeline_action from;
    current_ = 1 - current_;  // the last one may be what `out` refers to
    if (next != nullptr && plan_.input_of(*next, from)) {
      if (int const peer = owner(from); peer == comm_->rank()) {
        std::swap(input(), kept(*next));
      } else {
        detail::incoming_message<Activation> message(input(), peer, tag_of(*next));
        auto const what = out != nullptr ? plan::message::sendrecv : plan::message::recv;
        comm_->messages().run(what, {out, sends}, {&message.get(), 1}, how);
        message.deliver();
        return;
      }
    } else if constexpr (requires { input().clear(); }) {
      input().clear();
    } else {
      input() = Activation{};
    }
    if (out != nullptr) comm_->messages().run(plan::message::send, {out, sends}, {}, how);
  }
  [[nodiscard]] Activation& input() noexcept { return inputs_[current_]; }

  template <class Out>
  static void keep(Out&& out, Activation& to) {
    if constexpr (std::is_assignable_v<Activation&, Out&&>) {
      to = std::forward<Out>(out);
    } else {
      static_assert(buffer<std::remove_cvref_t<Out>> && detail::growing_buffer<Activation>,
                    "tutti: a stage of a pipeline returns an Activation, or a buffer of its elements.");
      auto const elements = detail::elements_of(out);
      to.assign(elements.begin(), elements.end());
    }
  }

  basic_communicator<S>* comm_;
  pipeline_schedule plan_;
  std::vector<int> stages_;
  basic_communicator<S> replicas_;
  std::vector<Activation> kept_;
  Activation inputs_[2];  // the one being computed on, and the one coming in
  std::size_t current_ = 0;
  std::vector<pipeline_event>* events_ = nullptr;
};

template <transport::streams S>
pipeline(basic_communicator<S>&, pipeline_schedule) -> pipeline<std::vector<float>, S>;

}  // namespace tutti::inline TUTTI_ABI
