// expect: tutti: both buffers of a gather have one element type.
#include <vector>

#include <tutti/collective/gather.hpp>

void gathers(tutti::communicator& world, std::vector<float> const& mine, std::vector<double>& all) {
  gather(world, mine, all);
}
int main() {}
