// expect: tutti: this type is neither numbers, nor a container, nor a plain struct
#include <mutex>
#include <tutti/model/visit.hpp>
int main() {
  std::mutex m;
  tutti::for_each_tensor(m, [](auto) {});
}
