// expect: tutti: a struct with base classes is not a plain aggregate
#include <tutti/model/visit.hpp>
struct base {
  float x = 0;
};
struct net : base {
  float y = 0;
};
int main() {
  net m;
  tutti::for_each_tensor(m, [](auto) {});
}
