// expect: nodiscard
#include <tutti/collective/allreduce.hpp>
#pragma GCC diagnostic error "-Wunused-result"

void sums(tutti::communicator& world, float loss) { allreduce(world, loss); }
int main() {}
