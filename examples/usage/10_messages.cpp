// SPDX-License-Identifier: BSL-1.0
// Messages between two ranks: rank 0 hands out work of any length and takes results; then everyone passes its number
// around a circle, and sums what its neighbours hold. None of these can deadlock, whoever sends first.
//
// Run: ./10_messages --np 3
// Output:
//   rank 1 says: 3 words
//   rank 2 says: 2 words
//   rank 0 was passed 2, its neighbours hold 3
//   rank 1 was passed 0, its neighbours hold 2
//   rank 2 was passed 1, its neighbours hold 1
#include <cstdio>
#include <string>
#include <tutti/tutti.hpp>
#include <vector>

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    int const me = world.rank(), p = world.size();
    std::vector<std::string> const words{"do", "re", "mi", "fa", "sol"};
    if (me == 0) {
      for (int r = 1; r < p; ++r) {
        std::vector<std::string> share;
        for (std::size_t i = 0; i < words.size(); ++i) {
          if (static_cast<int>(i) % (p - 1) == r - 1) share.push_back(words[i]);
        }
        send(world, share, r);
      }
      for (int r = 1; r < p; ++r) std::printf("rank %d says: %s\n", r, tutti::recv<std::string>(world, r).c_str());
    } else {
      std::vector<std::string> share;
      recv(world, share, 0);  // a vector takes whatever length has come
      send(world, std::to_string(share.size()) + " words", 0);
    }

    int const passed = shift(world, me);  // from rank me - 1, to rank me + 1
    std::vector<int> const out{me, me};
    std::vector<int> in(2);
    neighbour_exchange(world, {(me + p - 1) % p, (me + 1) % p}, out, in);
    std::string const line = "rank " + std::to_string(me) + " was passed " + std::to_string(passed) +
                             ", its neighbours hold " + std::to_string(in[0] + in[1]);
    for (std::string const& text : gather(world, line)) std::printf("%s\n", text.c_str());
  });
}
