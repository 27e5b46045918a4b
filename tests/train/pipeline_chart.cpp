// SPDX-License-Identifier: BSL-1.0
// Promises of train/pipeline_chart.hpp, and of the predictions of train/pipeline_events.hpp.
#include <tutti/train/pipeline_chart.hpp>

#include <doctest/doctest.h>

#include <tutti/shard/split_stages.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {
std::size_t count(std::string const& text, std::string const& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}
}  // namespace

TEST_CASE("a timeline is drawn as text, column by column") {
  CHECK(tutti::pipeline_text(tutti::pipeline_timeline(tutti::gpipe({2, 3, 2}), 1ms, 1ms)) ==
        "rank 0 F0 F1 F2 .  .  B0 B1 B2\n"
        "rank 1 .  F0 F1 F2 B0 B1 B2 .\n");
  CHECK(tutti::pipeline_text(tutti::pipeline_timeline(tutti::one_f_one_b({2, 3, 2}), 1ms, 2ms)) ==
        "rank 0 F0 F1 .  .  B0 -- F2 B1 -- .  B2 --\n"
        "rank 1 .  F0 B0 -- F1 B1 -- F2 B2 -- .  .\n");
  CHECK(tutti::pipeline_text(tutti::pipeline_timeline(tutti::interleaved({4, 2, 2}, 2), 1ms, 1ms)) ==
        "rank 0 0F0 0F1 2F0 2F1 .   2B0 .   2B1 0B0 0B1\n"
        "rank 1 .   1F0 1F1 3F0 3B0 3F1 3B1 1B0 1B1 .\n");
}

TEST_CASE("predicted idle time and memory are what the papers give") {
  for (int const stages : {1, 2, 3, 5, 8})
    for (int const microbatches : {1, 4, 8, 64}) {
      double const share = static_cast<double>(stages - 1) / (microbatches + stages - 1);
      auto const gpipe = tutti::pipeline_timeline(tutti::gpipe({stages, microbatches, stages}), 3us, 5us);
      auto const alternating = tutti::pipeline_timeline(tutti::one_f_one_b({stages, microbatches, stages}), 3us, 5us);
      CHECK(tutti::pipeline_bubble(gpipe) == doctest::Approx(share).epsilon(1e-12));
      CHECK(tutti::pipeline_bubble(alternating) == doctest::Approx(share).epsilon(1e-12));
      for (int s = 0; s < stages; ++s) {
        CHECK(tutti::pipeline_stash(gpipe, s) == microbatches);
        CHECK(tutti::pipeline_stash(alternating, s) == (std::min)(microbatches, stages - s));
      }
    }
  for (int const replicas : {2, 4}) {  // each chain of ranks has its part of the microbatches, at the same time
    auto const events = tutti::pipeline_timeline(tutti::one_f_one_b({3, 8, 3 * replicas}), 1us, 2us);
    CHECK(tutti::pipeline_bubble(events) == doctest::Approx(2.0 / (8.0 / replicas + 2)).epsilon(1e-12));
  }
  for (int const chunks : {2, 4}) {
    auto const events = tutti::pipeline_timeline(tutti::interleaved({4 * chunks, 8, 4}, chunks), 1us, 2us);
    CHECK(tutti::pipeline_bubble(events) == doctest::Approx(3.0 / (chunks * 8 + 3)).epsilon(1e-12));
    for (int d = 0; d < 4; ++d) CHECK(tutti::pipeline_stash(events, d) == 2 * (3 - d) + (chunks - 1) * 4 + 1);
  }
}

TEST_CASE("stages of unequal cost: the slowest one decides, and the time is that of two flow shops") {
  std::vector<double> const layers{3, 1, 4, 1, 5, 9, 2, 6};
  auto const split = tutti::split_stages(layers, 3);
  CHECK(split.slowest() == 14);
  auto const cost = [&](tutti::pipeline_action const& a) {
    return std::chrono::milliseconds(std::lround(split.seconds[static_cast<std::size_t>(a.stage)]) *
                                     (a.backward ? 2 : 1));
  };
  auto const finished = [](std::vector<tutti::pipeline_event> const& events) {
    auto last = events.front().end;
    for (auto const& e : events) last = (std::max)(last, e.end);
    return last;
  };
  // A microbatch through all stages, and the others behind it at the pace of the slowest.
  auto const forward = 31ms + 7 * 14ms;
  CHECK(finished(tutti::pipeline_timeline(tutti::gpipe({3, 8, 3}), cost)) == 3 * forward);
  CHECK(finished(tutti::pipeline_timeline(tutti::one_f_one_b({3, 8, 3}), cost)) <= 3 * forward);
}

TEST_CASE("the picture has a box per pass, names what has room, and says what its title says") {
  auto const events = tutti::pipeline_timeline(tutti::one_f_one_b({4, 8, 4}), 1ms, 2ms);
  std::string const svg = tutti::pipeline_svg(events, "1 < 2 & more");
  CHECK(svg.starts_with("<svg xmlns="));
  CHECK(svg.ends_with("</svg>\n"));
  CHECK(count(svg, "<rect class=\"f\"") == 32);
  CHECK(count(svg, "<rect class=\"b\"") == 32);
  CHECK(count(svg, "<rect class=\"i\"") == 4);
  CHECK(count(svg, ">B7<") == 4);
  CHECK(count(svg, "1 &lt; 2 &amp; more") == 2);
  CHECK_THROWS_AS((void)tutti::pipeline_svg({}), tutti::error);
  CHECK_THROWS_AS((void)tutti::pipeline_text({}), tutti::error);
}

TEST_CASE("the pictures of docs/pipeline.md are what is drawn; those that are deleted are drawn anew") {
  auto const folder = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / "docs" / "img";
  if (!std::filesystem::is_directory(folder)) return;  // where sources are named from elsewhere
  std::pair<std::string, tutti::pipeline_schedule> const pictures[] = {
      {"gpipe", tutti::gpipe({4, 8, 4})},
      {"one-f-one-b", tutti::one_f_one_b({4, 8, 4})},
      {"interleaved", tutti::interleaved({8, 8, 4}, 2)}};
  for (auto const& [name, schedule] : pictures) {
    bool const chunks = schedule.shape.stages == 8;  // each half as long
    auto const events = tutti::pipeline_timeline(schedule, chunks ? 1ms : 2ms, chunks ? 2ms : 4ms);
    std::string const drawn = tutti::pipeline_svg(events, name + ": 8 microbatches on 4 ranks");
    auto const path = folder / ("pipeline-" + name + ".svg");
    if (!std::filesystem::exists(path)) std::ofstream(path, std::ios::binary) << drawn;
    std::ifstream file(path, std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == drawn);
  }
}
