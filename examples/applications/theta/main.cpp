// SPDX-License-Identifier: BSL-1.0
// Gradient descent on mean(theta²), the parameters cut among the processes: the smallest training there is. Each step
// multiplies every parameter by 1 - 2 rate / n, so after 1000 steps of rate 0.01 on 1000 parameters the loss is
// (1 - 2e-5)^2000 = 0.9608 of what it was, on any number of processes. That it moves so little is no fault of theirs:
// the mean over n makes each gradient n times smaller. With rate 10 the loss is gone.
//
// Run: ./theta --np 4 [RATE [STEPS]]
//
// Any number of processes prints the same last line.
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <tutti/train.hpp>
#include <vector>

#include "../fashion_mnist/progress.hpp"

namespace theta {

struct settings {
  double rate = 0.01;
  std::uint64_t steps = 1000;
  std::uint64_t parameters = 1000;
};

struct row {
  std::uint64_t parameters = 0;
  double before = 0;  ///< the sum of squares
  double after = 0;
  std::uint64_t bytes_sent = 0;
};

/// In [-1, 1), the same on every platform.
double initial(std::uint64_t i) {
  tutti::fnv1a hash;
  hash.add(i).add(std::uint64_t{1});
  return static_cast<double>(hash.value() >> 11U) * 0x1p-52 - 1;
}

tutti::summed squares(std::vector<double> const& values) {
  tutti::summed all{0, static_cast<double>(values.size())};
  for (double const v : values) all.sum += v * v;
  return all;
}

void train(tutti::communicator& world, settings const& set) {
  std::vector<double> mine, gradient;
  for (auto const i : tutti::partition(set.parameters, world.size(), tutti::block{}).local(world.rank()))
    mine.push_back(initial(i));
  tutti::sgd optimizer{.lr = set.rate};
  row report{mine.size(), squares(mine).sum};

  double const first = allreduce(world, squares(mine)).mean();
  fashion_mnist::progress bar("steps", set.steps, world.rank() == 0);
  for (std::uint64_t step = 0; step < set.steps; ++step) {
    gradient = mine;
    for (double& g : gradient) g *= 2 / static_cast<double>(set.parameters);
    optimizer.step(mine, gradient);
    if ((step + 1) % 100 != 0) continue;  // the loss is for people: training needs no communication here
    double const loss = allreduce(world, squares(mine)).mean();
    bar.show(step + 1, [&] { return "loss=" + std::to_string(loss); });
  }
  double const last = allreduce(world, squares(mine)).mean();
  bar.clear();

  report.after = squares(mine).sum;
  report.bytes_sent = world.stats().bytes_sent;
  std::vector<row> rows(static_cast<std::size_t>(world.size()));
  gather(world, std::vector{report}, rows);
  auto const all = gather(world, mine);
  if (world.rank() != 0) return;
  std::printf("%4s  %10s  %12s  %12s  %10s\n", "rank", "parameters", "loss before", "loss after", "bytes sent");
  for (std::size_t r = 0; r < rows.size(); ++r) {
    double const n = static_cast<double>(set.parameters);
    std::printf("%4zu  %10" PRIu64 "  %12.6f  %12.6f  %10" PRIu64 "\n", r, rows[r].parameters, rows[r].before / n,
                rows[r].after / n, rows[r].bytes_sent);
  }
  tutti::fnv1a hash;
  for (double const v : all.values) hash.add(std::as_bytes(std::span(&v, 1)));
  std::printf("ratio=%.4f model=%016" PRIx64 "\n", last / first, hash.value());
}

/// The numbers behind the program's name; false if one is none, or not positive.
bool read(int argc, char** argv, settings& set) {
  double numbers[] = {set.rate, static_cast<double>(set.steps)};
  if (argc > 3) return false;
  for (int i = 1; i < argc; ++i) {
    char* end = nullptr;
    numbers[i - 1] = std::strtod(argv[i], &end);
    if (end == argv[i] || *end != '\0' || !(numbers[i - 1] > 0) || !(numbers[i - 1] < 1e9)) return false;
  }
  set.rate = numbers[0];
  set.steps = static_cast<std::uint64_t>(numbers[1]);
  return true;
}

}  // namespace theta

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [&](tutti::communicator& world) {
    theta::settings set;
    if (!theta::read(argc, argv, set)) {
      if (world.rank() == 0) std::fprintf(stderr, "theta: RATE and STEPS must be positive numbers, nothing else\n");
      return 2;
    }
    theta::train(world, set);
    return 0;
  });
}
