// SPDX-License-Identifier: BSL-1.0
// Rows that say themselves where they belong: stratified and sorted shares, cross-validation with each patient in one
// fold, a map over tasks of unequal length, and a count by key. Every rank begins with rows of its own.
//
// Run: ./16_folds --np 3
// Output:
//   rank 0: 6 well, 4 ill
//   rank 1: 7 well, 3 ill
//   rank 2: 7 well, 3 ill
//   ages on rank 0: 20 to 31
//   mean error of 5 folds: 11.1 years
//   primes below 1000, 2000, 3000: 168 303 430
//   visits per patient: 5
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <tutti/data.hpp>
#include <vector>

struct visit {
  std::uint32_t patient;
  int age;
  bool ill;
};

int primes_below(int n) {
  int found = 0;
  for (int i = 2; i < n; ++i) {
    bool prime = true;
    for (int d = 2; d * d <= i; ++d) prime = prime && i % d != 0;
    found += prime ? 1 : 0;
  }
  return found;
}

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    std::vector<visit> visits;  // 30 in all, of 6 patients; this rank has a run of them
    for (auto const i : tutti::partition(30, world.size(), tutti::block{}).local(world.rank())) {
      auto const n = static_cast<std::uint32_t>(i);
      visits.push_back({n % 6, 20 + static_cast<int>(n * 7 % 40), n % 3 == 0});
    }

    // The same mix of ill and well on every rank. The rows travel once, straight to where they belong.
    std::vector<visit> const mixed = repartition(world, visits, tutti::stratified(&visit::ill));
    int ill = 0;
    for (visit const& v : mixed) ill += v.ill ? 1 : 0;
    std::string const mine = "rank " + std::to_string(world.rank()) + ": " +
                             std::to_string(static_cast<int>(mixed.size()) - ill) + " well, " + std::to_string(ill) +
                             " ill";
    for (std::string const& line : gather(world, mine)) std::printf("%s\n", line.c_str());

    // Ranges of ages: rank 0 gets the youngest.
    int youngest = 99, oldest = 0;
    for (visit const& v : repartition(world, visits, tutti::sorted(&visit::age))) {
      youngest = v.age < youngest ? v.age : youngest;
      oldest = v.age > oldest ? v.age : oldest;
    }
    if (world.rank() == 0) std::printf("ages on rank 0: %d to %d\n", youngest, oldest);

    // Five models of the age, each judged by patients it has not seen.
    auto const train = [](tutti::communicator& group, std::vector<visit> const& rows) {
      tutti::summed age;
      for (visit const& v : rows) age += {static_cast<double>(v.age), 1};
      return allreduce(group, age).mean();
    };
    auto const eval = [](tutti::communicator& group, double model, std::vector<visit> const& rows) {
      tutti::summed error;
      for (visit const& v : rows) error += {std::abs(v.age - model), 1};
      return allreduce(group, error);
    };
    tutti::summed error;
    for (auto const& fold :
         cross_validate(world, visits, tutti::kfold(5, tutti::grouped(&visit::patient)), train, eval))
      error += fold;
    if (world.rank() == 0) std::printf("mean error of 5 folds: %.1f years\n", error.mean());

    // Tasks of unequal length: whoever is free takes the next; the results are in order, on every rank.
    std::vector<int> const limits{1000, 2000, 3000};
    std::vector<int> const primes = parallel_map(world, limits, primes_below);
    if (world.rank() == 0) std::printf("primes below 1000, 2000, 3000: %d %d %d\n", primes[0], primes[1], primes[2]);

    // Equal keys meet on one rank.
    auto const visits_of = [](visit const& v, auto const& emit) { emit(v.patient, 1); };
    auto const counts = tutti::map_reduce<std::uint32_t, int>(world, visits, visits_of, std::plus<>());
    int most = 0;
    for (auto const& [patient, n] : counts) most = n > most ? n : most;
    most = allreduce(world, most, tutti::max);
    if (world.rank() == 0) std::printf("visits per patient: %d\n", most);
  });
}
