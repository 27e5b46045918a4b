// expect: no matching function for call to
#include <vector>

#include <tutti/collective/send.hpp>

void take(tutti::communicator& world, std::vector<float> const& data) { recv(world, data, 0); }
int main() {}
