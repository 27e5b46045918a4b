// SPDX-License-Identifier: BSL-1.0
#include "draw.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <stdexcept>

namespace tools {

namespace {

std::string parts_of(tutti::plan::sent const& m, int ranks) {
  if (m.parts.first == 0 && m.parts.last == static_cast<std::uint32_t>(ranks)) return "all";
  std::string const first = std::to_string(m.parts.first);
  return m.parts.size() == 1 ? "part " + first : "parts " + first + "-" + std::to_string(m.parts.last - 1);
}

}  // namespace

void draw_text(drawing const& d) {
  if (d.ranks > most_drawn) {
    std::printf("\n%d ranks are too many to list their messages; ask for at most %d\n", d.ranks, most_drawn);
    return;
  }
  std::printf("\n%s\n", d.title.c_str());
  for (std::size_t i = 0; i < d.messages.size();) {
    int const round = d.messages[i].round;
    std::printf("  round %d\n", round);
    for (; i < d.messages.size() && d.messages[i].round == round;) {  // one line for each sender and what it sends
      auto const& m = d.messages[i];
      std::printf("    %d -> %d", m.from, m.to);
      std::string const what = parts_of(m, d.ranks);
      for (++i; i < d.messages.size() && d.messages[i].round == round && d.messages[i].from == m.from &&
                parts_of(d.messages[i], d.ranks) == what;
           ++i)
        std::printf(", %d", d.messages[i].to);
      std::printf(": %s\n", what.c_str());
    }
  }
}

// Ranks are columns, time runs down, a round is a band; of the messages of a round each has a line of its own.
void draw_svg(drawing const& d) {
  constexpr std::size_t most = 600;
  constexpr int left = 70, column = 90, line = 16, head = 64, gap = 22;
  if (d.ranks > most_drawn || d.messages.size() > most)
    throw std::runtime_error("this is too much for a drawing; ask for fewer ranks, or for --draw text");
  std::map<int, int> in_round;
  for (auto const& m : d.messages) ++in_round[m.round];
  int height = head + 20;
  for (auto const& [round, count] : in_round) height += count * line + gap;
  int const width = left + column * (d.ranks - 1) + 70;
  auto const x = [&](int rank) { return left + column * rank; };

  std::printf(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n"
      "<title>%s</title>\n"
      "<style>.t{fill:#1f2328}.s{fill:#59636e}.r{stroke:#b0b7c0}.m{stroke:#0969da;fill:none}.h{fill:#0969da}\n"
      "@media (prefers-color-scheme:dark){.t{fill:#e6edf3}.s{fill:#9198a1}.r{stroke:#4a525c}.m{stroke:#58a6ff}"
      ".h{fill:#58a6ff}}</style>\n"
      "<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
      "orient=\"auto\"><path class=\"h\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
      "<text class=\"t\" x=\"10\" y=\"20\" font-size=\"14\">%s</text>\n",
      width, height, width, height, d.title.c_str(), d.title.c_str());
  for (int r = 0; r < d.ranks; ++r)
    std::printf(
        "<text class=\"t\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">rank %d</text>"
        "<line class=\"r\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n",
        x(r), head - 16, r, x(r), head - 8, x(r), height - 10);
  int y = head, round = 0;
  for (auto const& m : d.messages) {
    if (m.round != round) {
      round = m.round;
      y += gap;
      std::printf("<text class=\"s\" x=\"8\" y=\"%d\">round %d</text>\n", y + 4, round);
    }
    int const from = x(m.from), to = x(m.to);
    std::printf(
        "<line class=\"m\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" marker-end=\"url(#a)\"/>"
        "<text class=\"s\" x=\"%d\" y=\"%d\" font-size=\"9\" text-anchor=\"middle\">%s</text>\n",
        from, y, to, y, from + (to > from ? column : -column) / 2, y - 3, parts_of(m, d.ranks).c_str());
    y += line;
  }
  std::puts("</svg>");
}

}  // namespace tools
