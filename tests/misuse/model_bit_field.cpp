// expect: bit-field
#include <tutti/model/visit.hpp>
struct net {
  int a : 3;
  int b;
};
int main() {
  net m{};
  tutti::for_each_tensor(m, [](auto) {});
}
