// SPDX-License-Identifier: BSL-1.0
// The mean of a gradient of 8 MiB, plain and compressed: milliseconds, and how many times faster than data_parallel.
//
//   g++ -std=c++20 -O2 -pthread -Iinclude tests/bench/compressed.cpp -o compressed && ./compressed --np 2
//
// Between hosts it is started as any program is (docs/launching.md); docs/compression.md has what it printed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <tutti/tutti.hpp>
#include <vector>

#include <tutti/train/compress.hpp>

namespace {

std::vector<float> noise() {
  std::vector<float> numbers(std::size_t{2} << 20U);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<float>(i * 2654435761U % 1000) * 0.001F - 0.5F;
  return numbers;
}

/// The best of four, after one that does not count; of the slowest rank, in milliseconds.
template <class Sync>
double best(tutti::communicator& world, Sync sync) {
  auto const fresh = noise();
  double least = 1e9;
  for (int i = 0; i < 5; ++i) {
    auto gradient = fresh;
    barrier(world);
    auto const begin = std::chrono::steady_clock::now();
    sync(gradient);
    std::chrono::duration<double, std::milli> const mine = std::chrono::steady_clock::now() - begin;
    double const slowest = allreduce(world, mine.count(), tutti::max);
    if (i > 0) least = std::min(least, slowest);
  }
  return least;
}

}  // namespace

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    auto const like = noise();
    tutti::data_parallel plain{world, like};
    double const floats = best(world, [&](auto& gradient) { plain.sync(gradient, 1.0); });
    auto const report = [&](char const* name, double ms) {
      if (world.rank() == 0) std::printf("%-14s %7.1f ms  %5.2f x\n", name, ms, floats / ms);
    };
    report("data_parallel", floats);
    auto const measure = [&](char const* name, auto scheme) {
      tutti::compressed dp{world, like, scheme};
      report(name, best(world, [&](auto& gradient) { dp.sync(gradient, 1.0); }));
    };
    measure("bfloat16", tutti::compress::bfloat16{});
    measure("half", tutti::compress::half{});
    measure("int8", tutti::compress::int8{});
    measure("top_k 1 %", tutti::compress::top_k{0.01});
  });
}
