// SPDX-License-Identifier: BSL-1.0
// Where every rank is with respect to one call, and the one line that tells a person who waits for whom.
#pragma once

#include <string>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/group/sighting.hpp>

namespace tutti::inline TUTTI_ABI::group {

struct rank_picture {
  bool member = false;
  bool in_call = false;
  bool done = false;          ///< it was in the call and has ended it
  int waiting_for = -1;       ///< in the call: whose bytes are missing
  std::string whereabouts{};  ///< completes "rank 2 …"
};

template <class Use = on_use>
struct basic_call_picture {
  sighting call{};           ///< as one of the ranks in it sees it
  clock::duration waited{};  ///< by the rank that is in it longest
  std::vector<later<rank_picture, Use>> ranks{};
};
using call_picture = basic_call_picture<>;

/// Where a rank is that has answered a question about call `sequence` of `communicator`, or has not (said.given is
/// false).
template <class Use = on_use>
[[nodiscard]] rank_picture picture_of(bool left, later<answer, Use> const& said,
                                      std::vector<later<sighting, Use>> const& running, std::uint64_t communicator,
                                      std::uint64_t sequence, clock::time_point now) {
  later<rank_picture, Use> r;
  r.member = said.member;
  if (left) {
    r.whereabouts = "has left";
  } else if (!said.given) {
    r.member = true;
    r.whereabouts = "gives no answer";
  } else if (said.asked.what.sequence == sequence && said.asked.running) {
    r.in_call = true;
    r.waiting_for = said.asked.waiting_for;
    r.whereabouts = r.waiting_for >= 0 ? "waits for rank " + std::to_string(r.waiting_for) : "is in the call";
  } else {
    r.done = said.asked.what.sequence == sequence || said.latest.what.sequence > sequence;
    r.whereabouts = r.done ? "has ended this call: " : "has not arrived: ";
    later<sighting, Use> const* elsewhere = said.latest.running ? &said.latest : nullptr;
    for (auto const& s : running)
      if (elsewhere == nullptr && s.what.communicator != communicator) elsewhere = &s;
    if (elsewhere != nullptr) {
      r.whereabouts += "it is in " + name_of(*elsewhere);
      if (elsewhere->what.communicator != communicator) r.whereabouts += " on another communicator";
      if (elsewhere->waiting_for >= 0) r.whereabouts += ", waiting for rank " + std::to_string(elsewhere->waiting_for);
    } else if (!said.member) {
      r.whereabouts += "it has not made this communicator";
    } else if (said.latest.what.sequence == 0) {
      r.whereabouts += "it is in its own code and has made no call yet";
    } else {
      r.whereabouts +=
          "it is in its own code since " + in_seconds(now - said.latest.since) + ", last call " + name_of(said.latest);
    }
  }
  return r;
}

/// "waiting 10.0 s in allreduce #41 'grads' (train.cpp:88): ranks 0, 1 wait for rank 2; rank 2 has not arrived: …".
template <class Use>
[[nodiscard]] std::string describe_stall(basic_call_picture<Use> const& all) {
  later<std::string, Use> text = "waiting " + in_seconds(all.waited) + " in " + name_of(all.call) + ":";
  auto const waiters_of = [&all](std::size_t on) {
    std::vector<std::size_t> who;
    for (std::size_t k = 0; k < all.ranks.size(); ++k)
      if (all.ranks[k].in_call && all.ranks[k].waiting_for == static_cast<int>(on)) who.push_back(k);
    return who;
  };
  char const* comma = " ";
  for (std::size_t on = 0; on < all.ranks.size(); ++on) {
    auto const who = waiters_of(on);
    if (who.empty()) continue;
    text += comma + std::string(who.size() == 1 ? "rank" : "ranks");
    for (std::size_t i = 0; i < who.size(); ++i) text += (i == 0 ? " " : ", ") + std::to_string(who[i]);
    text += (who.size() == 1 ? " waits for rank " : " wait for rank ") + std::to_string(on);
    comma = "; ";
  }
  for (std::size_t k = 0; k < all.ranks.size(); ++k) {
    auto const& r = all.ranks[k];
    bool const awaited = !waiters_of(k).empty();
    if (r.in_call || (!awaited && (!r.member || r.done))) continue;
    text += comma + ("rank " + std::to_string(k)) + " " + r.whereabouts;
    comma = "; ";
  }
  return text;
}

}  // namespace tutti::inline TUTTI_ABI::group
