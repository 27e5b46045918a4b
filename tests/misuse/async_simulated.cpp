// expect: a simulated rank has no event loop; its asynchronous calls return futures
#include <vector>

#include <tutti/async.hpp>
#include <tutti/sim.hpp>

void sums(tutti::sim_communicator& world, std::vector<float>& gradient) {
  async_allreduce(world, gradient, [](std::exception_ptr) {});
}
int main() {}
