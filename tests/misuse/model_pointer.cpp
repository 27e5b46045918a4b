// expect: tutti: a raw pointer says neither how much it points to nor who owns it
#include <tutti/model/visit.hpp>
struct net {
  float* weight = nullptr;
};
int main() {
  net m;
  tutti::for_each_tensor(m, [](auto) {});
}
