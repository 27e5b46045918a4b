// SPDX-License-Identifier: BSL-1.0
// Steps, blocks and slots in words, for refusals and for people.
#pragma once

#include <cstdint>
#include <string>

#include <tutti/plan/plan.hpp>

namespace tutti::inline TUTTI_ABI::plan {

inline std::string to_text(std::uint64_t first, std::uint64_t last) {
  return "[" + std::to_string(first) + ", " + std::to_string(last) + ")";
}
inline std::string to_text(interval slots) { return to_text(slots.first, slots.last); }
inline std::string to_text(block const& b) {
  constexpr char const* names[] = {"input", "output", "scratch"};
  return std::string(names[static_cast<unsigned>(b.where) % 3]) + " row " + std::to_string(b.row) + " parts " +
         to_text(b.first, b.last);
}
inline std::string to_text(step const& s) {
  constexpr char const* names[] = {"send", "recv", "copy", "fold"};
  std::string text = names[static_cast<unsigned>(s.what) % 4];
  if (s.what == verb::send) text += " to " + std::to_string(s.peer);
  if (s.what == verb::recv) text += " from " + std::to_string(s.peer);
  return text + ", " + to_text(s.at);
}

}  // namespace tutti::inline TUTTI_ABI::plan
