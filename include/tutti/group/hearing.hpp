// SPDX-License-Identifier: BSL-1.0
// What the ranks say on their control connections, frame by frame, as facts for the rulings.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tutti/core/on_use.hpp>
#include <tutti/group/control_frame.hpp>
#include <tutti/group/rulings.hpp>

namespace tutti::inline TUTTI_ABI::group {

template <class Use = on_use>
class basic_hearing {
 public:
  explicit basic_hearing(basic_rulings<Use>& judge) : rulings_(judge) {}

  /// Anything from a rank is a sign of life. Verdicts are not taken here: they are not facts.
  void take(int rank, basic_control_frame<Use> const& f, clock::time_point now) {
    rulings_.alive(rank, now);
    speaker& s = speakers_[rank];
    switch (f.what) {
      case message::beat:
        s.expected = f.token;
        s.running.clear();
        break;
      case message::sight:
        if (s.expected > s.running.size()) s.running.push_back(to_sighting(f, now));
        break;
      case message::complaint:
        rulings_.complain(to_complaint(f, rank), now);
        break;
      case message::asked:
        s.said = {true, f.flag, to_sighting(f, now), {}, f.text};
        break;
      case message::latest:
        s.said.latest = to_sighting(f, now);
        rulings_.answers(rank, f.token, std::exchange(s.said, {}));
        break;
      case message::abort:
        rulings_.aborted(rank, f.text);
        break;
      case message::goodbye:
        rulings_.left(rank);
        break;
      default:
        break;
    }
    if ((f.what == message::beat || f.what == message::sight) && s.running.size() == s.expected)
      rulings_.sees(rank, s.running, now);
  }

 private:
  /// What a rank has said so far of something that takes several frames.
  struct speaker {
    std::uint64_t expected = 0;
    std::vector<sighting> running{};
    answer said{};
  };

  basic_rulings<Use>& rulings_;
  std::unordered_map<int, speaker> speakers_;
};

}  // namespace tutti::inline TUTTI_ABI::group
