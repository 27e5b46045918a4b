// expect: tutti: a partial tensor holds one term of a sum, not its value; make the sum first
#include <tutti/shard/reshard.hpp>

struct tp;
float first(tutti::partial<tp, tutti::sum, float> const& gradient) { return gradient[0]; }
int main() {}
