// SPDX-License-Identifier: BSL-1.0
// Groups: a grid names its axes by types, so that "the ranks that hold the same data" is a communicator; several small
// calls become one message train; and everyone learns whether all agree.
//
// Run: ./13_groups --np 4
// Output:
//   rank 0: row sum 1, column sum 2
//   rank 1: row sum 1, column sum 4
//   rank 2: row sum 5, column sum 2
//   rank 3: row sum 5, column sum 4
//   all: sum 6, largest 3, agreed
#include <cstdio>
#include <string>
#include <tutti/tutti.hpp>
#include <vector>

struct rows;
struct columns;

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    tutti::grid<rows, columns> box = world.grid<rows, columns>(2, world.size() / 2);
    int const row = allreduce(box.along<columns>(), world.rank());  // over the ranks of my row
    int const column = allreduce(box.along<rows>(), world.rank());
    std::string const mine = "rank " + std::to_string(world.rank()) + ": row sum " + std::to_string(row) +
                             ", column sum " + std::to_string(column);
    for (std::string const& line : gather(world, mine)) std::printf("%s\n", line.c_str());

    std::vector<int> sum{world.rank()}, largest{world.rank()};
    tutti::fused together(world);
    together.allreduce(sum);
    together.allreduce(largest, tutti::max);
    together.run();
    if (world.agree(sum[0] >= largest[0]) && world.rank() == 0)
      std::printf("all: sum %d, largest %d, agreed\n", sum[0], largest[0]);
  });
}
