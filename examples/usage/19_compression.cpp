// SPDX-License-Identifier: BSL-1.0
// Gradients in a quarter of the bytes: what rounding loses at one step is sent with the next.
//
// Run: ./19_compression --np 4
// Output:
//   fitted to 0.001: yes
//   sent at most a third of the bytes of floats: yes
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tutti/train.hpp>
#include <vector>

namespace {

constexpr std::size_t numbers = 20'000;
float target(std::size_t i) { return std::sin(static_cast<float>(i)); }

/// Sample s wants every number (s - 9.5) / 10 above its target: the samples agree in their mean alone.
std::vector<float> gradient_of(std::vector<float> const& model, std::vector<int> const& samples) {
  std::vector<float> sum(numbers);
  for (int const s : samples)
    for (std::size_t i = 0; i < numbers; ++i) sum[i] += model[i] - target(i) - (static_cast<float>(s) - 9.5F) / 10;
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    std::vector<int> mine;
    for (int s = world.rank(); s < 20; s += world.size()) mine.push_back(s);
    std::vector<float> model(numbers), gradient(numbers);
    tutti::sgd optimizer{0.1};

    tutti::compressed dp{world, gradient, tutti::compress::int8{}};
    for (int step = 0; step < 200; ++step) {
      gradient = gradient_of(model, mine);  // the sum over this rank's samples
      dp.sync(gradient, static_cast<double>(mine.size()));
      optimizer.step(model, gradient);
    }

    float worst = 0;
    for (std::size_t i = 0; i < numbers; ++i) worst = std::max(worst, std::abs(model[i] - target(i)));
    double const p = world.size();
    double const floats = 200 * 2 * (p - 1) / p * 4 * numbers;
    double const sent = allreduce(world, static_cast<double>(world.stats().bytes_sent)) / p;
    if (world.rank() != 0) return;
    std::printf("fitted to 0.001: %s\n", worst < 1e-3F ? "yes" : "no");
    std::printf("sent at most a third of the bytes of floats: %s\n", sent <= floats / 3 ? "yes" : "no");
  });
}
