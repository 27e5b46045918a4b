// SPDX-License-Identifier: BSL-1.0
// Whether a pipeline schedule can run: every pass once, where it belongs, after what it needs, and no deadlock however
// few messages a rank can keep before it asks for them. Takes a schedule, hands down a sentence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <tutti/train/pipeline_schedule.hpp>

namespace tutti::inline TUTTI_ABI {

[[nodiscard]] inline std::string to_string(pipeline_action const& a) {
  return (a.backward ? "the backward pass of microbatch " : "the forward pass of microbatch ") +
         std::to_string(a.microbatch) + " in stage " + std::to_string(a.stage);
}

namespace detail {

/// Runs a schedule without computing. A rank passes on what it computed and takes what it computes next in one
/// exchange, which ends when both have met their counterpart. Meanwhile it keeps up to `room` messages it has not asked
/// for; there are no other buffers.
class pipeline_rehearsal {
 public:
  pipeline_rehearsal(pipeline_schedule const& s, std::size_t room)
      : plan_(s),
        room_(room),
        at_(s.actions.size()),
        listed_(2 * static_cast<std::size_t>(s.shape.stages) * static_cast<std::size_t>(s.shape.microbatches)),
        done_(listed_.size()) {}

  [[nodiscard]] std::string fault() {
    if (auto found = layout_fault(); !found.empty()) return found;
    for (int r = 0; r < ranks(); ++r) post(r);
    for (bool any = true; any;) {
      any = false;
      for (int r = 0; r < ranks(); ++r)
        while (met(r)) {
          any = true;
          if (auto found = compute(r); !found.empty()) return found;
        }
    }
    for (int r = 0; r < ranks(); ++r)
      if (of(r).next < list(r).size())
        return "rank " + std::to_string(r) + " waits for ever before " + to_string(list(r)[of(r).next]);
    return {};
  }

 private:
  struct place {
    std::size_t next = 0;               // the action it will compute
    bool sends = false, takes = false;  // what is left of the exchange before it
    pipeline_action sent, taken;        // named by the action that needs it
    std::vector<pipeline_action> kept;
  };

  [[nodiscard]] int ranks() const { return static_cast<int>(plan_.actions.size()); }
  [[nodiscard]] place& of(int r) { return at_[static_cast<std::size_t>(r)]; }
  [[nodiscard]] std::vector<pipeline_action> const& list(int r) const {
    return plan_.actions[static_cast<std::size_t>(r)];
  }
  [[nodiscard]] std::size_t index(pipeline_action const& a) const {
    auto const stages = static_cast<std::size_t>(plan_.shape.stages);
    return (static_cast<std::size_t>(a.microbatch) * stages + static_cast<std::size_t>(a.stage)) * 2 +
           (a.backward ? 1 : 0);
  }

  [[nodiscard]] static std::string here(int r, pipeline_action const& a) {
    return "rank " + std::to_string(r) + " computes " + to_string(a);
  }
  [[nodiscard]] std::string layout_fault() {
    auto const& shape = plan_.shape;
    if (shape.stages < 1 || shape.microbatches < 1 || plan_.replicas.size() != static_cast<std::size_t>(shape.stages))
      return "there must be a stage and a microbatch, and a list of ranks for each stage";
    for (auto const& stage : plan_.replicas) {
      if (stage.empty()) return "a stage has no rank";
      for (int const r : stage)
        if (r < 0 || r >= ranks()) return "a stage is on rank " + std::to_string(r) + ", which has no actions";
      for (auto const& other : plan_.replicas)
        for (int const r : other)
          if (other != stage && std::find(stage.begin(), stage.end(), r) != stage.end())
            return "rank " + std::to_string(r) + " has two stages whose replicas are not the same ranks";
    }
    for (int r = 0; r < ranks(); ++r)
      for (pipeline_action const& a : list(r)) {
        if (a.stage < 0 || a.stage >= shape.stages || a.microbatch < 0 || a.microbatch >= shape.microbatches)
          return here(r, a) + ", which does not exist";
        if (int const rightly = plan_.owner(a.stage, a.microbatch); rightly != r)
          return here(r, a) + ", which is that of rank " + std::to_string(rightly);
        if (listed_[index(a)]) return here(r, a) + " twice";
        listed_[index(a)] = true;
      }
    for (int stage = 0; stage < shape.stages; ++stage)
      for (int m = 0; m < shape.microbatches; ++m)
        for (bool const backward : {false, true})
          if (pipeline_action const a{stage, m, backward}; !listed_[index(a)]) return "nobody computes " + to_string(a);
    return {};
  }
  /// Asks for what the next action needs from another rank.
  void post(int r) {
    place& p = of(r);
    pipeline_action from;
    if (p.next == list(r).size()) return;
    p.taken = list(r)[p.next];
    p.takes = plan_.input_of(p.taken, from) && plan_.owner(from.stage, from.microbatch) != r;
    if (auto const found = std::find(p.kept.begin(), p.kept.end(), p.taken); p.takes && found != p.kept.end()) {
      p.kept.erase(found);
      p.takes = false;
    }
  }
  /// Whether rank r can compute its next action, once the exchange before it has gone as far as it can.
  [[nodiscard]] bool met(int r) {
    place& p = of(r);
    if (p.sends) deliver(r);
    pipeline_action from;
    if (p.takes && plan_.input_of(p.taken, from)) deliver(plan_.owner(from.stage, from.microbatch));
    return !p.sends && !p.takes && p.next < list(r).size();
  }
  void deliver(int sender) {
    place& p = of(sender);
    if (!p.sends) return;
    place& q = of(plan_.owner(p.sent.stage, p.sent.microbatch));
    if (q.takes && q.taken == p.sent) {
      p.sends = q.takes = false;
    } else if (q.kept.size() < room_) {
      q.kept.push_back(p.sent);
      p.sends = false;
    }
  }
  [[nodiscard]] std::string compute(int r) {
    place& p = of(r);
    pipeline_action const a = list(r)[p.next++];
    done_[index(a)] = true;
    pipeline_action other;
    if (plan_.input_of(a, other) && !done_[index(other)]) return here(r, a) + " before " + to_string(other);
    if (a.backward && !done_[index({a.stage, a.microbatch, false})]) return here(r, a) + " before its forward pass";
    if (a.microbatch > 0 && plan_.owner(a.stage, a.microbatch - 1) == r &&
        !done_[index({a.stage, a.microbatch - 1, a.backward})])
      return here(r, a) + " before that of microbatch " + std::to_string(a.microbatch - 1) +
             ": messages and gradients keep the order of microbatches";
    if (plan_.output_of(a, p.sent)) p.sends = plan_.owner(p.sent.stage, p.sent.microbatch) != r;
    post(r);
    return {};
  }

  pipeline_schedule const& plan_;
  std::size_t room_;
  std::vector<place> at_;
  std::vector<bool> listed_, done_;
};

}  // namespace detail

/// One sentence on why a schedule cannot run; empty: it can. `room`: how many messages a rank takes in while it waits
/// for another; with 0, a message blocks its sender until the receiver asks for it, and the receiver until it is there.
[[nodiscard]] inline std::string pipeline_fault(pipeline_schedule const& schedule, std::size_t room = 0) {
  return detail::pipeline_rehearsal(schedule, room).fault();
}

}  // namespace tutti::inline TUTTI_ABI
