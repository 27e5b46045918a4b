// expect: no matching function for call to
#include <span>

#include <tutti/collective/reduce.hpp>

void sums(tutti::communicator& world, std::span<float const> gradient) { reduce(world, gradient, tutti::sum, 0); }
int main() {}
