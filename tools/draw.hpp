// SPDX-License-Identifier: BSL-1.0
// The messages of a plan on paper: as lines of text, or as a drawing that reads on light and dark grounds.
#pragma once

#include <string>
#include <vector>

#include <tutti/plan/messages.hpp>

namespace tools {

inline constexpr int most_drawn = 64;

struct drawing {
  std::string title;
  int ranks = 0;
  std::vector<tutti::plan::sent> messages;  ///< of more than most_drawn ranks: none
};

/// To standard output. draw_svg throws std::runtime_error where there is too much to see anything.
void draw_text(drawing const& d);
void draw_svg(drawing const& d);

}  // namespace tools
