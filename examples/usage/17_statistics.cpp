// SPDX-License-Identifier: BSL-1.0
// Statistics of data that no process holds whole: every rank adds what it has to a small summary, allreduce merges
// them. Add a summary of your own: all it needs is merge().
//
// Run: ./17_statistics --np 4
// Output:
//   1000000 heights: mean 175.000 cm, deviation 2.887 cm, min 170.000, max 180.000
//   half are below 175.0 cm, nine in ten below 179.0 cm
//   height and weight correlate by 0.96
//   tallest: number 999999
//   one in ten is 179 cm or more: 100000
#include <array>
#include <cstdio>
#include <tutti/data.hpp>
#include <vector>

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    tutti::moments height;
    tutti::covariance both(2);
    tutti::quantiles order;
    tutti::histogram centimetres(10, 170, 180);
    tutti::top_k<double> tallest(1);

    tutti::partition const people(1'000'000, world.size(), tutti::cyclic{});
    for (auto const i : people.local(world.rank())) {
      double const tall = 170 + 10 * static_cast<double>(i) / 1e6;
      double const heavy = tall - 100 + static_cast<double>(i * 7919 % 1000) / 333;
      height.add(tall);
      both.add(std::array{tall, heavy});
      order.add(tall);
      centimetres.add(tall);
      tallest.add(tall, static_cast<std::int64_t>(i));
    }

    height = allreduce(world, height, tutti::merge);
    both = allreduce(world, both, tutti::merge);
    order = allreduce(world, order, tutti::merge);
    centimetres = allreduce(world, centimetres, tutti::merge);
    tallest = allreduce(world, tallest, tutti::merge);

    if (world.rank() != 0) return;
    std::printf("%llu heights: mean %.3f cm, deviation %.3f cm, min %.3f, max %.3f\n",
                static_cast<unsigned long long>(height.count()), height.mean(), height.deviation(), height.min(),
                height.max());
    auto const at = order.at({0.5, 0.9});
    std::printf("half are below %.1f cm, nine in ten below %.1f cm\n", at[0], at[1]);
    std::printf("height and weight correlate by %.2f\n", both.correlation(0, 1));
    std::printf("tallest: number %lld\n", static_cast<long long>(tallest.items()[0].index));
    std::printf("one in ten is 179 cm or more: %llu\n", static_cast<unsigned long long>(centimetres.counts()[9]));
  });
}
