// expect: no matching function for call to
#include <vector>

#include <tutti/collective/scan.hpp>

void offsets(tutti::communicator& world, std::vector<long> const& counts) { exscan(world, counts); }
int main() {}
