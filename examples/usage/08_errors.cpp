// SPDX-License-Identifier: BSL-1.0
// A mistake is an exception on every rank, never a hang: here rank 2 brings one element too few. The full text, on
// stderr, names both calls with their source lines.
//
// Run: ./08_errors --np 4
// Output:
//   kind: mismatch
//   rank to blame: 2
//   the same at every later call: yes
#include <cstdio>
#include <string>
#include <tutti/tutti.hpp>
#include <vector>

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    std::vector<int> x(world.rank() == 2 ? 3 : 4);
    try {
      allreduce(world, x, {.label = "x"});
    } catch (tutti::error const& e) {
      if (world.rank() != 0) return;
      std::fprintf(stderr, "%s\n", e.what());
      std::printf("kind: %s\nrank to blame: %d\n", std::string(to_string(e.kind())).c_str(), e.rank());
      std::printf("the same at every later call: ");
      try {
        barrier(world);
      } catch (tutti::error const& again) {
        std::printf("%s\n", again.kind() == e.kind() ? "yes" : "no");
      }
    }
  });
}
