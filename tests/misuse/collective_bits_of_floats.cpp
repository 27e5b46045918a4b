// expect: no matching function for call to
#include <vector>

#include <tutti/collective/allreduce.hpp>

void ors(tutti::communicator& world, std::vector<float>& x) { allreduce(world, x, tutti::bit_or); }
int main() {}
