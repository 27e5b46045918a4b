// SPDX-License-Identifier: BSL-1.0
// Sorts the images of Fashion-MNIST into clusters, without their labels, on any number of processes; prints what is in
// each cluster, and draws their centroids into kmeans.svg.
//
// Run: ./kmeans --np 2
//
// Any number of processes ends with the same centroids, bit for bit: compare the last lines of --np 1 and --np 4.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <tutti/kmeans.hpp>
#include <vector>

#include "../fashion_mnist/dataset.hpp"
#include "../fashion_mnist/progress.hpp"

namespace {

using namespace fashion_mnist;

constexpr char const* names[] = {"T-shirt", "trouser", "pullover", "dress", "coat",
                                 "sandal",  "shirt",   "sneaker",  "bag",   "boot"};

/// One row of the data: what is clustered is the image; the label is only looked at afterwards.
struct garment {
  picture image;
  std::uint8_t label;
};

struct settings {
  tutti::kmeans_options how{.k = 10, .seed = 1};
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::string svg = "kmeans.svg";
  std::size_t rows = 60'000;
};

/// labels[c * classes + l]: rows of label l in cluster c, over all ranks.
std::vector<std::uint64_t> count_labels(tutti::communicator& world, std::vector<garment> const& mine,
                                        tutti::kmeans_result const& found) {
  std::vector<std::uint64_t> labels(found.sizes.size() * classes);
  for (std::size_t i = 0; i < mine.size(); ++i)
    ++labels[static_cast<std::size_t>(found.cluster[i]) * classes + mine[i].label];
  allreduce(world, labels);
  return labels;
}

/// The centroids in rows of five, each pixel a square, equal neighbours as one.
void draw(std::string const& path, tutti::kmeans_result const& found, std::vector<std::string> const& captions) {
  std::ofstream out(path);
  std::size_t const k = found.sizes.size(), across = (std::min)(k, std::size_t{5}), down = (k + 4) / 5;
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << across * 34 << ' ' << down * 40 << "\" width=\""
      << across * 136 << "\" font-family=\"sans-serif\" font-size=\"3\" shape-rendering=\"crispEdges\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  for (std::size_t c = 0; c < k; ++c) {
    auto const image = found.centroid(c);
    auto const level = [&](std::size_t p) { return static_cast<int>(std::clamp(image[p], 0.0F, 255.0F)) / 8; };
    out << "<g transform=\"translate(" << c % 5 * 34 + 3 << ' ' << c / 5 * 40 + 3
        << ")\"><rect width=\"28\" height=\"28\"/>";
    for (std::size_t p = 0, run = 1; p < pixels; p += run, run = 1) {
      while ((p + run) % side != 0 && level(p + run) == level(p)) ++run;
      if (level(p) == 0) continue;
      int const grey = level(p) * 255 / 31;
      out << "<path fill=\"rgb(" << grey << ',' << grey << ',' << grey << ")\" d=\"M" << p % side << ' ' << p / side
          << 'h' << run << "v1h-" << run << "z\"/>";
    }
    out << "<text x=\"14\" y=\"32\" text-anchor=\"middle\">" << captions[c] << "</text></g>\n";
  }
  out << "</svg>\n";
  if (!out) throw std::runtime_error(path + " cannot be written");
}

void cluster(tutti::communicator& world, settings const& set, image_set const& all) {
  bool const speaks = world.rank() == 0;
  tutti::partition const part((std::min)(set.rows, all.size()), world.size(), tutti::block{});
  std::vector<garment> mine;
  for (auto const i : part.local(world.rank())) mine.push_back({all.images[i], all.labels[i]});

  tutti::kmeans const by{set.how, &garment::image};
  progress bar("k-means", static_cast<std::size_t>(set.how.iterations), speaks);
  auto const found = by.fit(world, mine, [&](tutti::kmeans_result const& now) {
    bar.show(static_cast<std::size_t>(now.iterations), [&] { return "inertia " + std::to_string(now.inertia); });
  });
  bar.clear();

  auto const labels = count_labels(world, mine, found);
  mine = exchange_rows(world, std::move(mine), found.destination);  // rows that are alike now share a rank
  std::vector<std::uint64_t> share(static_cast<std::size_t>(world.size()));
  allgather(world, std::vector<std::uint64_t>{mine.size()}, share);
  if (!speaks) return;

  std::printf("cluster    rows  most of them\n");
  std::vector<std::string> captions;
  for (std::size_t c = 0; c < found.sizes.size(); ++c) {
    auto const first = labels.begin() + static_cast<std::ptrdiff_t>(c * classes);
    auto const most = std::max_element(first, first + classes);
    auto const percent = found.sizes[c] == 0 ? 0 : 100 * *most / found.sizes[c];
    captions.push_back(std::string(names[most - first]) + " " + std::to_string(percent) + " %");
    std::printf("%7zu %7" PRIu64 "  %s\n", c, found.sizes[c], captions.back().c_str());
  }
  std::printf("rows per rank afterwards:");
  for (auto const n : share) std::printf(" %" PRIu64, n);
  draw(set.svg, found, captions);
  tutti::fnv1a hash;
  hash.add(std::as_bytes(std::span(found.centroids)));
  std::printf("\n%d steps%s, centroids drawn in %s\ninertia=%.6e centroids=%016" PRIx64 "\n", found.iterations,
              found.converged ? "" : " (not at rest yet)", set.svg.c_str(), found.inertia, hash.value());
}

}  // namespace

int main(int argc, char** argv) {
  settings set;
  std::string processes;  // read by tutti::run, named here for --help
  CLI::App app{"Sorts the images of Fashion-MNIST into clusters, on any number of processes, to the same bits."};
  app.option_defaults()->always_capture_default();
  app.allow_extras();
  app.add_option("--np", processes, "processes on this host; without it, one")->type_name("N")->default_str("");
  app.add_option("--k", set.how.k, "clusters")->check(CLI::Range(1, 1000));
  app.add_option("--capacity", set.how.capacity, "how far above the mean a rank's rows may be")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--steps", set.how.iterations, "at most")->check(CLI::Range(1, 100'000));
  app.add_option("--rows", set.rows, "the first so many images")->check(CLI::PositiveNumber);
  app.add_option("--seed", set.how.seed, "of the first centroids")->check(CLI::NonNegativeNumber);
  app.add_option("--data", set.data, "directory of the .gz files");
  app.add_option("--svg", set.svg, "picture of the centroids");
  image_set images;
  try {
    app.parse(argc, argv);
    // Read before the processes part, so that they share the memory of the images.
    bool const absent = app.count("--data") == 0 && !std::filesystem::is_directory(set.data);
    if (absent) std::printf("%s is absent (dataset-fashion-mnist): a generated set instead\n", set.data.c_str());
    images = absent ? generate_image_set(60'000, 1) : read_image_set(set.data, "train");
  } catch (CLI::ParseError const& e) {
    return app.exit(e);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "kmeans: %s\n", e.what());
    return 1;
  }
  return tutti::run(argc, argv, [&](tutti::communicator& world) { cluster(world, set, images); });
}
