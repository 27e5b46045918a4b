// SPDX-License-Identifier: BSL-1.0
// Which learning rate? Cross-validates the classifier of ../fashion_mnist with each, on any number of processes: the
// folds have the same mix of labels, groups of processes work on different folds, and each group trains as one.
//
// Run: ./cross_validation --np 4 --svg rates.svg
//
// Any number of processes prints the same table and the same last line, bit for bit.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <chrono>
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <tutti/data.hpp>
#include <vector>

#include "../fashion_mnist/network.hpp"
#include "../fashion_mnist/progress.hpp"

namespace cross_validation {

using namespace fashion_mnist;
using ids = std::vector<std::uint32_t>;

struct settings {
  std::vector<double> rates{1e-4, 3e-4, 1e-3, 3e-3, 1e-2};
  int folds = 5;
  int groups = 0;
  std::uint64_t samples = 10000;
  std::uint64_t epochs = 2;
  std::uint64_t batch = 64;
  int slots = 8;
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::string svg;
};

/// A model of the samples that the ranks of `group` hold together. Every process has all images in memory, so the ranks
/// tell each other the numbers of their samples, and share the slots of every step.
network train(tutti::communicator& group, ids const& mine, settings const& set, image_set const& images, double rate,
              progress& bar) {
  ids const all = allgather(group, mine).values;
  network model = initial_network(1);
  network gradient;
  tutti::data_parallel dp{group, gradient, set.slots};
  tutti::adam optimizer{rate};
  tutti::sampler sampler{.size = all.size(), .global_batch = set.batch, .seed = 1, .slots = set.slots};
  auto const slots = static_cast<std::uint64_t>(set.slots);
  workspace<float> work((set.batch + slots - 1) / slots);
  ids of_slot;
  for (auto const& batch : sampler.epochs(set.epochs).on(group)) {
    work.load(model);
    for (auto const slot : batch.slots()) {
      of_slot.clear();
      for (auto const sample : slot) of_slot.push_back(all[sample]);
      work.sum_gradients(images, of_slot, gradient);
      dp.add(slot.index(), gradient, static_cast<double>(slot.size()));
    }
    dp.sync(gradient);
    optimizer.step(model, gradient);
    bar.show(static_cast<std::size_t>(batch.epoch() * all.size() / set.batch + batch.step()), [] { return ""; });
  }
  return model;
}

/// How many of the samples that the ranks of `group` hold together the model gets right. They share fixed runs of
/// width() samples, so every sample meets the same matrix product whatever the number of ranks.
tutti::summed evaluate(tutti::communicator& group, network const& model, ids const& mine, settings const& set,
                       image_set const& images) {
  ids const all = allgather(group, mine).values;
  std::size_t const width = static_cast<std::size_t>(set.batch);
  workspace<float> work(width);
  work.load(model);
  tutti::summed correct;
  for (auto const run :
       tutti::partition((all.size() + width - 1) / width, group.size(), tutti::block{}).local(group.rank())) {
    auto const begin = all.begin() + static_cast<std::ptrdiff_t>(run * width);
    auto const size = std::min(width, all.size() - static_cast<std::size_t>(run) * width);
    correct += work.accuracy(images, ids(begin, begin + static_cast<std::ptrdiff_t>(size)));
  }
  return allreduce(group, correct);
}

struct result {
  double rate = 0;
  std::vector<double> accuracy;  ///< by fold

  [[nodiscard]] double mean() const {
    double sum = 0;
    for (double a : accuracy) sum += a;
    return sum / static_cast<double>(accuracy.size());
  }
  [[nodiscard]] double deviation() const {
    double sum = 0;
    for (double a : accuracy) sum += (a - mean()) * (a - mean());
    return std::sqrt(sum / static_cast<double>(accuracy.size() - 1));
  }
};

/// A column for each rate: its folds as dots, their mean as a line.
void draw(std::string const& path, std::vector<result> const& results) {
  double low = 1, high = 0;
  for (result const& r : results)
    for (double a : r.accuracy) low = std::min(low, a), high = std::max(high, a);
  double const range = high > low ? high - low : 1;
  auto const y = [&](double a) { return 20 + 220 * (high - a) / range; };
  std::ofstream svg(path);
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << 100 * results.size() + 80
      << "\" height=\"290\" font-family=\"sans-serif\" font-size=\"14\" fill=\"#777\">\n";
  for (double const a : {low, (low + high) / 2, high})
    svg << "<text x=\"56\" y=\"" << y(a) + 5 << "\" text-anchor=\"end\">" << std::round(1000 * a) / 10 << " %</text>\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    auto const x = 100 * i + 110;
    for (double a : results[i].accuracy)
      svg << "<circle cx=\"" << x << "\" cy=\"" << y(a) << "\" r=\"5\" fill=\"#4878a8\" fill-opacity=\"0.6\"/>";
    svg << "<path d=\"M" << x - 24 << ' ' << y(results[i].mean()) << "h48\" stroke=\"#c44e52\" stroke-width=\"3\"/>"
        << "<text x=\"" << x << "\" y=\"274\" text-anchor=\"middle\">" << results[i].rate << "</text>\n";
  }
  svg << "</svg>\n";
  if (!svg.flush()) throw std::runtime_error(path + " cannot be written");
}

void run(tutti::communicator& world, settings const& set, image_set const& images) {
  auto const start = std::chrono::steady_clock::now();
  bool const speaks = world.rank() == 0;
  ids mine;
  for (auto const i : tutti::partition(set.samples, world.size(), tutti::block{}).local(world.rank()))
    mine.push_back(static_cast<std::uint32_t>(i));
  auto const label = [&](std::uint32_t id) { return images.labels[id]; };
  tutti::kfold const folds(set.folds, tutti::stratified(label));

  if (speaks) std::printf("%10s  %8s  %9s  accuracy of each fold\n", "rate", "accuracy", "deviation");
  std::vector<result> results;
  tutti::fnv1a hash;
  for (double const rate : set.rates) {
    char name[32];
    std::snprintf(name, sizeof name, "%10g", rate);
    result one{rate, {}};
    auto const train_one = [&](tutti::communicator& group, ids const& training) {
      auto const steps = allreduce(group, training.size()) * set.epochs / set.batch;
      progress bar(name, static_cast<std::size_t>(steps), speaks);
      return train(group, training, set, images, rate, bar);
    };
    auto const evaluate_one = [&](tutti::communicator& group, network const& model, ids const& validation) {
      return evaluate(group, model, validation, set, images);
    };
    for (auto const& fold : cross_validate(world, mine, folds, train_one, evaluate_one, set.groups)) {
      one.accuracy.push_back(fold.mean());
      hash.add(std::bit_cast<std::uint64_t>(fold.sum)).add(std::bit_cast<std::uint64_t>(fold.count));
    }
    if (speaks) {
      std::printf("%s  %8.4f  %9.4f ", name, one.mean(), one.deviation());
      for (double a : one.accuracy) std::printf(" %.4f", a);
      std::printf("\n");
      std::fflush(stdout);
    }
    results.push_back(one);
  }
  if (!speaks) return;
  auto const best = *std::max_element(results.begin(), results.end(),
                                      [](result const& a, result const& b) { return a.mean() < b.mean(); });
  if (!set.svg.empty()) draw(set.svg, results);
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - start;
  std::printf("%zu models on %d processes in %.1f s\n", results.size() * static_cast<std::size_t>(set.folds),
              world.size(), took.count());
  std::printf("best=%g accuracy=%.4f folds=%016" PRIx64 "\n", best.rate, best.mean(), hash.value());
}

}  // namespace cross_validation

int main(int argc, char** argv) {
  using namespace cross_validation;
  settings set;
  std::string processes;  // read by tutti::run, named here for --help
  CLI::App app{"Cross-validates learning rates on Fashion-MNIST, on any number of processes, to the same bits."};
  app.option_defaults()->always_capture_default();
  app.add_option("--rates", set.rates, "learning rates to compare")->delimiter(',')->check(CLI::PositiveNumber);
  app.add_option("--folds", set.folds, "parts of the samples; each judges a model of the others")
      ->check(CLI::Range(2, 100));
  app.add_option("--groups", set.groups, "groups of processes that work side by side; 0: chosen")
      ->check(CLI::Range(0, 1000));
  app.add_option("--samples", set.samples, "of the training set")->check(CLI::Range(100, 60000));
  app.add_option("--epochs", set.epochs, "passes over the samples")->check(CLI::Range(1, 100));
  app.add_option("--data", set.data, "directory of the four .gz files");
  app.add_option("--svg", set.svg, "file for a picture")->type_name("FILE");
  app.add_option("--np", processes, "processes on this host; without it, one")->type_name("N")->default_str("");
  image_set images;
  try {
    app.parse(argc, argv);
    // Read before the processes part, so that they share the memory of the images.
    bool const generated = app.count("--data") == 0 && !std::filesystem::is_directory(set.data);
    images = generated ? generate_image_set(set.samples, 1) : read_image_set(set.data, "train");
    set.samples = std::min<std::uint64_t>(set.samples, images.size());
  } catch (CLI::CallForHelp const& help) {
    return app.exit(help);
  } catch (CLI::ParseError const& e) {
    std::fprintf(stderr, "cross_validation: %s (--help shows the options)\n", e.what());
    return 2;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "cross_validation: %s\n", e.what());
    return 1;
  }
  return tutti::run(argc, argv, [&](tutti::communicator& world) { run(world, set, images); });
}
