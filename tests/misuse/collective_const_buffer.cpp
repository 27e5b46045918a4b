// expect: no matching function for call to
#include <vector>

#include <tutti/collective/allreduce.hpp>

void sums(tutti::communicator& world, std::vector<float> const& gradient) { allreduce(world, gradient); }
int main() {}
