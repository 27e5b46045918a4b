// expect: tutti: nothing leads from this placement to that one: only a sum can be taken apart into terms
#include <tutti/shard/reshard.hpp>

struct tp;
auto highs(tutti::grid<tp>& g, tutti::replicated<tp, float> const& x) {
  return redistribute<tutti::partial<tp, tutti::max>>(g, x);
}
int main() {}
