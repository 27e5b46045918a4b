// SPDX-License-Identifier: BSL-1.0
// Draws the passes of a pipeline over time, a line per rank: as text, or as SVG.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tutti/core/error.hpp>
#include <tutti/train/pipeline_events.hpp>

namespace tutti::inline TUTTI_ABI {

namespace detail {

/// What both drawings need: the span of time, the rows, and how a pass is called.
struct pipeline_frame {
  std::chrono::nanoseconds first{}, last{}, shortest{};
  std::vector<std::vector<int>> stages;  // by rank, in increasing order
  bool one_stage_per_rank = true;

  explicit pipeline_frame(std::span<pipeline_event const> events) {
    if (events.empty()) throw error(error_kind::config, "a drawing of a pipeline needs an event");
    first = last = events.front().begin;
    for (pipeline_event const& e : events) {
      first = (std::min)(first, e.begin);
      last = (std::max)(last, e.end);
      auto const length = e.end - e.begin;
      if (length.count() > 0 && (shortest.count() == 0 || length < shortest)) shortest = length;
      stages.resize((std::max)(stages.size(), static_cast<std::size_t>(e.rank) + 1));
      auto& known = stages[static_cast<std::size_t>(e.rank)];
      auto const place = std::lower_bound(known.begin(), known.end(), e.what.stage);
      if (place == known.end() || *place != e.what.stage) known.insert(place, e.what.stage);
      one_stage_per_rank = one_stage_per_rank && known.size() == 1;
    }
  }
  /// Which of the stages of its rank, of 1: the last.
  [[nodiscard]] double depth(pipeline_event const& e) const {
    auto const& known = stages[static_cast<std::size_t>(e.rank)];
    auto const place = std::lower_bound(known.begin(), known.end(), e.what.stage) - known.begin();
    return static_cast<double>(place + 1) / static_cast<double>(known.size());
  }
  /// F3: forward pass of microbatch 3; where a rank has several stages, 2F3: in stage 2.
  [[nodiscard]] std::string label(pipeline_action const& a) const {
    return (one_stage_per_rank ? std::string() : std::to_string(a.stage)) + (a.backward ? 'B' : 'F') +
           std::to_string(a.microbatch);
  }
};

}  // namespace detail

/// A line per rank, a column per shortest pass (fewer, if that were more than 200); a longer pass goes on as dashes,
/// dots are idle.
[[nodiscard]] inline std::string pipeline_text(std::span<pipeline_event const> events) {
  detail::pipeline_frame const frame(events);
  constexpr long long most = 200;
  long long const span = (frame.last - frame.first).count();
  auto const unit = (std::max)({static_cast<long long>(frame.shortest.count()), span / most + 1, 1LL});
  auto const column = [&](std::chrono::nanoseconds t) {
    return static_cast<std::size_t>(((t - frame.first).count() + unit / 2) / unit);
  };
  std::size_t width = 0;
  for (pipeline_event const& e : events) width = (std::max)(width, frame.label(e.what).size());
  std::vector<std::vector<std::string>> cells(frame.stages.size(), std::vector<std::string>(column(frame.last), "."));
  for (pipeline_event const& e : events) {
    auto& row = cells[static_cast<std::size_t>(e.rank)];
    for (std::size_t c = column(e.begin); c < column(e.end); ++c)
      row[c] = c == column(e.begin) ? frame.label(e.what) : std::string(width, '-');
  }
  std::string text;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    text += "rank " + std::to_string(r);
    for (std::string const& cell : cells[r]) text += ' ' + cell + std::string(width - cell.size(), ' ');
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

/// The same as a picture, for light and dark pages: forward passes in one colour, backward passes in another, both
/// paler in the earlier of several stages of a rank. `title` is written above.
[[nodiscard]] inline std::string pipeline_svg(std::span<pipeline_event const> events, std::string_view title = {}) {
  detail::pipeline_frame const frame(events);
  constexpr int left = 58, top = 34, row = 26;
  int const ranks = static_cast<int>(frame.stages.size());
  auto const span = (std::max)(static_cast<double>((frame.last - frame.first).count()), 1.0);
  double const shortest = static_cast<double>(frame.shortest.count());
  double const width = (std::min)(shortest > 0 ? span / shortest * 32 : 800, 1600.0);
  auto const number = [](double v) {  // with one digit behind the point
    long long const tenths = static_cast<long long>(v * 10 + 0.5);
    return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10));
  };
  auto const x = [&](std::chrono::nanoseconds t) {
    return left + static_cast<double>((t - frame.first).count()) / span * width;
  };
  std::string heading;
  for (char const c : title) heading += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  std::string const size = number(left + width + 10) + " " + std::to_string(top + row * ranks + 8);
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size +
      "\" role=\"img\" font-family=\"sans-serif\" font-size=\"11\">\n<title>" + heading +
      "</title>\n"
      "<style>.t{fill:#1f2328}.i{fill:#eaeef2}.f{fill:#4c8dd6}.b{fill:#e59a3c}.n{fill:#fff;text-anchor:middle}\n"
      "@media (prefers-color-scheme:dark){.t{fill:#e6edf3}.i{fill:#21262d}.f{fill:#3f7fc7}.b{fill:#c9822b}}</style>\n"
      "<text class=\"t\" x=\"4\" y=\"18\" font-size=\"13\">" +
      heading + "</text>\n";
  for (int r = 0; r < ranks; ++r) {
    std::string const y = std::to_string(top + r * row);
    svg += "<text class=\"t\" x=\"4\" y=\"" + std::to_string(top + r * row + 15) + "\">rank " + std::to_string(r) +
           "</text><rect class=\"i\" x=\"" + std::to_string(left) + "\" y=\"" + y + "\" width=\"" + number(width) +
           "\" height=\"22\"/>\n";
  }
  for (pipeline_event const& e : events) {
    double const from = x(e.begin), to = x(e.end);
    std::string const y = std::to_string(top + e.rank * row);
    svg += "<rect class=\"" + std::string(e.what.backward ? "b" : "f") + "\" x=\"" + number(from) + "\" y=\"" + y +
           "\" width=\"" + number((std::max)(to - from - 1, 0.5)) + "\" height=\"22\" opacity=\"" +
           number(0.4 + 0.6 * frame.depth(e)) + "\"/>";
    if (to - from >= 20)
      svg += "<text class=\"n\" x=\"" + number((from + to - 1) / 2) + "\" y=\"" +
             std::to_string(top + e.rank * row + 15) + "\">" + frame.label(e.what) + "</text>";
    svg += '\n';
  }
  return svg + "</svg>\n";
}

}  // namespace tutti::inline TUTTI_ABI
