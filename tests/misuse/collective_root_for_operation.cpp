// expect: no matching function for call to
#include <vector>

#include <tutti/collective/reduce.hpp>

void sums(tutti::communicator& world, std::vector<float>& gradient) { reduce(world, gradient, 1); }
int main() {}
