// SPDX-License-Identifier: BSL-1.0
// Trains the 784-64(relu)-10 classifier on Fashion-MNIST, with the samples of every step shared among the processes.
//
// Run: ./fashion_mnist --np 4
//
// Any number of processes ends with the same model, bit for bit: compare the last lines of --np 1 and --np 4.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <tutti/tutti.hpp>
#include <utility>
#include <vector>

#include "progress.hpp"
#include "strategies/compressed.hpp"
#include "strategies/data.hpp"
#include "strategies/gossip.hpp"
#include "strategies/local.hpp"
#include "strategies/pipeline.hpp"
#include "strategies/server.hpp"
#include "strategies/tensor.hpp"
#include "strategies/zero.hpp"

namespace fashion_mnist {

/// Time since it was made.
class timer {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// What one rank did: a line of the final table.
struct rank_report {
  std::uint64_t samples = 0;
  std::uint64_t bytes_sent = 0;
  double communication = 0;  ///< share of the training time, waiting included
};

/// Right answers on the test set, over all ranks. The ranks share fixed runs of width() samples, not single samples, so
/// every sample meets the same matrix product whatever the number of ranks.
tutti::summed evaluate(tutti::communicator& world, workspace<float>& work, image_set const& test) {
  std::size_t const width = work.width();
  tutti::partition const runs((test.size() + width - 1) / width, world.size(), tutti::block{});
  tutti::summed correct;
  std::vector<std::size_t> ids;
  for (auto const run : runs.local(world.rank())) {
    ids.clear();
    for (std::size_t i = run * width; i < (std::min)((run + 1) * width, test.size()); ++i) ids.push_back(i);
    correct += work.accuracy(test, ids);
  }
  return allreduce(world, correct);
}

/// A hash over all weights; throws if two ranks do not hold the same.
std::uint64_t hash_of(tutti::communicator& world, network const& model) {
  tutti::fnv1a hash;
  tutti::for_each_tensor(model, [&](auto const& tensor) { hash.add(std::as_bytes(std::span(tensor.data))); });
  if (allreduce(world, hash.value(), tutti::min) != allreduce(world, hash.value(), tutti::max)) {
    throw std::runtime_error("the ranks ended with different models");
  }
  return hash.value();
}

void print_table(std::vector<rank_report> const& ranks) {
  std::printf("\n%4s  %16s  %14s  %13s\n", "rank", "samples computed", "bytes sent", "communication");
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    std::printf("%4zu  %16" PRIu64 "  %14" PRIu64 "  %12.0f%%\n", r, ranks[r].samples, ranks[r].bytes_sent,
                100 * ranks[r].communication);
  }
  std::printf("\n");
}

struct choice {
  char const* name;
  std::unique_ptr<strategy> (*make)(tutti::communicator&, settings const&, image_set const&);
};
template <class Strategy>
std::unique_ptr<strategy> make(tutti::communicator& world, settings const& set, image_set const& images) {
  return std::make_unique<Strategy>(world, set, images);
}
constexpr choice strategies[] = {{"data", make<data_strategy>},
                                 {"zero1", make<zero_strategy<1>>},
                                 {"zero2", make<zero_strategy<2>>},
                                 {"zero3", make<zero3_strategy>},
                                 {"int8", make<compressed_strategy<tutti::compress::int8>>},
                                 {"topk", make<compressed_strategy<tutti::compress::top_k>>},
                                 {"tensor", make<tensor_strategy>},
                                 {"pipeline", make<pipeline_strategy>},
                                 {"server", make<server_strategy>},
                                 {"local", make<local_strategy>},
                                 {"gossip", make<gossip_strategy>}};

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (choice const& one : strategies) all.emplace_back(one.name);
  return all;
}

std::unique_ptr<strategy> chosen_strategy(tutti::communicator& world, settings const& set, image_set const& images) {
  for (choice const& one : strategies) {
    if (set.strategy == one.name) return one.make(world, set, images);
  }
  throw std::runtime_error("no strategy is called " + set.strategy);
}

class epochs_over final : public course {
 public:
  epochs_over(tutti::communicator& world, settings const& set, dataset const& data, strategy& way)
      : world_(world),
        way_(way),
        set_(set),
        data_(data),
        sampler_{.size = data.train.size(), .global_batch = set.batch, .seed = set.seed, .slots = set.slots},
        steps_((data.train.size() + set.batch - 1) / set.batch),
        work_(set.slot_width()) {}

  [[nodiscard]] std::uint64_t epochs() const override { return set_.epochs; }

  void epoch(std::uint64_t number, share_of_samples share, step_function const& step) override {
    elapsed_ = {};
    progress bar(name(number), steps_, share.rank() == 0);
    for (auto const& batch : sampler_.epochs(number).on(share)) {
      double const left = 1 - static_cast<double>(done_++) / static_cast<double>(steps_ * set_.epochs);
      loss_ += step(batch, set_.learning_rate * left);
      seen_ += batch.size();
      bar.show(batch.step() + 1, [&] {
        char note[96];
        std::snprintf(note, sizeof note, "loss=%.4f, %.0f images/s, comm %.0f%%", loss_.mean(),
                      static_cast<double>(seen_) / elapsed_.seconds(), 100 * communication());
        return std::string(note);
      });
    }
    rate_ = static_cast<double>(std::exchange(seen_, 0)) / elapsed_.seconds();
  }

  void report(std::uint64_t number, network const& whole) override {
    tutti::summed const loss = allreduce(world_, std::exchange(loss_, {}));
    double const rate = allreduce(world_, rate_, tutti::max);
    work_.load(whole);
    accuracy_ = evaluate(world_, work_, data_.test).mean();
    if (world_.rank() != 0) return;
    std::printf("%s  loss %.4f  test accuracy %.4f  %.0f images/s  communication %.0f%%\n", name(number).c_str(),
                loss.mean(), accuracy_, rate, 100 * communication());
    std::fflush(stdout);
  }

  /// After the last epoch: what every process did, and what came of it.
  void finish() {
    std::vector<rank_report> ranks(static_cast<std::size_t>(world_.size()));
    rank_report const mine{way_.computed(), bytes_sent(), communication()};
    gather(world_, std::vector{mine}, ranks);
    std::uint64_t const hash = hash_of(world_, way_.whole());
    if (world_.rank() != 0) return;
    print_table(ranks);
    std::printf("accuracy=%.4f model=%016" PRIx64 "\n", accuracy_, hash);
  }

 private:
  [[nodiscard]] std::string name(std::uint64_t number) const {
    return "epoch " + std::to_string(number) + "/" + std::to_string(set_.epochs);
  }

  [[nodiscard]] std::vector<tutti::communicator const*> communicators() const {
    auto all = way_.groups();
    all.push_back(&world_);
    return all;
  }
  [[nodiscard]] std::uint64_t bytes_sent() const {
    std::uint64_t bytes = 0;
    for (auto const* comm : communicators()) bytes += comm->stats().bytes_sent;
    return bytes;
  }
  /// The part of the time so far that this rank spent inside calls, waiting included.
  [[nodiscard]] double communication() const {
    double seconds = 0;
    for (auto const* comm : communicators())
      seconds += std::chrono::duration<double>(comm->stats().time_in_calls).count();
    return seconds / whole_.seconds();
  }

  tutti::communicator& world_;
  strategy& way_;
  settings const& set_;
  dataset const& data_;
  tutti::sampler sampler_;
  std::uint64_t steps_;  // of an epoch
  workspace<float> work_;
  timer whole_, elapsed_;
  tutti::summed loss_;      // of the epoch, here
  std::uint64_t seen_ = 0;  // samples of the epoch, everywhere
  std::uint64_t done_ = 0;  // steps, of all epochs
  double rate_ = 0;
  double accuracy_ = 0;
};

void train(tutti::communicator& world, settings const& set, dataset const& data) {
  auto const way = chosen_strategy(world, set, data.train);
  epochs_over course(world, set, data, *way);
  way->train(course);
  course.finish();
}

/// The first argument CLI11 did not know that is not for tutti::run either ("--tutti-… VALUE"); empty if there is none.
std::string unknown_argument(std::vector<std::string> const& extras) {
  for (std::size_t i = 0; i < extras.size(); ++i) {
    if (!extras[i].starts_with("--tutti-")) return extras[i];
    if (extras[i].find('=') == std::string::npos) ++i;  // its value
  }
  return {};
}

}  // namespace fashion_mnist

int main(int argc, char** argv) {
  using namespace fashion_mnist;
  settings set;
  std::string processes;  // read by tutti::run, named here for --help
  CLI::App app{"Trains a 784-64-10 classifier on Fashion-MNIST, on any number of processes, to the same bits."};
  app.option_defaults()->always_capture_default();
  app.allow_extras();
  app.add_option("--np", processes, "processes on this host; without it, one")->type_name("N")->default_str("");
  app.add_option("--strategy", set.strategy, "how the processes share the work")->check(CLI::IsMember(names()));
  app.add_option("--epochs", set.epochs, "passes over the training set")->check(CLI::Range(1, 1000));
  app.add_option("--batch", set.batch, "samples per step, over all processes")->check(CLI::Range(1, 60000));
  app.add_option("--slots", set.slots, "parts of a batch; the model depends on it, not on --np")
      ->check(CLI::Range(1, 1024));
  app.add_option("--data", set.data, "directory of the four .gz files");
  app.add_option("--seed", set.seed, "of the weights and of the order of samples")->check(CLI::NonNegativeNumber);
  app.add_option("--lr", set.learning_rate, "learning rate of Adam, falling linearly to 0")->check(CLI::PositiveNumber);
  dataset data;
  bool generated = false;
  try {
    app.parse(argc, argv);
    if (auto const unknown = unknown_argument(app.remaining()); !unknown.empty()) throw CLI::ExtrasError({unknown});
    // Read before the processes part, so that they share the memory of the images.
    generated = app.count("--data") == 0 && !std::filesystem::is_directory(set.data);
    data = generated ? generate_dataset() : read_dataset(set.data);
  } catch (CLI::CallForHelp const& help) {
    return app.exit(help);
  } catch (CLI::ParseError const& e) {
    std::fprintf(stderr, "fashion_mnist: %s (--help shows the options)\n", e.what());
    return 2;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "fashion_mnist: %s\n", e.what());
    return 1;
  }
  return tutti::run(argc, argv, [&](tutti::communicator& world) {
    if (generated && world.rank() == 0) {
      std::printf("%s is absent (dataset-fashion-mnist): training on a generated set of the same shape\n",
                  set.data.c_str());
    }
    train(world, set, data);
  });
}
