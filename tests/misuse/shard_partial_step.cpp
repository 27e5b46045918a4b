// expect: tutti: a partial tensor holds one term of a sum, not its value; make the sum first
#include <tutti/shard/reshard.hpp>
#include <tutti/train/sgd.hpp>

struct dp;
void step(tutti::replicated<dp, float>& weight, tutti::partial<dp, tutti::sum, float> const& gradient) {
  tutti::sgd{}.step(weight, gradient);  // the allreduce is forgotten
}
int main() {}
