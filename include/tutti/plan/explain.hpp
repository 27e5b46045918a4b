// SPDX-License-Identifier: BSL-1.0
// Why a call takes the algorithm it takes, in words: every algorithm of the collective, what it is predicted to cost,
// and what forbids it.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

#include <tutti/core/on_use.hpp>
#include <tutti/plan/choose.hpp>

namespace tutti::inline TUTTI_ABI::plan {

/// One line for each algorithm, the chosen one marked. Times are predictions from `m`, in microseconds.
template <class Use = on_use>
[[nodiscard]] std::string explain(collective what, int size, std::size_t bytes, machine const& m = {},
                                  tutti::TUTTI_ABI::algorithm forced = tutti::TUTTI_ABI::algorithm::automatic,
                                  demand const& asked = {}) {
  auto const chosen = choose(what, size, bytes, forced, asked, m);
  std::string text = std::string(to_string(what)) + " of " + std::to_string(bytes) + " bytes among " +
                     std::to_string(size) + (size == 1 ? " rank\n" : " ranks\n");
  auto const ranks = static_cast<double>(size);
  for (row const& r : table<Use>()) {
    if (r.what != what) continue;
    char line[160];
    std::string const name(to_string(r.algorithm));
    std::string const obstacle(r.obstacle(size, asked));
    if (size == 1 || !r.serves(size)) {
      std::snprintf(line, sizeof line, "  %s %-13s  %s\n", r.algorithm == chosen ? "*" : " ", name.c_str(),
                    size == 1 && obstacle.empty() ? "nothing to send" : obstacle.c_str());
    } else {
      work const w = r.effort(ranks);
      std::snprintf(line, sizeof line, "  %s %-13s %11.1f us  %6.0f messages  %4.0f rounds%s%s\n",
                    r.algorithm == chosen ? "*" : " ", name.c_str(),
                    predict(w, ranks, static_cast<double>(bytes), m, reach_of(r.what, r.algorithm)), w.messages,
                    w.rounds, obstacle.empty() ? "" : "  not allowed: ", obstacle.c_str());
    }
    text += line;
  }
  return text;
}

}  // namespace tutti::inline TUTTI_ABI::plan
