// SPDX-License-Identifier: BSL-1.0
// Broadcast an object: strings, maps and vectors of your own plain struct arrive with their sizes. No macro, no base
// class, nothing to register.
//
// Run: ./02_broadcast_object --np 4
// Output:
//   [r3] experiment 'digits' has 3 layers of 784 64 10 and lr = 0.001
#include <cstdio>
#include <map>
#include <string>
#include <tutti/tutti.hpp>
#include <vector>

struct experiment {
  std::string name;
  std::vector<int> layers;
  std::map<std::string, double> settings;
};

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    experiment e;
    if (world.rank() == 0) e = {"digits", {784, 64, 10}, {{"lr", 1e-3}, {"epochs", 5}}};
    broadcast(world, e);  // from rank 0, unless told otherwise

    if (world.rank() == world.size() - 1) {  // rank 0's output passes unchanged, others' lines get a prefix
      std::printf("experiment '%s' has %zu layers of", e.name.c_str(), e.layers.size());
      for (int width : e.layers) std::printf(" %d", width);
      std::printf(" and lr = %g\n", e.settings.at("lr"));
    }
  });
}
