// expect: tutti: ranks cannot make this product of what they have; redistribute a factor first.
#include <tutti/train/matmul.hpp>

struct tp;
auto multiplied(tutti::split<tp, 0, float> const& x, tutti::split<tp, 1, float> const& w) { return matmul(x, w); }
int main() {}
