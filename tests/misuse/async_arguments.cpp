// expect: these are not the arguments of the blocking call of that name, followed by a completion token or nothing
#include <vector>

#include <tutti/async.hpp>

void sums(tutti::communicator& world, std::vector<float> const& gradient) { async_allreduce(world, gradient); }
int main() {}
