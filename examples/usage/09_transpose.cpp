// SPDX-License-Identifier: BSL-1.0
// Everyone sends everyone something of its own: exscan numbers the lines of all ranks without a gap, and an uneven
// alltoall brings each line to the rank that is responsible for its number.
//
// Run: ./09_transpose --np 3
// Output:
//   rank 0 holds lines 0 3 6
//   rank 1 holds lines 1 4 7
//   rank 2 holds lines 2 5 8
#include <cstdio>
#include <string>
#include <tutti/tutti.hpp>
#include <vector>

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    int const mine = 2 + world.rank();  // lines: 2, 3, 4, …
    int const below = exscan(world, mine);
    int const first = world.rank() == 0 ? 0 : below;  // below rank 0 there is no one: exscan gave `mine` back

    tutti::ragged<int> out;
    for (int q = 0; q < world.size(); ++q) {
      std::vector<int> lines;
      for (int i = first; i < first + mine; ++i) {
        if (i % world.size() == q) lines.push_back(i);
      }
      out.push_back(lines);
    }
    tutti::ragged<int> const in = alltoall(world, out);  // block q came from rank q

    std::string text;
    for (int line : in.values) text += " " + std::to_string(line);
    std::vector<std::string> const all = gather(world, text);
    for (std::size_t r = 0; r < all.size(); ++r) std::printf("rank %zu holds lines%s\n", r, all[r].c_str());
  });
}
