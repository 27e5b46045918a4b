// SPDX-License-Identifier: BSL-1.0
// Place rows by what is known of them: texts of very different lengths lie in blocks; advise() compares placements, and
// redistribute() sends the rows whose owner changes. With copies, the same arithmetic says who takes over.
//
// Run: ./14_partition --np 3
// Output:
//   scheme              rows    time  labels     to move    per pass
//   block              1.00x   2.26x   0.000         0 B      0.15 s
//   cyclic             1.00x   1.28x   0.000       240 B     0.085 s
//   by_cost            1.50x   1.01x   0.000       320 B     0.067 s  <- advised
//   rank 0 has 2 texts, 66 letters
//   rank 1 has 4 texts, 66 letters
//   rank 2 has 6 texts, 67 letters
//   without rank 1: 12 items over 3 ranks, survivors: 6 0 6; memory O(ranks), 64 bytes
#include <cstdio>
#include <string>
#include <tutti/data.hpp>
#include <vector>

int main(int argc, char** argv) {
  return tutti::run(argc, argv, [](tutti::communicator& world) {
    tutti::partition const blocks(12, world.size(), tutti::block{});
    std::vector<std::string> texts;
    std::vector<double> lengths;
    for (auto i : blocks.local(world.rank())) {
      texts.emplace_back(i < 4 ? 60 - 15 * i : 2 + i % 9, 'x');
      lengths.push_back(1e-3 * static_cast<double>(texts.back().size()));  // seconds of work
    }
    std::vector<double> const costs = allgather(world, lengths).values;  // of all texts, in the order of blocks

    tutti::partition const dealt(12, world.size(), tutti::cyclic{});
    tutti::partition const even(12, world.size(), tutti::by_cost{costs});
    auto const advice = advise(world, {.costs = lengths, .row_bytes = 40}, {blocks, dealt, even});
    if (world.rank() == 0) std::printf("%s", advice.explain().c_str());

    texts = redistribute(world, texts, blocks, even);  // row t is now item even.local(rank)[t]
    std::size_t letters = 0;
    for (auto const& text : texts) letters += text.size();
    std::string const mine = "rank " + std::to_string(world.rank()) + " has " + std::to_string(texts.size()) +
                             " texts, " + std::to_string(letters) + " letters";
    for (std::string const& line : gather(world, mine)) std::printf("%s\n", line.c_str());

    if (world.size() == 1 || world.rank() > 0) return;
    auto const copies = tutti::with_copies<2>(even);  // each text on its owner and the next rank
    std::printf("without rank 1: %s\n", copies.without({1}).explain().c_str());
  });
}
