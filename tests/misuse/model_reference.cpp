// expect: tutti: every field of a plain struct must be initialisable from {}, so none may be a reference
#include <tutti/model/visit.hpp>
struct net {
  float& weight;
};
int main() {
  float x = 0;
  net m{x};
  tutti::for_each_tensor(m, [](auto) {});
}
