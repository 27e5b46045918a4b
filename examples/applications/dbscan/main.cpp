// SPDX-License-Identifier: BSL-1.0
// Finds rings, moons and clouds among scattered points by their density, on any number of processes, and draws what it
// found into dbscan.svg.
//
// Run: ./dbscan --np 2
//
// Any number of processes finds the same clusters: compare the last lines of --np 1 and --np 4.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <tutti/dbscan.hpp>
#include <vector>

#include "../fashion_mnist/progress.hpp"

namespace {

/// Point number `i` of a picture 100 wide: two rings, two moons, three clouds, and one in twenty anywhere.
struct dot {
  std::uint64_t number;
  std::array<double, 2> at;
};

double uniform(std::uint64_t i) { return static_cast<double>(tutti::detail::mix64(i) >> 11U) * 0x1p-53; }

dot make_dot(std::uint64_t i) {
  double const pick = uniform(4 * i), u = uniform(4 * i + 1), v = uniform(4 * i + 2), turn = 6.283185307179586 * u;
  auto const around = [&](double x, double y, double r, double by, double angle) {
    return dot{i, {x + (r + by * (v - 0.5)) * std::cos(angle), y + (r + by * (v - 0.5)) * std::sin(angle)}};
  };
  if (pick < 0.05) return {i, {100 * u, 100 * v}};
  if (pick < 0.25) return around(27, 28, 20, 3, turn);
  if (pick < 0.33) return around(27, 28, 8, 3, turn);
  if (pick < 0.48) return around(64, 62, 16, 4, turn / 2);
  if (pick < 0.63) return around(80, 68, 16, 4, turn / 2 + 3.141592653589793);
  double const spread = std::sqrt(-2 * std::log(1 - 0.999 * v));
  int const cloud = static_cast<int>((pick - 0.63) / 0.37 * 3);
  double const x[] = {75, 20, 32}, y[] = {20, 72, 84}, wide[] = {4.5, 2.5, 2};
  return {i, {x[cloud] + wide[cloud] * spread * std::cos(turn), y[cloud] + wide[cloud] * spread * std::sin(turn)}};
}

struct settings {
  tutti::dbscan_options how{.eps = 0.9, .min_points = 40};
  std::uint64_t points = 100'000;
  std::string svg = "dbscan.svg";
};

struct drawn {
  float x, y;
  int cluster;
};

/// Noise is grey.
void draw(std::string const& path, std::vector<drawn> const& dots) {
  std::ofstream out(path);
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 100\" width=\"700\">\n"
      << "<rect width=\"100\" height=\"100\" fill=\"#fff\"/>\n";
  char text[64];
  int last = -2;
  for (drawn const& d : dots) {  // in order of their clusters: one path each
    if (d.cluster != last) {
      if (last != -2) out << "\"/>\n";
      std::string const colour = d.cluster < 0 ? "#bbb" : "hsl(" + std::to_string(d.cluster * 137 % 360) + " 70% 42%)";
      out << "<path stroke-linecap=\"round\" stroke-width=\".35\" stroke=\"" << colour << "\" d=\"";
      last = d.cluster;
    }
    std::snprintf(text, sizeof text, "M%.2f %.2fh0", static_cast<double>(d.x), static_cast<double>(d.y));
    out << text;
  }
  out << (dots.empty() ? "" : "\"/>\n") << "</svg>\n";
  if (!out) throw std::runtime_error(path + " cannot be written");
}

void cluster(tutti::communicator& world, settings const& set) {
  bool const speaks = world.rank() == 0;
  tutti::partition const part(set.points, world.size(), tutti::block{});
  std::vector<dot> mine;
  {
    fashion_mnist::progress bar("points", static_cast<std::size_t>(part.count(world.rank())), speaks);
    for (auto const i : part.local(world.rank())) {
      mine.push_back(make_dot(i));
      bar.show(mine.size(), [] { return std::string("made"); });
    }
  }

  auto const start = std::chrono::steady_clock::now();
  auto const found = tutti::dbscan{set.how, &dot::at}.fit(world, mine);
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - start;

  // One number for who belongs to what, whoever holds it.
  std::uint64_t labels = 0;
  std::vector<drawn> some;
  std::uint64_t const every = 1 + set.points / 20'000;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    labels += tutti::detail::mix64(mine[i].number * 1'000'003 + static_cast<std::uint64_t>(found.cluster[i] + 1));
    if (mine[i].number % every == 0)
      some.push_back({static_cast<float>(mine[i].at[0]), static_cast<float>(mine[i].at[1]), found.cluster[i]});
  }
  labels = allreduce(world, labels);
  auto dots = gather(world, some);
  mine = exchange_rows(world, std::move(mine), found.destination);  // clusters are whole now
  std::vector<std::uint64_t> share(static_cast<std::size_t>(world.size())), seen(share.size());
  allgather(world, std::vector<std::uint64_t>{mine.size()}, share);
  allgather(world, std::vector<std::uint64_t>{found.rows_received}, seen);
  if (!speaks) return;

  std::stable_sort(dots.values.begin(), dots.values.end(),
                   [](drawn const& a, drawn const& b) { return a.cluster < b.cluster; });
  draw(set.svg, dots.values);
  std::printf("cluster    rows\n");
  for (std::size_t c = 0; c < found.sizes.size(); ++c) std::printf("%7zu %7" PRIu64 "\n", c, found.sizes[c]);
  std::printf("  noise %7" PRIu64 "\n\n   rank  points received  rows afterwards\n", found.noise_rows);
  for (std::size_t r = 0; r < share.size(); ++r)
    std::printf("%7zu %16" PRIu64 " %16" PRIu64 "\n", r, seen[r], share[r]);
  std::printf("\n%" PRIu64 " points in %.2f s, drawn in %s\nclusters=%zu noise=%" PRIu64 " labels=%016" PRIx64 "\n",
              set.points, took.count(), set.svg.c_str(), found.sizes.size(), found.noise_rows, labels);
}

}  // namespace

int main(int argc, char** argv) {
  settings set;
  std::string processes;  // read by tutti::run, named here for --help
  CLI::App app{"Finds clusters of any shape among scattered points, on any number of processes."};
  app.option_defaults()->always_capture_default();
  app.allow_extras();
  app.add_option("--np", processes, "processes on this host; without it, one")->type_name("N")->default_str("");
  app.add_option("--points", set.points, "how many")->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32U));
  app.add_option("--eps", set.how.eps, "points no further apart are neighbours")->check(CLI::PositiveNumber);
  app.add_option("--min-points", set.how.min_points, "neighbours that make a core")->check(CLI::Range(1, 1'000'000));
  app.add_option("--svg", set.svg, "picture of the clusters");
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& e) {
    return app.exit(e);
  }
  return tutti::run(argc, argv, [&](tutti::communicator& world) { cluster(world, set); });
}
