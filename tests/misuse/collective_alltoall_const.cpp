// expect: no matching function for call to
#include <vector>

#include <tutti/collective/alltoall.hpp>

void swap_blocks(tutti::communicator& world, std::vector<float> const& blocks) { alltoall(world, blocks); }
int main() {}
